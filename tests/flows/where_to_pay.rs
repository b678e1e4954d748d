//! Where to pay stands on invoices, announced transfers and their mails, as it was when they were
//! issued; the reference of an announced transfer names all that it pays.

use crate::{
    announced::{cancel, get, transfer},
    bank::{camt_in, import, paid},
    clocks::{advance, start},
    collections::{DAY, START},
    documents::{acme, business},
    invariants,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    months::remind,
    payments::{Till, till},
    rig::until,
    versions::correct,
};
use payterms_proto::invoicing::v1::{
    BusinessDetails, CreateCreditNoteRequest, CreatePaymentRequest, GetDocumentRequest, Invoice,
    InvoiceToPay, MailKind, Payment, bank_line::SuggestReason, invoice, payment::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both};

on_both!(
    an_invoice_keeps_where_to_pay_and_its_mails_say_it,
    an_announced_transfer_is_mailed_once_with_where_it_goes,
    the_reference_of_an_announced_transfer_pays_all_that_it_names,
);

const DETAILS: &str = "Acme Telecom\nIBAN DE89 3704 0044 0532 0130 00\nBIC COBADEFFXXX";
const MOVED: &str = "Acme Telecom\nIBAN BE30 5390 0224 8996";

/// A reference in groups of four, as people read it.
pub(crate) fn grouped(reference: &str) -> String {
    let groups: Vec<_> = reference
        .as_bytes()
        .chunks(4)
        .map(|group| String::from_utf8_lossy(group).into_owned())
        .collect();
    groups.join(" ")
}

fn with_account(bank_details: &str) -> BusinessDetails {
    BusinessDetails { bank_details: bank_details.into(), ..acme() }
}

fn details(invoice: &Invoice) -> &str {
    &invoice.seller.as_ref().unwrap().bank_details
}

async fn printed(session: &Session, name: &str) -> Vec<u8> {
    let get = GetDocumentRequest { name: name.into() };
    let document =
        session.documents().get_document(get).await.unwrap().into_inner().document.unwrap();
    assert!(document.content.starts_with(b"%PDF"));
    document.content.to_vec()
}

async fn an_invoice_keeps_where_to_pay_and_its_mails_say_it(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let owner = world.someone("OWNER", None);
    let euros = || draft(&customer, "EUR", vec![line("Plan", amount("EUR", 1_234, 50))]);
    let before = issued(&owner, euros()).await;
    assert_eq!(details(&before), "");
    let without = printed(&owner, &before.name).await.len();
    business(world, with_account("Acme Telecom, BSB 062-000, account 1234 5678")).await;
    let plain = issued(&owner, euros()).await;
    let plain = printed(&owner, &plain.name).await.len();
    business(world, with_account(DETAILS)).await;
    let invoice = issued(&owner, euros()).await;
    assert_eq!(
        (details(&invoice), invoice.buyer.as_ref().unwrap().bank_details.as_str()),
        (DETAILS, "")
    );
    let document = printed(&owner, &invoice.name).await;
    assert!(
        without < plain && plain + 500 < document.len(),
        "details, and a code: {without} {plain} {}",
        document.len()
    );
    business(world, with_account(MOVED)).await;
    assert_eq!(
        details(&read(&owner, &invoice.name).await.unwrap()),
        DETAILS,
        "what is issued stays"
    );
    assert_eq!(printed(&owner, &invoice.name).await, document);
    assert_eq!(printed(&owner, &before.name).await.len(), without);
    let version = correct(&owner, &invoice.name).await.unwrap();
    assert_eq!(
        version.seller.as_ref().unwrap().bank_details,
        MOVED,
        "a later version has what holds then"
    );
    assert_ne!(printed(&owner, &version.name).await, document);
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("EUR", 34, 50),
        explanation: "Goodwill".into(),
    };
    owner.invoices().create_credit_note(note).await.unwrap();
    remind(world, &[-3]).await;
    advance(world, START + 28 * DAY).await;
    let reminders = mails_of(&owner, MailKind::Reminder, 3).await;
    let this_mail = reminders.iter().find(|mail| mail.subject.contains(&invoice.number)).unwrap();
    let words = text(&owner, this_mail).await;
    for part in [MOVED, &grouped(&invoice.payment_reference), "1,200.00\u{a0}EUR"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    advance(world, START + 32 * DAY).await;
    let mail = mails_of(&owner, MailKind::Statement, 1).await.remove(0);
    let words = text(&owner, &mail).await;
    for part in [MOVED, &grouped(&before.payment_reference), &grouped(&invoice.payment_reference)] {
        assert!(words.contains(part), "{part} in {words}");
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

fn announcement(customer: &str, invoices: &[&Invoice]) -> CreatePaymentRequest {
    CreatePaymentRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoices: invoices
            .iter()
            .map(|invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None })
            .collect(),
        tenders: vec![transfer()],
        ..Default::default()
    }
}

