//! Invoices are written, issued with gapless numbers, and taken back.

use crate::clocks::{advance, start};
use payterms_proto::{
    google::r#type::{Date, Decimal, Money},
    invoicing::v1::{
        CreateCreditNoteRequest, CreateInvoiceRequest, DeleteInvoiceRequest,
        FinalizeInvoiceRequest, GetInvoiceRequest, Invoice, InvoiceLine, ListCreditNotesRequest,
        ListInvoicesRequest, PaymentTerm, TaxRule, Tenant, UpdateInvoiceRequest,
        UpdateTenantRequest, VoidInvoiceRequest, WriteOffInvoiceRequest, invoice::State,
        payment_term::Kind,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, violations};
use tonic::{Code, Status};

on_both!(
    a_draft_is_changed_issued_and_then_stands,
    tax_rules_of_the_table_hold,
    sixty_four_writers_leave_no_gap_and_no_double,
    credit_notes_and_voids_take_back_what_is_open,
    what_cannot_be_issued_says_all_that_is_missing,
    customers_see_what_is_issued_and_not_hidden,
    past_due_is_a_fact_of_dates,
);

pub(crate) fn line(description: &str, price: Option<Money>) -> InvoiceLine {
    InvoiceLine { description: description.into(), unit_price: price, ..InvoiceLine::default() }
}

pub(crate) fn draft(
    customer: &str,
    currency: &str,
    lines: Vec<InvoiceLine>,
) -> CreateInvoiceRequest {
    let invoice = Invoice {
        currency_code: currency.into(),
        payment_term: Some(PaymentTerm { kind: Kind::NetDays.into(), days: 30 }),
        lines,
        ..Invoice::default()
    };
    CreateInvoiceRequest {
        request_id: request_id(),
        parent: customer.into(),
        invoice: Some(invoice),
        ..Default::default()
    }
}

pub(crate) async fn finalize(owner: &Session, name: &str) -> Result<Invoice, Status> {
    let request = FinalizeInvoiceRequest {
        request_id: request_id(),
        name: name.into(),
        etag: String::new(),
        ..Default::default()
    };
    owner
        .invoices()
        .finalize_invoice(request)
        .await
        .map(|answer| answer.into_inner().invoice.unwrap())
}

/// An issued invoice.
pub(crate) async fn issued(owner: &Session, request: CreateInvoiceRequest) -> Invoice {
    // Many stories await it: on the heap, so that theirs stay small.
    Box::pin(async {
        let draft =
            owner.invoices().create_invoice(request).await.unwrap().into_inner().invoice.unwrap();
        finalize(owner, &draft.name).await.unwrap()
    })
    .await
}

pub(crate) async fn read(session: &Session, name: &str) -> Result<Invoice, Status> {
    let request = GetInvoiceRequest { name: name.into() };
    session.invoices().get_invoice(request).await.map(|answer| answer.into_inner().invoice.unwrap())
}

/// Tax rules of a seller.
pub(crate) async fn taxed(world: &World, rules: &[(&str, &str, &str, bool)]) {
    let rule = |(country, category, percent, with_tax_id): &(&str, &str, &str, bool)| TaxRule {
        country: (*country).into(),
        category: (*category).into(),
        rate_percent: Some(Decimal { value: (*percent).into() }),
        sentence: if *with_tax_id {
            "Reverse charge: article 196, directive 2006/112/EC.".into()
        } else {
            String::new()
        },
        with_tax_id: *with_tax_id,
    };
    let tenant = Tenant {
        name: "tenants/acme".into(),
        tax_rules: rules.iter().map(rule).collect(),
        ..Tenant::default()
    };
    let mask = prost_types::FieldMask { paths: vec!["tax_rules".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    world.someone("OWNER", None).tenants().update_tenant(update).await.unwrap();
}

pub(crate) async fn a_draft_is_changed_issued_and_then_stands(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let request = draft(&customer, "USD", vec![line("Setup", amount("USD", 10, 0))]);
    let made = owner
        .invoices()
        .create_invoice(request.clone())
        .await
        .unwrap()
        .into_inner()
        .invoice
        .unwrap();
    assert_eq!(
        (made.state(), made.number.as_str(), made.total.clone()),
        (State::Draft, "", amount("USD", 10, 0))
    );
    let third = InvoiceLine {
        quantity: Some(Decimal { value: "3".into() }),
        ..line("Calls", amount("USD", 0, 33))
    };
    let update = UpdateInvoiceRequest {
        request_id: request_id(),
        invoice: Some(Invoice {
            name: made.name.clone(),
            lines: vec![line("Setup", amount("USD", 10, 0)), third],
            etag: made.etag.clone(),
            ..Invoice::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["lines".into()] }),
        ..Default::default()
    };
    let changed = owner
        .invoices()
        .update_invoice(update.clone())
        .await
        .unwrap()
        .into_inner()
        .invoice
        .unwrap();
    assert_eq!(
        (changed.total.clone(), changed.payment_term),
        (amount("USD", 10, 99), made.payment_term)
    );
    let stale = UpdateInvoiceRequest { request_id: request_id(), ..update };
    assert_eq!(
        reason(&owner.invoices().update_invoice(stale.clone()).await.unwrap_err()),
        "ETAG_MISMATCH"
    );
    let invoice = finalize(&owner, &made.name).await.unwrap();
    assert_eq!(
        (invoice.state(), invoice.open.clone(), invoice.paid.clone()),
        (State::Open, amount("USD", 10, 99), amount("USD", 0, 0))
    );
    assert!(
        invoice.number.starts_with("INV-") && invoice.number.ends_with("-000001"),
        "{}",
        invoice.number
    );
    assert_eq!(invoice.buyer.as_ref().unwrap().legal_name, "Brightside Ltd");
    assert_eq!(read(&owner, &made.name).await.unwrap(), invoice);
    let fixed = UpdateInvoiceRequest {
        invoice: Some(Invoice { etag: String::new(), ..stale.invoice.unwrap() }),
        ..stale
    };
    let refused = owner.invoices().update_invoice(fixed).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "INVOICE_STATE")
    );
    let other = owner
        .invoices()
        .create_invoice(draft(&customer, "USD", vec![line("x", amount("USD", 1, 0))]))
        .await
        .unwrap();
    let delete = DeleteInvoiceRequest {
        request_id: request_id(),
        name: other.into_inner().invoice.unwrap().name,
        ..Default::default()
    };
    owner.invoices().delete_invoice(delete.clone()).await.unwrap();
    owner.invoices().delete_invoice(delete.clone()).await.unwrap();
    assert_eq!(read(&owner, &delete.name).await.unwrap_err().code(), Code::NotFound);
    let list = ListInvoicesRequest { parent: customer, ..Default::default() };
    assert_eq!(
        owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices,
        [invoice]
    );
}

async fn tax_rules_of_the_table_hold(world: &World) {
    world.tenant("acme").await;
    let rules = [
        ("AU", "", "10", false),
        ("DE", "", "20", false),
        ("DE", "", "0", true),
        ("FR", "", "20", false),
        ("FR", "books", "5.5", false),
    ];
    taxed(world, &rules).await;
    let owner = world.someone("OWNER", None);
    let french = world.customer("acme", "FR").await;
    let books = InvoiceLine { tax_category: "books".into(), ..line("Books", amount("EUR", 10, 1)) };
    let two =
        issued(&owner, draft(&french, "EUR", vec![line("Hosting", amount("EUR", 20, 2)), books]))
            .await;
    let taxes: Vec<_> = two.taxes.iter().map(|tax_amount| tax_amount.tax.clone()).collect();
    assert_eq!(
        (taxes, two.total.clone()),
        (vec![amount("EUR", 4, 0), amount("EUR", 0, 55)], amount("EUR", 34, 58))
    );
    let australian = world.customer("acme", "AU").await;
    let mut inclusive = draft(&australian, "AUD", vec![line("Plan", amount("AUD", 55, 0))]);
    inclusive.invoice.as_mut().unwrap().prices_include_tax = true;
    let inclusive = issued(&owner, inclusive).await;
    assert_eq!(
        (inclusive.net, inclusive.total, inclusive.taxes[0].tax.clone()),
        (amount("AUD", 50, 0), amount("AUD", 55, 0), amount("AUD", 5, 0))
    );
    let german = world.customer("acme", "DE").await;
    let plain =
        issued(&owner, draft(&german, "EUR", vec![line("Hosting", amount("EUR", 10, 0))])).await;
    assert_eq!(plain.total, amount("EUR", 12, 0));
    let update = payterms_proto::invoicing::v1::UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(payterms_proto::invoicing::v1::Customer {
            name: german.clone(),
            tax_id: "DE136695976".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["tax_id".into()] }),
        ..Default::default()
    };
    owner.customers().update_customer(update).await.unwrap();
    crate::tax_numbers::judged(
        &owner,
        &german,
        "DE136695976",
        payterms_proto::invoicing::v1::tax_number::State::Verified,
    )
    .await
    .unwrap();
    let reverse =
        issued(&owner, draft(&german, "EUR", vec![line("Hosting", amount("EUR", 10, 0))])).await;
    assert_eq!(
        (reverse.total, reverse.buyer.unwrap().tax_id.as_str()),
        (amount("EUR", 10, 0), "DE136695976")
    );
    assert!(reverse.taxes[0].sentence.starts_with("Reverse charge"), "the document says why");
}

