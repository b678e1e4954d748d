//! Discounts down to nothing, which is paid when it is issued, and below it, which is refused.

use crate::{
    clocks::advance,
    collections::{DAY, START, desk},
    discounts::{created, discounted, of_category, off, percent, seller},
    drafts::update,
    invariants,
    invoices::{draft, finalize, line, read},
    mails::{mails_of, text},
    payments::by,
    reversals::metadata,
};
use payterms_proto::invoicing::v1::{
    CreateCreditNoteRequest, CreatePaymentRequest, Discount, ExplainInvoiceRequest,
    GetDocumentRequest, Invoice, InvoiceLine, InvoiceToPay, ListStatementsRequest, MailKind,
    VoidInvoiceRequest, invoice::State,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, conditions, on_both, reason, violations};
use tonic::Code;

on_both!(
    what_would_be_below_zero_is_refused_with_every_rate,
    an_invoice_over_nothing_is_paid_when_it_is_issued,
);

async fn what_would_be_below_zero_is_refused_with_every_rate(world: &World) {
    let (owner, customer) = seller(world).await;
    let refused = async |request| owner.invoices().create_invoice(request).await.unwrap_err();
    let lines = vec![
        line("Hosting", amount("EUR", 10, 0)),
        of_category("books", line("Returned books", amount("EUR", -12, 0))),
        of_category("free", line("Stamps", amount("EUR", -1, 0))),
    ];
    let below = refused(discounted(draft(&customer, "EUR", lines), off(amount("EUR", 5, 0)))).await;
    assert_eq!(
        (below.code(), reason(&below).as_str()),
        (Code::FailedPrecondition, "INVOICE_BELOW_ZERO")
    );
    assert_eq!(conditions(&below), ["rates/5.5", "rates/0", "lines", "discount"]);
    let more = refused(discounted(
        draft(&customer, "EUR", vec![line("x", amount("EUR", 10, 0))]),
        off(amount("EUR", 10, 1)),
    ))
    .await;
    assert_eq!(reason(&more), "INVOICE_BELOW_ZERO");
    assert!(
        more.message().contains("The discount of 10.01 EUR is more than the lines' 10.00 EUR."),
        "{}",
        more.message()
    );
    // A draft that was right is held to the same where it is changed.
    let made =
        created(&owner, draft(&customer, "EUR", vec![line("x", amount("EUR", 10, 0))])).await;
    let less = update(
        Invoice {
            name: made.name.clone(),
            discount: off(amount("EUR", 11, 0)),
            ..Invoice::default()
        },
        "discount",
    );
    assert_eq!(
        reason(&owner.invoices().update_invoice(less).await.unwrap_err()),
        "INVOICE_BELOW_ZERO"
    );
    let wrong = vec![
        InvoiceLine { discount: percent("10"), ..line("Rebate", amount("EUR", -1, 0)) },
        InvoiceLine { discount: off(amount("EUR", 2, 0)), ..line("x", amount("EUR", 1, 99)) },
        InvoiceLine { discount: percent("100.1"), ..line("x", amount("EUR", 1, 0)) },
        InvoiceLine { discount: Some(Discount::default()), ..line("x", amount("EUR", 0, 0)) },
    ];
    let wrong =
        refused(discounted(draft(&customer, "EUR", wrong), off(amount("EUR", -1, 0)))).await;
    assert_eq!(
        violations(&wrong),
        [
            "invoice.lines[0].discount: DISCOUNT_INVALID",
            "invoice.lines[1].discount: DISCOUNT_INVALID",
            "invoice.lines[2].discount.percent: FIELD_OUT_OF_RANGE",
            "invoice.lines[3].unit_price: FIELD_OUT_OF_RANGE",
            "invoice.lines[3].discount: FIELD_REQUIRED",
            "invoice.discount.amount: AMOUNT_NOT_POSITIVE",
        ]
    );
    let dollars = discounted(
        draft(&customer, "EUR", vec![line("x", amount("EUR", 1, 0))]),
        off(amount("USD", 1, 0)),
    );
    assert_eq!(reason(&refused(dollars).await), "CURRENCY_MISMATCH");
}

pub(crate) async fn an_invoice_over_nothing_is_paid_when_it_is_issued(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    crate::months::remind(world, &[-3, 0, 7]).await;
    let mut request = discounted(
        draft(&desk.customer, "EUR", vec![line("Trial", amount("EUR", 25, 0))]),
        percent("100"),
    );
    request.invoice.as_mut().unwrap().collect_automatically = true;
    let made = created(&desk.owner, request).await;
    let free = finalize(&desk.owner, &made.name).await.unwrap();
    assert_eq!(
        (free.state(), free.total.clone(), free.open.clone()),
        (State::Paid, amount("EUR", 0, 0), amount("EUR", 0, 0))
    );
    assert!(
        free.number.starts_with("INV-") && free.collection.unwrap().next_attempt_time.is_none()
    );
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: free.name.clone(),
        amount: amount("EUR", 0, 1),
        explanation: "Goodwill".into(),
    };
    assert_eq!(
        reason(&desk.owner.invoices().create_credit_note(note).await.unwrap_err()),
        "CREDIT_NOTE_TOO_LARGE"
    );
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: free.name.clone(),
        explanation: "Mistake".into(),
        ..Default::default()
    };
    let refused = desk.owner.invoices().void_invoice(void).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), metadata(&refused)["allowed"].as_str()),
        ("INVOICE_STATE", "CorrectInvoice")
    );
    let pay = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: free.name.clone(), amount: None }],
        tenders: vec![by("", None)],
        ..Default::default()
    };
    assert_eq!(
        reason(&desk.admin.payments().create_payment(pay).await.unwrap_err()),
        "INVOICE_STATE"
    );
    let get = GetDocumentRequest { name: free.name.clone() };
    assert!(
        desk.admin
            .documents()
            .get_document(get)
            .await
            .unwrap()
            .into_inner()
            .document
            .unwrap()
            .content
            .starts_with(b"%PDF")
    );
    let explain = ExplainInvoiceRequest { name: free.name.clone() };
    let facts = desk.admin.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    assert_eq!(facts[0].sentence, "It comes to nothing: there is nothing to pay.");
    advance(world, START + 40 * DAY).await;
    let later = read(&desk.owner, &free.name).await.unwrap();
    assert_eq!(
        (later.state(), later.revision),
        (State::Paid, free.revision),
        "neither collected nor reminded"
    );
    let list = ListStatementsRequest { parent: desk.customer.clone(), ..Default::default() };
    let statements =
        desk.admin.statements().list_statements(list).await.unwrap().into_inner().statements;
    let statement = statements
        .iter()
        .find(|statement| statement.issued == amount("EUR", 0, 0))
        .expect("a document of its month is on its statement");
    assert_eq!(statement.closing, amount("EUR", 0, 0));
    let mails = mails_of(&desk.owner, MailKind::Statement, 1).await;
    let words = text(&desk.owner, &mails[0]).await;
    let listed = format!("{}: 0.00\u{a0}EUR, nothing to pay", free.number);
    assert!(words.contains(&listed), "an invoice over nothing is listed too: {words}");
    invariants::hold(world).await;
}
