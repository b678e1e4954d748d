//! Documents reach the customer: an invoice on its day, one that is taken back, a credit note, a
//! payment, a postpaid decision.

use crate::{
    bank::{camt_in, import, paid},
    clocks::advance,
    collections::{DAY, START, desk},
    documents::{acme, business, receipts_of},
    invariants,
    invoices::{draft, issued, line},
    mails::{mails, mails_of, text},
    payments::by,
    postpaid::{self, decide, first_of, nanos, used},
    top_ups::{buy, card},
    transfers,
};
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        Address, BusinessDetails, CreateCreditNoteRequest, Customer, GetDocumentRequest, Invoice,
        InvoiceToPay, ListInvoicesRequest, ListStatementsRequest, MailKind, PaidInvoice,
        RecordOutsidePaymentRequest, Tenant, UpdateCustomerRequest, UpdateTenantRequest,
        VoidInvoiceRequest, invoice::State, tenant::PaymentNotice,
    },
    wallet::v1::PostDebitRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason, violations};
use prost_types::FieldMask;

on_both!(
    a_void_and_a_credit_note_are_mailed_with_their_document,
    a_payment_is_confirmed_by_mail_or_receipt_as_the_tenant_wants_it,
    a_month_names_what_was_used_and_goes_in_one_mail,
    a_postpaid_decision_is_mailed_and_its_months_take_transfers_only,
    a_statement_says_what_is_late_and_given_back_and_leaves_an_unpaid_purchase_out,
    what_documents_cannot_print_is_refused_with_its_field_and_characters,
);

async fn content(session: &Session, name: &str) -> Vec<u8> {
    let get = GetDocumentRequest { name: name.into() };
    session
        .documents()
        .get_document(get)
        .await
        .unwrap()
        .into_inner()
        .document
        .unwrap()
        .content
        .to_vec()
}

async fn invoices_of(session: &Session, customer: &str) -> Vec<Invoice> {
    let list = ListInvoicesRequest { parent: customer.into(), ..Default::default() };
    session.invoices().list_invoices(list).await.unwrap().into_inner().invoices
}

async fn a_void_and_a_credit_note_are_mailed_with_their_document(world: &World) {
    let desk = desk(world, None).await;
    business(world, acme()).await;
    let issue = mails_of(&desk.owner, MailKind::InvoiceIssued, 1).await.remove(0);
    assert_eq!(
        (issue.attachments.clone(), issue.subject.contains(&desk.invoice.number)),
        (vec![desk.invoice.name.clone()], true)
    );
    let words = text(&desk.owner, &issue).await;
    assert!(
        words.contains("no saved payment method can be used for that")
            && words.contains("due on 31 January 2026"),
        "{words}"
    );
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: desk.invoice.name.clone(),
        amount: amount("USD", 10, 0),
        explanation: "Goodwill.".into(),
    };
    let note = desk
        .owner
        .invoices()
        .create_credit_note(note)
        .await
        .unwrap()
        .into_inner()
        .credit_note
        .unwrap();
    let mail = mails_of(&desk.owner, MailKind::CreditNoteIssued, 1).await.remove(0);
    assert_eq!(
        (mail.attachments.clone(), mail.subject.contains(&note.number)),
        (vec![note.name.clone()], true)
    );
    let words = text(&desk.owner, &mail).await;
    assert!(
        words.contains("10.00\u{a0}USD")
            && words.contains(&desk.invoice.number)
            && words.contains("Goodwill."),
        "{words}"
    );
    assert!(
        words
            .contains("What is left to pay of the invoice is 10.00\u{a0}USD less: 90.00\u{a0}USD."),
        "{words}"
    );
    assert!(!words.contains("pay back") && !words.contains("become credit"), "{words}");
    let other =
        issued(&desk.owner, draft(&desk.customer, "USD", vec![line("Twice", amount("USD", 7, 0))]))
            .await;
    let before = content(&desk.admin, &other.name).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: other.name.clone(),
        explanation: "Issued twice.".into(),
        ..Default::default()
    };
    desk.owner.invoices().void_invoice(void).await.unwrap();
    let mail = mails_of(&desk.owner, MailKind::InvoiceVoided, 1).await.remove(0);
    assert_eq!((mail.attachments.len(), &mail.attachments[0]), (1, &other.name));
    assert!(text(&desk.owner, &mail).await.contains("Issued twice."));
    assert_eq!(content(&desk.admin, &other.name).await, before, "what was sent stays as it was");
    assert_eq!(mails(&desk.owner, MailKind::CreditNoteIssued).await.len(), 1);
    invariants::hold(world).await;
}