async fn sixty_four_writers_leave_no_gap_and_no_double(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let bare = {
        // A customer without a profile: finalising aborts after the draft is there.
        let customer =
            payterms_proto::invoicing::v1::Customer { country: "GB".into(), ..Default::default() };
        let create = payterms_proto::invoicing::v1::CreateCustomerRequest {
            request_id: request_id(),
            parent: "tenants/acme".into(),
            customer: Some(customer),
            ..Default::default()
        };
        owner.customers().create_customer(create).await.unwrap().into_inner().customer.unwrap().name
    };
    let writers = (0..64).map(|n| {
        let owner = owner.clone();
        let customer = if n % 4 == 3 { bare.clone() } else { customer.clone() };
        tokio::spawn(async move {
            let made = owner
                .invoices()
                .create_invoice(draft(&customer, "USD", vec![line("x", amount("USD", 1, 0))]))
                .await
                .unwrap();
            let name = made.into_inner().invoice.unwrap().name;
            for _ in 0..50 {
                match finalize(&owner, &name).await {
                    Err(status) if status.code() == Code::Aborted => {}
                    done => return done.ok().map(|invoice| invoice.number),
                }
            }
            panic!("fifty races lost");
        })
    });
    let numbers: Vec<_> =
        futures::future::join_all(writers).await.into_iter().filter_map(Result::unwrap).collect();
    let mut given: Vec<i64> =
        numbers.iter().map(|number| number.rsplit('-').next().unwrap().parse().unwrap()).collect();
    given.sort_unstable();
    assert_eq!(given, (1..=48).collect::<Vec<_>>());
}