async fn announce(session: &Session, request: CreatePaymentRequest) -> Payment {
    session.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
}

async fn an_announced_transfer_is_mailed_once_with_where_it_goes(world: &World) {
    let Till { customer, owner, admin, invoice, .. } = &till(world, 0).await;
    business(world, with_account(DETAILS)).await;
    let request = announcement(customer, &[invoice]);
    let payment = announce(admin, request.clone()).await;
    assert_eq!(
        (payment.reference.as_str(), payment.bank_details.as_str()),
        (invoice.payment_reference.as_str(), DETAILS)
    );
    assert_eq!(announce(admin, request).await, payment, "announced once");
    business(world, with_account(MOVED)).await;
    assert_eq!(get(admin, &payment).await, payment);
    let mail = mails_of(owner, MailKind::TransferAnnounced, 1).await.remove(0);
    assert_eq!(mail.recipients, ["billing@brightside.example"]);
    let words = text(owner, &mail).await;
    let page = payment.name.rsplit('/').next().unwrap();
    for part in [DETAILS, &grouped(&payment.reference), &invoice.number, "100.00\u{a0}USD", page] {
        assert!(words.contains(part), "{part} in {words}");
    }
    invariants::hold(world).await;
}

async fn the_reference_of_an_announced_transfer_pays_all_that_it_names(world: &World) {
    let Till { customer, owner, admin, invoice: first, .. } = &till(world, 0).await;
    let more = async |units| {
        issued(owner, draft(customer, "USD", vec![line("More", amount("USD", units, 0))])).await
    };
    let second = more(50).await;
    let waiting = announce(admin, announcement(customer, &[first, &second])).await;
    let reference = waiting.reference.clone();
    assert!(
        reference.starts_with("RF")
            && ![&first.payment_reference, &second.payment_reference].contains(&&reference),
        "{reference}"
    );
    assert_eq!(waiting.bank_details, "", "the tenant has not said where transfers go");
    let words = text(owner, &mails_of(owner, MailKind::TransferAnnounced, 1).await[0]).await;
    assert!(
        words.contains(&format!("{}, {}", first.number, second.number))
            && words.contains(&grouped(&reference)),
        "{words}"
    );
    let written = grouped(&reference).to_lowercase();
    let answer = import(owner, camt_in("USD", &[("150.00", &written, "W1")])).await.unwrap();
    let (line, _) = paid(owner, &answer.bank_lines[0].name).await;
    assert_eq!(line.payment, waiting.name, "the line is what was announced");
    for invoice in [first, &second] {
        assert_eq!(read(owner, &invoice.name).await.unwrap().state(), invoice::State::Paid);
    }
    // One that is not awaited any more still names its invoices.
    let (third, fourth) = (more(30).await, more(20).await);
    let gone = announce(admin, announcement(customer, &[&third, &fourth])).await;
    assert_eq!(cancel(admin, &gone).await.unwrap().state(), State::Cancelled);
    assert_ne!(gone.reference, reference);
    let answer = import(
        owner,
        camt_in("USD", &[("50.00", &gone.reference, "W2"), ("150.00", &reference, "W3")]),
    )
    .await
    .unwrap();
    let (line, payment) = paid(owner, &answer.bank_lines[0].name).await;
    assert!(line.payment != gone.name && payment.allocations.len() == 2, "{payment:?}");
    for invoice in [&third, &fourth] {
        assert_eq!(
            until(
                async || read(owner, &invoice.name).await,
                |invoice| invoice.state() == invoice::State::Paid
            )
            .await
            .open,
            amount("USD", 0, 0)
        );
    }
    let again = &answer.bank_lines[1];
    assert_eq!(
        again.suggest_reasons().collect::<Vec<_>>(),
        [SuggestReason::InvoiceNotOpen],
        "paid already: a person looks"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