async fn notice(owner: &Session, notice: PaymentNotice) {
    let tenant =
        Tenant { name: "tenants/acme".into(), payment_notice: notice.into(), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["payment_notice".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    let set = owner.tenants().update_tenant(update).await.unwrap().into_inner().tenant.unwrap();
    assert_eq!(set.payment_notice(), notice);
}

async fn a_payment_is_confirmed_by_mail_or_receipt_as_the_tenant_wants_it(world: &World) {
    let till = crate::payments::till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let pay = async |units: i64| {
        let mut request = till.request(vec![by("", None)]);
        request.invoices[0].amount = amount("USD", units, 0);
        till.admin.payments().create_payment(request).await.unwrap().into_inner().payment.unwrap()
    };
    pay(30).await;
    let mail = mails_of(&till.owner, MailKind::PaymentReceived, 1).await.remove(0);
    let words = text(&till.owner, &mail).await;
    let this_text = format!(
        "- Invoice {}: 30.00\u{a0}USD paid, 70.00\u{a0}USD left to pay\n",
        till.invoice.number
    );
    assert!(words.contains(&this_text) && mail.attachments.is_empty(), "{words}");
    notice(&till.owner, PaymentNotice::Receipt).await;
    let payment = pay(20).await;
    let receipt = receipts_of(&till.admin, &till.customer, 1).await.remove(0);
    assert_eq!(
        (receipt.payment.as_str(), receipt.top_up.as_str(), receipt.taxed),
        (payment.name.as_str(), "", false)
    );
    let paid = PaidInvoice { number: till.invoice.number.clone(), paid: amount("USD", 20, 0) };
    assert_eq!(
        (receipt.amount.clone(), receipt.invoices.clone()),
        (amount("USD", 20, 0), vec![paid])
    );
    let mail = mails_of(&till.owner, MailKind::PaymentReceived, 2).await.remove(0);
    assert_eq!(
        (mail.attachments.clone(), mail.subject.contains(&receipt.number)),
        (vec![receipt.name.clone()], true)
    );
    assert!(content(&till.admin, &receipt.name).await.starts_with(b"%PDF"));
    // Money that was recorded by hand is confirmed likewise; where the tenant wants nothing,
    // nothing is sent.
    let outside = |units| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: till.customer.clone(),
        invoices: vec![payterms_proto::invoicing::v1::InvoiceToPay {
            invoice: till.invoice.name.clone(),
            amount: amount("USD", units, 0),
        }],
        amount: amount("USD", units, 0),
        reference: "cash".into(),
        receive_date: None,
        ..Default::default()
    };
    till.owner.payments().record_outside_payment(outside(10)).await.unwrap();
    receipts_of(&till.admin, &till.customer, 2).await;
    notice(&till.owner, PaymentNotice::None).await;
    till.owner.payments().record_outside_payment(outside(40)).await.unwrap();
    assert_eq!(receipts_of(&till.admin, &till.customer, 2).await.len(), 2);
    mails_of(&till.owner, MailKind::PaymentReceived, 3).await;
    invariants::hold(world).await;
}

async fn a_month_names_what_was_used_and_goes_in_one_mail(world: &World) {
    let desk = postpaid::desk(world).await;
    shop::open(&desk.owner, "acme").await.unwrap();
    let usd = world.wallet(&desk.customer, "USD").await;
    card(world, &desk.admin, &desk.customer, "tok_visa").await;
    desk.admin.top_ups().create_top_up(buy(&usd, "", amount("USD", 50, 0))).await.unwrap();
    used(&desk.service, &usd, ("calls", "3", nanos("USD", 1, 2_345_000))).await.unwrap();
    used(&desk.service, &usd, ("calls", "2", amount("USD", 2, 0))).await.unwrap();
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
    used(&desk.service, &usd, ("texts", "1", amount("USD", 5, 0))).await.unwrap();
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
    used(&desk.service, &desk.wallet, ("calls", "100", nanos("AUD", 2, 501_230_000)))
        .await
        .unwrap();
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

async fn what_documents_cannot_print_is_refused_with_its_field_and_characters(world: &World) {
    let till = crate::payments::till(world, 0).await;
    let address = Address {
        lines: vec!["1 東京".into()],
        city: "東京都".into(),
        country: "JP".into(),
        ..Address::default()
    };
    let customer = Customer {
        name: till.customer.clone(),
        legal_name: "Ελλάς 株式 AG".into(),
        billing_address: Some(address),
        ..Customer::default()
    };
    let mask = FieldMask { paths: vec!["legal_name".into(), "billing_address".into()] };
    let update = |customer: &Customer| UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer.clone()),
        update_mask: Some(mask.clone()),
        ..Default::default()
    };
    let refused = till.admin.customers().update_customer(update(&customer)).await.unwrap_err();
    let texts = violations(&refused);
    assert_eq!((reason(&refused).as_str(), texts.len()), ("SCRIPT_UNSUPPORTED", 3), "{texts:?}");
    for (field, characters) in [
        ("customer.legal_name", "株式"),
        ("customer.billing_address.lines", "東京"),
        ("customer.billing_address.city", "東京都"),
    ] {
        assert!(texts.iter().any(|text| text.starts_with(field)), "{field} in {texts:?}");
        assert!(format!("{refused:?}").contains("SCRIPT_UNSUPPORTED") && !characters.is_empty());
    }
    let line = draft(&till.customer, "USD", vec![line("שלום", amount("USD", 1, 0))]);
    assert_eq!(
        reason(&till.owner.invoices().create_invoice(line).await.unwrap_err()),
        "SCRIPT_UNSUPPORTED"
    );
    // What the fonts have is taken and printed, whatever the language.
    let printable =
        Customer {
            legal_name: "Łódź & Ελλάς Москва".into(), billing_address: None, ..customer
        };
    let named = FieldMask { paths: vec!["legal_name".into()] };
    let update = UpdateCustomerRequest { update_mask: Some(named), ..update(&printable) };
    till.admin.customers().update_customer(update).await.unwrap();
    invariants::hold(world).await;
}