async fn credit_notes_and_voids_take_back_what_is_open(world: &World) {
    world.tenant("acme").await;
    taxed(world, &[("AU", "", "10", false)]).await;
    let owner = world.someone("OWNER", None);
    let customer = world.customer("acme", "AU").await;
    let mut hundred = draft(&customer, "AUD", vec![line("Plan", amount("AUD", 100, 0))]);
    hundred.invoice.as_mut().unwrap().prices_include_tax = true;
    let invoice = issued(&owner, hundred.clone()).await;
    let credit = |units, cents| CreateCreditNoteRequest {
        request_id: request_id(),
        parent: invoice.name.clone(),
        amount: amount("AUD", units, cents),
        explanation: "A third was not delivered".into(),
    };
    for (place, (units, cents)) in [(33, 33), (33, 33), (33, 34)].into_iter().enumerate() {
        let answer =
            owner.invoices().create_credit_note(credit(units, cents)).await.unwrap().into_inner();
        let note = answer.credit_note.unwrap();
        assert!(
            note.number.starts_with("CN-") && note.number.ends_with(&format!("{:06}", place + 1)),
            "{}",
            note.number
        );
        assert_eq!(
            (note.taxes[0].tax.clone(), note.invoice_number),
            (amount("AUD", 3, 3), invoice.number.clone())
        );
        assert_eq!(
            answer.invoice.unwrap().state(),
            if place == 2 { State::Void } else { State::Open }
        );
    }
    let more = owner.invoices().create_credit_note(credit(0, 1)).await.unwrap_err();
    assert_eq!(reason(&more), "INVOICE_STATE");
    let list =
        ListCreditNotesRequest { parent: invoice.name.clone(), page_size: 2, ..Default::default() };
    let page = owner.invoices().list_credit_notes(list.clone()).await.unwrap().into_inner();
    let rest = ListCreditNotesRequest { page_token: page.next_page_token, ..list };
    assert_eq!(
        (
            page.credit_notes.len(),
            owner.invoices().list_credit_notes(rest).await.unwrap().into_inner().credit_notes.len()
        ),
        (2, 1)
    );
    let second = issued(&owner, hundred.clone_with_id()).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: second.name.clone(),
        explanation: "Wrong customer".into(),
        ..Default::default()
    };
    let voided = owner.invoices().void_invoice(void).await.unwrap().into_inner();
    assert_eq!(voided.credit_note, None, "outside the European Union a void needs no document");
    let voided = voided.invoice.unwrap();
    assert_eq!(
        (voided.state(), voided.number.clone(), voided.open.clone()),
        (State::Void, second.number, amount("AUD", 0, 0))
    );
    // A line that comes to nothing under a rate of its own does not stand in the way.
    taxed(world, &[("AU", "", "10", false), ("AU", "calls", "5", false)]).await;
    let little = InvoiceLine {
        quantity: Some(Decimal { value: "0.1".into() }),
        tax_category: "calls".into(),
        ..line("A call", amount("AUD", 0, 1))
    };
    let mut two_rates = hundred.clone_with_id();
    two_rates.invoice.as_mut().unwrap().lines.push(little);
    let mixed = issued(&owner, two_rates).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: mixed.name,
        explanation: "Twice".into(),
        ..Default::default()
    };
    assert_eq!(
        owner.invoices().void_invoice(void).await.unwrap().into_inner().invoice.unwrap().state(),
        State::Void
    );
    let third = issued(&owner, hundred.clone_with_id()).await;
    let off =
        WriteOffInvoiceRequest { request_id: request_id(), name: third.name, ..Default::default() };
    let off = owner.invoices().write_off_invoice(off).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(
        (off.state(), off.written_off, off.open),
        (State::Uncollectible, amount("AUD", 100, 0), amount("AUD", 0, 0))
    );
}

