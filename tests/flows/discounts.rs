//! Drafts show what they would be now; lines and whole invoices carry discounts, before tax.

use crate::{
    clocks::advance,
    collections::{DAY, START, desk},
    invariants,
    invoices::{draft, finalize, issued, line, read, taxed},
    mails::{mails_of, text},
    payments::by,
    reversals::metadata,
};
use payterms_proto::{
    google::r#type::{Decimal, Money},
    invoicing::v1::{
        BatchGetInvoicesRequest, CreateCreditNoteRequest, CreateInvoiceRequest,
        CreatePaymentRequest, Customer, Discount, ExplainInvoiceRequest, FinalizeInvoiceRequest,
        GetDocumentRequest, Invoice, InvoiceLine, InvoiceToPay, ListCreditNotesRequest,
        ListInvoicesRequest, ListStatementsRequest, MailKind, UpdateCustomerRequest,
        UpdateInvoiceRequest, VoidInvoiceRequest, discount::Off, invoice::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, conditions, on_both, reason, violations};
use prost_types::FieldMask;
use tonic::{Code, Status};

on_both!(
    a_draft_shows_what_it_would_be_now_and_its_etag_covers_it,
    discounts_become_lines_before_tax_when_a_draft_is_issued,
    credit_notes_over_discounts_stay_in_proportion,
    what_would_be_below_zero_is_refused_with_every_rate,
    an_invoice_over_nothing_is_paid_when_it_is_issued,
);

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
fn percent(text: &str) -> Option<Discount> {
    Some(Discount {
        off: Some(Off::Percent(Decimal { value: text.into() })),
        ..Discount::default()
    })
}

fn off(money: Option<Money>) -> Option<Discount> {
    money.map(|money| Discount { off: Some(Off::Amount(money)), ..Discount::default() })
}

fn of_category(category: &str, line: InvoiceLine) -> InvoiceLine {
    InvoiceLine { tax_category: category.into(), ..line }
}

fn discounted(
    mut request: CreateInvoiceRequest,
    discount: Option<Discount>,
) -> CreateInvoiceRequest {
    request.invoice.as_mut().unwrap().discount = discount;
    request
}

async fn created(owner: &Session, request: CreateInvoiceRequest) -> Invoice {
    owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap()
}

fn update(invoice: Invoice, path: &str) -> UpdateInvoiceRequest {
    UpdateInvoiceRequest {
        request_id: request_id(),
        invoice: Some(invoice),
        update_mask: Some(FieldMask { paths: vec![path.into()] }),
        ..Default::default()
    }
}

async fn finalize_as_read(owner: &Session, read: &Invoice) -> Result<Invoice, Status> {
    let request = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: read.name.clone(),
        etag: read.etag.clone(),
        ..Default::default()
    };
    owner
        .invoices()
        .finalize_invoice(request)
        .await
        .map(|answer| answer.into_inner().invoice.unwrap())
}

