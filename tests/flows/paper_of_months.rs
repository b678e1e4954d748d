//! Documents of months reach the customer: what was used, what a postpaid wallet owes, what a
//! statement says.

use crate::{
    bank::{camt_in, import, paid},
    clocks::advance,
    collections::{DAY, START},
    documents::{acme, business},
    invariants,
    invoices::{draft, issued, line},
    mails::{mails, mails_of, text},
    paper::content,
    payments::by,
    postpaid::{self, decide, first_of, nanos, used},
    top_ups::{buy, card},
    transfers,
};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        BusinessDetails, CreateCreditNoteRequest, Invoice, InvoiceToPay, ListInvoicesRequest,
        ListStatementsRequest, MailKind, RecordOutsidePaymentRequest, invoice::State,
    },
    wallet::v1::PostDebitRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    a_month_names_what_was_used_and_goes_in_one_mail,
    a_postpaid_decision_is_mailed_and_its_months_take_transfers_only,
    a_statement_says_what_is_late_and_given_back_and_leaves_an_unpaid_purchase_out,
);

async fn invoices_of(session: &Session, customer: &str) -> Vec<Invoice> {
    let list = ListInvoicesRequest { parent: customer.into(), ..Default::default() };
    session.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

async fn a_month_names_what_was_used_and_goes_in_one_mail(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    let usd = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&usd, "", amount("USD", 50, 0))).await.unwrap();
    used(&desk.service, &usd, "calls", "3", nanos("USD", 1, 2_345_000)).await.unwrap();
    used(&desk.service, &usd, "calls", "2", amount("USD", 2, 0)).await.unwrap();
    let debit = |description: &str, money| PostDebitRequest {
        request_id: request_id(),
        wallet: usd.clone(),
        amount: money,
        description: description.into(),
    };
    for (description, money) in [
        ("Number porting", amount("USD", 4, 0)),
        ("a", nanos("USD", 0, 4_000_000)),
        ("b", nanos("USD", 0, 4_000_000)),
    ] {
        desk.service.postings().post_debit(debit(description, money)).await.unwrap();
    }
    // In January something is invoiced, so that there is a mail of the month for what the turn
    // issues to go in.
    let other =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Plan", amount("USD", 40, 0))]))
            .await;
    mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await;
    advance(world, first_of(2) + 3 * 3_600).await;
    let month = invoices_of(&desk.admin, &desk.customer)
        .await
        .into_iter()
        .find(|invoice| invoice.usage_month.is_some())
        .unwrap();
    let quantity = |value: &str| Some(Decimal { value: value.into() });
    let told: Vec<_> = month
        .lines
        .iter()
        .map(|invoice_line| {
            (
                invoice_line.description.as_str(),
                invoice_line.quantity.clone(),
                invoice_line.unit_price.clone(),
                invoice_line.amount.clone(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("Number porting", quantity("1"), amount("USD", 4, 0), amount("USD", 4, 0)),
            ("calls", quantity("3"), nanos("USD", 1, 2_345_000), amount("USD", 3, 1)),
            ("calls", quantity("2"), amount("USD", 2, 0), amount("USD", 4, 0)),
            // Twice four thousandths: nothing each, a cent together.
            ("Other use, January 2026", quantity("1"), amount("USD", 0, 1), amount("USD", 0, 1)),
        ]
    );
    let mail = mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0);
    assert!(
        mail.attachments.contains(&other.name) && mail.attachments.contains(&month.name),
        "{mail:?}"
    );
    mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await;
    // Without a mail of the month, what the turn issues is mailed by itself that day.
    used(&desk.service, &usd, "texts", "1", amount("USD", 5, 0)).await.unwrap();
    advance(world, first_of(3) + 3 * 3_600).await;
    let all = mails(&desk.owner, MailKind::Statement).await;
    assert_eq!(all.len(), 2, "the month before was invoiced in February");
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_postpaid_decision_is_mailed_and_its_months_take_transfers_only(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    decide(&desk.owner, &desk.requested().await.name, false).await.unwrap();
    let refused = mails_of(&desk.owner, MailKind::PostpaidDecided, 1).await.remove(0);
    assert!(text(&desk.owner, &refused).await.contains("We cannot approve your request"));
    desk.approved().await;
    let decided = mails_of(&desk.owner, MailKind::PostpaidDecided, 2).await;
    let approved = decided.iter().find(|mail| mail.subject.starts_with("You can use")).unwrap();
    let words = text(&desk.owner, approved).await;
    assert!(
        words.contains("1,000.00\u{a0}AUD before tax at least from 1 January 2026 on")
            && words.contains("3,000.00\u{a0}AUD"),
        "{words}"
    );
    used(&desk.service, &desk.wallet, "calls", "100", nanos("AUD", 2, 501_230_000)).await.unwrap();
    // Nothing else was invoiced in January: the month's invoice is mailed by itself, two hours
    // after the turn.
    advance(world, first_of(2) + 3_600).await;
    assert!(mails(&desk.owner, MailKind::InvoiceIssued).await.is_empty());
    advance(world, first_of(2) + 3 * 3_600).await;
    let month = invoices_of(&desk.admin, &desk.customer).await.remove(0);
    let mail = mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("Please pay it by bank transfer by 3 March 2026")
            && words.contains("account 1234 5678"),
        "{words}"
    );
    assert_eq!((mail.attachments.len(), &mail.attachments[0]), (1, &month.name));
    assert!(mails(&desk.owner, MailKind::Statement).await.is_empty(), "nothing moved in January");
    let request = |currency: &str| payterms_proto::invoicing::v1::CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: if currency.is_empty() {
            vec![payterms_proto::invoicing::v1::InvoiceToPay {
                invoice: month.name.clone(),
                amount: None,
            }]
        } else {
            Vec::new()
        },
        tenders: vec![by("", None)],
        currency_code: currency.into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.admin.payments().create_payment(request("")).await.unwrap_err()),
        "TRANSFER_ONLY"
    );
    // Whoever pays all that is open pays what a card can pay.
    let plain =
        issued(&desk.owner, draft(&desk.customer, "AUD", vec![line("Plan", amount("AUD", 10, 0))]))
            .await;
    let paid = desk
        .admin
        .payments()
        .create_payment(request("AUD"))
        .await
        .unwrap()
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(
        (paid.allocations.len(), paid.allocations[0].invoice.as_str()),
        (1, plain.name.as_str())
    );
    assert_eq!(crate::invoices::read(&desk.owner, &month.name).await.unwrap().state(), State::Open);
    // A termination invoices in the middle of a month: that invoice is mailed at once.
    advance(world, START + 45 * DAY).await;
    let end = payterms_proto::wallet::v1::TerminatePostpaidRequest {
        request_id: request_id(),
        name: month.usage_month.unwrap().postpaid_agreement,
        explanation: "Moved away".into(),
        ..Default::default()
    };
    desk.owner.postpaid().terminate_postpaid(end).await.unwrap();
    mails_of(&desk.owner, MailKind::InvoiceIssued, 3).await;
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_statement_says_what_is_late_and_given_back_and_leaves_an_unpaid_purchase_out(
    world: &World,
) {
    let desk = transfers::desk(world).await;
    let (owner, customer) = (&desk.owner, &desk.customer);
    // Two purchases of credit by transfer in January: one is paid, the other is not.
    let bought =
        transfers::raise(owner, transfers::request(customer, amount("AUD", 220, 0))).await.unwrap();
    let unpaid =
        transfers::raise(owner, transfers::request(customer, amount("AUD", 330, 0))).await.unwrap();
    let answer = import(owner, camt_in("AUD", &[("220.00", &bought.number, "P1")])).await.unwrap();
    paid(owner, &answer.bank_lines[0].name).await;
    let late =
        issued(owner, draft(customer, "AUD", vec![line("Plan", amount("AUD", 100, 0))])).await;
    let back =
        issued(owner, draft(customer, "AUD", vec![line("Phone", amount("AUD", 50, 0))])).await;
    let total = back.total.clone();
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: customer.clone(),
        invoices: vec![InvoiceToPay { invoice: back.name.clone(), amount: None }],
        amount: total,
        reference: "cash".into(),
        receive_date: None,
        ..Default::default()
    };
    owner.payments().record_outside_payment(outside).await.unwrap();
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: back.name.clone(),
        amount: amount("AUD", 20, 0),
        explanation: "Goodwill.".into(),
    };
    let note =
        owner.invoices().create_credit_note(note).await.unwrap().into_inner().credit_note.unwrap();
    advance(world, first_of(3) + 3_600).await;
    let list = ListStatementsRequest { parent: customer.clone(), ..Default::default() };
    let found = owner.statements().list_statements(list).await.unwrap().into_inner().statements;
    let (february, january) = (&found[0], &found[1]);
    let gross = late.total.clone().unwrap().units + back.total.clone().unwrap().units;
    assert_eq!(
        january.issued,
        amount("AUD", gross + 220, 0),
        "what was bought and paid counts, what was not paid does not"
    );
    assert_eq!(
        (january.given_back.clone(), january.closing.clone()),
        (amount("AUD", 20, 0), late.total.clone())
    );
    assert_eq!(
        (february.opening.clone(), february.given_back.clone()),
        (late.total.clone(), amount("AUD", 0, 0))
    );
    let all = mails_of(owner, MailKind::Statement, 2).await;
    let (newest, first) = (text(owner, &all[0]).await, text(owner, &all[1]).await);
    assert!(
        first.contains(&format!("of {} on", back.number))
            && first.contains(&format!("credit note {}", note.number)),
        "{first}"
    );
    assert!(
        first.contains("Given back:")
            && !first.contains(&unpaid.number)
            && first.contains(&bought.number),
        "{first}"
    );
    assert!(!newest.contains("Given back:") && !newest.contains(&unpaid.number), "{newest}");
    // Due on 31 January, and read on 1 March.
    let text =
        format!("- {}: 110.00\u{a0}AUD open, due on 31 January 2026, 29 days ago\n", late.number);
    assert!(newest.contains("Past due:") && newest.contains(&text), "{newest}");
    // Whatever is paid or written later, a statement stays as it was.
    let before = content(owner, &february.name).await;
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: customer.clone(),
        invoices: vec![InvoiceToPay { invoice: late.name.clone(), amount: None }],
        amount: late.total.clone(),
        reference: "cash".into(),
        receive_date: None,
        ..Default::default()
    };
    owner.payments().record_outside_payment(outside).await.unwrap();
    business(world, BusinessDetails { legal_name: "Another Pty Ltd".into(), ..acme() }).await;
    assert_eq!(content(owner, &february.name).await, before);
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