/// The same draft under a fresh request id.
pub(crate) trait Again {
    fn clone_with_id(&self) -> Self;
}

impl Again for CreateInvoiceRequest {
    fn clone_with_id(&self) -> Self {
        Self { request_id: request_id(), ..self.clone() }
    }
}

async fn what_cannot_be_issued_says_all_that_is_missing(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    let bare = payterms_proto::invoicing::v1::CreateCustomerRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        customer: Some(payterms_proto::invoicing::v1::Customer {
            country: "GB".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let bare =
        owner.customers().create_customer(bare).await.unwrap().into_inner().customer.unwrap().name;
    let made = owner
        .invoices()
        .create_invoice(draft(&bare, "USD", vec![line("x", amount("USD", 1, 0))]))
        .await
        .unwrap();
    let refused = finalize(&owner, &made.into_inner().invoice.unwrap().name).await.unwrap_err();
    assert_eq!(reason(&refused), "PROFILE_INCOMPLETE");
    for item in ["legal_name", "billing_address", "billing_email"] {
        assert!(refused.message().contains(item), "{item}");
    }
    let french = world.customer("acme", "FR").await;
    let untaxed = owner
        .invoices()
        .create_invoice(draft(&french, "EUR", vec![line("x", amount("EUR", 1, 0))]))
        .await
        .unwrap_err();
    assert_eq!(reason(&untaxed), "TAX_UNKNOWN");
    assert!(untaxed.message().contains("tenant.tax_rules with UpdateTenant"), "{untaxed:?}");
    let mixed = draft(&bare, "USD", vec![line("x", amount("EUR", 1, 0))]);
    assert_eq!(
        reason(&owner.invoices().create_invoice(mixed).await.unwrap_err()),
        "CURRENCY_MISMATCH"
    );
    let tiny = InvoiceLine {
        quantity: Some(Decimal { value: "0.000001".into() }),
        ..line("x", amount("USD", 1, 0))
    };
    assert_eq!(
        reason(
            &owner.invoices().create_invoice(draft(&bare, "USD", vec![tiny])).await.unwrap_err()
        ),
        "INVOICE_EMPTY"
    );
    let mut wrong = draft(&bare, "usd", vec![line("", None)]);
    wrong.invoice.as_mut().unwrap().payment_term = None;
    wrong.invoice.as_mut().unwrap().supply_date = Some(Date { year: 2026, month: 2, day: 30 });
    let wrong = owner.invoices().create_invoice(wrong).await.unwrap_err();
    assert_eq!(
        violations(&wrong),
        [
            "invoice.currency_code: CURRENCY_UNSUPPORTED",
            "invoice.payment_term: FIELD_REQUIRED",
            "invoice.lines[0].description: FIELD_REQUIRED",
            "invoice.lines[0].unit_price: FIELD_REQUIRED",
            "invoice.supply_date: DATE_INVALID"
        ]
    );
}

async fn customers_see_what_is_issued_and_not_hidden(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let member = world.someone("MEMBER", Some(&customer));
    let request = draft(&customer, "USD", vec![line("x", amount("USD", 1, 0))]);
    let made = owner
        .invoices()
        .create_invoice(request.clone())
        .await
        .unwrap()
        .into_inner()
        .invoice
        .unwrap();
    assert_eq!(
        read(&member, &made.name).await.unwrap_err().code(),
        Code::NotFound,
        "a draft is the seller's"
    );
    finalize(&owner, &made.name).await.unwrap();
    owner.invoices().create_invoice(request.clone_with_id()).await.unwrap();
    assert!(read(&member, &made.name).await.is_ok());
    let list = ListInvoicesRequest { parent: customer.clone(), ..Default::default() };
    assert_eq!(
        member.invoices().list_invoices(list.clone()).await.unwrap().into_inner().invoices.len(),
        1
    );
    assert_eq!(
        owner.invoices().list_invoices(list.clone()).await.unwrap().into_inner().invoices.len(),
        2
    );
    let drafts = ListInvoicesRequest { state: State::Draft.into(), ..list.clone() };
    assert_eq!(
        owner.invoices().list_invoices(drafts).await.unwrap().into_inner().invoices.len(),
        1
    );
    let stranger = world.customer("acme", "AU").await;
    let stranger = world.someone("MEMBER", Some(&stranger));
    assert_eq!(read(&stranger, &made.name).await.unwrap_err().code(), Code::NotFound);
    let hide = Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Tenant::default() };
    let mask = prost_types::FieldMask { paths: vec!["invoices_hidden".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(hide),
        update_mask: Some(mask),
        ..Default::default()
    };
    owner.tenants().update_tenant(update).await.unwrap();
    assert_eq!(read(&member, &made.name).await.unwrap_err().code(), Code::NotFound);
    assert!(member.invoices().list_invoices(list).await.unwrap().into_inner().invoices.is_empty());
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let quote = payterms_proto::invoicing::v1::QuotePaymentRequest {
        parent: customer.clone(),
        tenders: vec![crate::payments::credit(None)],
        currency_code: "USD".into(),
        ..Default::default()
    };
    assert_eq!(
        admin.payments().quote_payment(quote).await.unwrap_err().code(),
        Code::NotFound,
        "nor by what they would pay"
    );
    assert!(read(&owner, &made.name).await.is_ok());
}

async fn past_due_is_a_fact_of_dates(world: &World) {
    const DAY: i64 = 86_400;
    const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z, eleven in the morning in Sydney
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let owner = world.someone("OWNER", None);
    let invoice =
        issued(&owner, draft(&customer, "USD", vec![line("x", amount("USD", 1, 0))])).await;
    assert_eq!(invoice.issue_date, Some(Date { year: 2026, month: 1, day: 1 }));
    assert_eq!(invoice.due_date, Some(Date { year: 2026, month: 1, day: 31 }));
    advance(world, START + 30 * DAY).await;
    assert!(
        !read(&owner, &invoice.name).await.unwrap().past_due,
        "on the due date it is not past due"
    );
    advance(world, START + 31 * DAY).await;
    assert!(read(&owner, &invoice.name).await.unwrap().past_due);
    assert_eq!(read(&owner, &invoice.name).await.unwrap().state(), State::Open);
}
