//! Invoices are written, and issued with gapless numbers.

use payterms_proto::{
    google::r#type::{Date, Decimal, Money},
    invoicing::v1::{
        CreateInvoiceRequest, DeleteInvoiceRequest, FinalizeInvoiceRequest, GetInvoiceRequest,
        Invoice, InvoiceLine, ListInvoicesRequest, PaymentTerm, TaxRule, Tenant,
        UpdateInvoiceRequest, UpdateTenantRequest, invoice::State, payment_term::Kind,
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
    sixty_four_writers_leave_no_gap_and_no_double,
    what_cannot_be_issued_says_all_that_is_missing,
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
