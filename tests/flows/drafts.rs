//! Drafts show what they would be now, and their etag covers it.

use crate::{
    discounts::created,
    invariants,
    invoices::{draft, line, read, taxed},
};
use payterms_proto::invoicing::v1::{
    BatchGetInvoicesRequest, Customer, ExplainInvoiceRequest, FinalizeInvoiceRequest, Invoice,
    ListInvoicesRequest, UpdateCustomerRequest, UpdateInvoiceRequest, invoice::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;
use tonic::Status;

on_both!(a_draft_shows_what_it_would_be_now_and_its_etag_covers_it);

pub(crate) fn update(invoice: Invoice, path: &str) -> UpdateInvoiceRequest {
    UpdateInvoiceRequest {
        request_id: request_id(),
        invoice: Some(invoice),
        update_mask: Some(FieldMask { paths: vec![path.into()] }),
        ..Default::default()
    }
}

pub(crate) async fn finalize_as_read(owner: &Session, read: &Invoice) -> Result<Invoice, Status> {
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