pub(crate) async fn a_draft_shows_what_it_would_be_now_and_its_etag_covers_it(world: &World) {
    world.tenant("acme").await;
    taxed(world, &[("GB", "", "20", false), ("FR", "", "5.5", false)]).await;
    let (owner, customer) = (world.someone("OWNER", None), world.customer("acme", "GB").await);
    let first =
        created(&owner, draft(&customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await;
    assert_eq!(
        (first.total.clone(), read(&owner, &first.name).await.unwrap()),
        (amount("USD", 120, 0), first.clone())
    );
    taxed(world, &[("GB", "", "10", false), ("FR", "", "5.5", false)]).await;
    let now = read(&owner, &first.name).await.unwrap();
    assert_eq!(
        (now.total.clone(), now.taxes[0].tax.clone(), now.revision),
        (amount("USD", 110, 0), amount("USD", 10, 0), first.revision)
    );
    assert_ne!(now.etag, first.etag, "the tax that it shows is another");
    let list = ListInvoicesRequest { parent: customer.clone(), ..Default::default() };
    assert_eq!(
        owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices,
        std::slice::from_ref(&now)
    );
    let batch =
        BatchGetInvoicesRequest { parent: customer.clone(), names: vec![first.name.clone()] };
    assert_eq!(
        owner.invoices().batch_get_invoices(batch).await.unwrap().into_inner().invoices,
        std::slice::from_ref(&now)
    );
    let stale = update(Invoice { memo: "Thanks".into(), ..first.clone() }, "memo");
    assert_eq!(reason(&owner.invoices().update_invoice(stale).await.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(reason(&finalize_as_read(&owner, &first).await.unwrap_err()), "ETAG_MISMATCH");
    // The rule is gone: the draft is still there, and says why it cannot be issued.
    taxed(world, &[("FR", "", "5.5", false)]).await;
    let untaxed = read(&owner, &first.name).await.unwrap();
    let problem = untaxed.draft_problem.clone().unwrap();
    assert_eq!(
        (problem.reason.as_str(), untaxed.taxes.len(), untaxed.total.clone()),
        ("TAX_UNKNOWN", 0, amount("USD", 0, 0))
    );
    assert!(problem.sentence.contains("no tax rule for GB"), "{}", problem.sentence);
    assert_eq!(reason(&finalize_as_read(&owner, &now).await.unwrap_err()), "ETAG_MISMATCH");
    assert_eq!(reason(&finalize_as_read(&owner, &untaxed).await.unwrap_err()), "TAX_UNKNOWN");
    let explain = ExplainInvoiceRequest { name: first.name.clone() };
    let facts = owner.invoices().explain_invoice(explain).await.unwrap().into_inner().facts;
    assert!(
        facts[0].sentence.contains("cannot be issued as it stands: There is no tax rule"),
        "{}",
        facts[0].sentence
    );
    // The customer moves to France: another rule holds, and the draft that is shown then is the one
    // that is issued.
    let moved = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer {
            name: customer.clone(),
            country: "FR".into(),
            ..Customer::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["country".into()] }),
        ..Default::default()
    };
    owner.customers().update_customer(moved).await.unwrap();
    let french = read(&owner, &first.name).await.unwrap();
    assert_eq!(
        (french.total.clone(), french.draft_problem.clone()),
        (amount("USD", 105, 50), None)
    );
    let invoice = finalize_as_read(&owner, &french).await.unwrap();
    assert_eq!(
        (invoice.state(), &invoice.taxes, &invoice.total),
        (State::Open, &french.taxes, &french.total)
    );
    taxed(world, &[("FR", "", "20", false)]).await;
    assert_eq!(read(&owner, &first.name).await.unwrap(), invoice, "what is issued stays");
    invariants::hold(world).await;
}

/// A seller of three rates, and a customer in France.
async fn seller(world: &World) -> (Session, String) {
    world.tenant("acme").await;
    taxed(
        world,
        &[("FR", "", "20", false), ("FR", "books", "5.5", false), ("FR", "free", "0", false)],
    )
    .await;
    (world.someone("OWNER", None), world.customer("acme", "FR").await)
}

fn taxes(invoice: &Invoice) -> Vec<(Option<Money>, Option<Money>)> {
    invoice
        .taxes
        .iter()
        .map(|tax_amount| (tax_amount.net.clone(), tax_amount.tax.clone()))
        .collect()
}

pub(crate) async fn discounts_become_lines_before_tax_when_a_draft_is_issued(world: &World) {
    let (owner, customer) = seller(world).await;
    let three = InvoiceLine {
        quantity: Some(Decimal { value: "3".into() }),
        discount: percent("10"),
        ..line(
            "Licences",
            Some(Money { currency_code: "EUR".into(), units: 3, nanos: 335_000_000 }),
        )
    };
    let loyalty = off(amount("EUR", 1, 50))
        .map(|discount| Discount { description: "Loyalty".into(), ..discount });
    let books = InvoiceLine {
        discount: loyalty,
        ..of_category("books", line("Books", amount("EUR", 51, 50)))
    };
    let lines = vec![
        line("Hosting", amount("EUR", 96, 0)),
        three,
        line("Rebate", amount("EUR", -5, 0)),
        books,
    ];
    let made = created(&owner, draft(&customer, "EUR", lines)).await;
    // 96.00 + 9.00 − 5.00 at 20 %, 50.00 at 5.5 %.
    assert_eq!(
        taxes(&made),
        [
            (amount("EUR", 100, 0), amount("EUR", 20, 0)),
            (amount("EUR", 50, 0), amount("EUR", 2, 75))
        ]
    );
    let shown = made.lines[1].discount.clone().unwrap();
    assert_eq!(
        (made.lines[1].amount.clone(), shown.taken_off),
        (amount("EUR", 9, 0), amount("EUR", 1, 1)),
        "rounded once"
    );
    let with = update(Invoice { discount: off(amount("EUR", 10, 0)), ..made.clone() }, "discount");
    let lowered =
        owner.invoices().update_invoice(with).await.unwrap().into_inner().invoice.unwrap();
    let expected = [
        (amount("EUR", 93, 33), amount("EUR", 18, 67)),
        (amount("EUR", 46, 67), amount("EUR", 2, 57)),
    ];
    assert_eq!(
        (taxes(&lowered).as_slice(), lowered.total.clone(), lowered.lines.len()),
        (expected.as_slice(), amount("EUR", 161, 24), 4)
    );
    assert_eq!(lowered.discount.as_ref().unwrap().taken_off, amount("EUR", 10, 0));
    let invoice = finalize_as_read(&owner, &lowered).await.unwrap();
    assert_eq!(
        (taxes(&invoice).as_slice(), invoice.total.clone()),
        (expected.as_slice(), lowered.total.clone()),
        "as the draft showed it"
    );
    let added: Vec<_> = invoice.lines[4..]
        .iter()
        .map(|invoice_line| {
            (invoice_line.description.replace('\u{a0}', " "), invoice_line.amount.clone())
        })
        .collect();
    assert_eq!(
        added,
        [
            ("Discount (tax 20 %)".to_owned(), amount("EUR", -6, -67)),
            ("Discount (tax 5.5 %)".to_owned(), amount("EUR", -3, -33))
        ]
    );
    assert!(
        invoice.lines[4..].iter().all(|invoice_line| invoice_line.is_invoice_discount)
            && !invoice.lines[0].is_invoice_discount
    );
    assert_eq!(read(&owner, &invoice.name).await.unwrap(), invoice);
    // With prices that include tax a discount includes it too; taken off again, it leaves the draft
    // as it was.
    let mut inclusive = discounted(
        draft(&customer, "EUR", vec![line("Plan", amount("EUR", 120, 0))]),
        percent("10"),
    );
    inclusive.invoice.as_mut().unwrap().prices_include_tax = true;
    let inclusive = created(&owner, inclusive).await;
    assert_eq!(
        (inclusive.net.clone(), inclusive.total.clone()),
        (amount("EUR", 90, 0), amount("EUR", 108, 0))
    );
    let without =
        update(Invoice { name: inclusive.name.clone(), ..Invoice::default() }, "discount");
    let without =
        owner.invoices().update_invoice(without).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!((without.total, without.discount), (amount("EUR", 120, 0), None));
    let french = Customer { name: customer.clone(), locale: "fr".into(), ..Customer::default() };
    let mask = Some(FieldMask { paths: vec!["locale".into()] });
    let french = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(french),
        update_mask: mask,
        ..Default::default()
    };
    owner.customers().update_customer(french).await.unwrap();
    let invoice = issued(
        &owner,
        discounted(
            draft(&customer, "EUR", vec![line("Forfait", amount("EUR", 80, 0))]),
            percent("12.5"),
        ),
    )
    .await;
    assert_eq!(
        (invoice.lines[1].description.replace('\u{a0}', " ").as_str(), invoice.net.clone()),
        ("Remise 12,5 %", amount("EUR", 70, 0))
    );
    let get = GetDocumentRequest { name: invoice.name };
    assert!(
        owner
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
    invariants::hold(world).await;
}

async fn credit_notes_over_discounts_stay_in_proportion(world: &World) {
    let (owner, customer) = seller(world).await;
    let lines = vec![
        line("Hosting", amount("EUR", 100, 1)),
        of_category("books", line("Books", amount("EUR", 33, 33))),
        of_category("free", line("Stamps", amount("EUR", 7, 77))),
        line("Rebate", amount("EUR", -20, 0)),
    ];
    let invoice = issued(&owner, discounted(draft(&customer, "EUR", lines), percent("7.5"))).await;
    for _ in 0..2 {
        let note = CreateCreditNoteRequest {
            request_id: request_id(),
            parent: invoice.name.clone(),
            amount: amount("EUR", 33, 33),
            explanation: "A third".into(),
        };
        owner.invoices().create_credit_note(note).await.unwrap();
    }
    let open = read(&owner, &invoice.name).await.unwrap().open;
    let rest = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: open,
        explanation: "The rest".into(),
    };
    owner.invoices().create_credit_note(rest).await.unwrap();
    let list = ListCreditNotesRequest { parent: invoice.name.clone(), ..Default::default() };
    let notes = owner.invoices().list_credit_notes(list).await.unwrap().into_inner().credit_notes;
    let cents = |money: &Option<Money>| {
        money.as_ref().map_or(0, |amount| amount.units * 100 + i64::from(amount.nanos) / 10_000_000)
    };
    assert_eq!((notes.len(), invoice.taxes.len()), (3, 3));
    for tax_amount in &invoice.taxes {
        let parts = notes
            .iter()
            .flat_map(|note| &note.taxes)
            .filter(|part| part.rate_percent == tax_amount.rate_percent);
        let (net, tax) =
            parts.fold((0, 0), |(net, tax), part| (net + cents(&part.net), tax + cents(&part.tax)));
        assert_eq!(
            (net, tax),
            (cents(&tax_amount.net), cents(&tax_amount.tax)),
            "{:?}",
            tax_amount.rate_percent
        );
    }
    assert_eq!(read(&owner, &invoice.name).await.unwrap().state(), State::Void);
    invariants::hold(world).await;
}

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
