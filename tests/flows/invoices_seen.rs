//! Customers see what is issued and not hidden, and what is past due by its date.

use crate::{
    clocks::{advance, start},
    invoices::{Again, draft, finalize, issued, line, read},
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{ListInvoicesRequest, Tenant, UpdateTenantRequest, invoice::State},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};
use tonic::Code;

on_both!(customers_see_what_is_issued_and_not_hidden, past_due_is_a_fact_of_dates);

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
