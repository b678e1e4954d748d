//! What is issued can be read, printed and downloaded: invoices, credit notes, receipts.

use crate::{
    invoices::{draft, issued, line, taxed},
    payments::till,
    top_ups::{buy, card},
};
use futures::TryStreamExt;
use payterms_proto::{
    google::r#type::{Date, Decimal},
    invoicing::v1::{
        Address, BusinessDetails, CreateCreditNoteRequest, Customer, Document,
        DownloadDocumentsRequest, GetDocumentRequest, GetReceiptRequest, ListReceiptsRequest,
        Receipt, Tenant, UpdateCustomerRequest, UpdateTenantRequest,
    },
    wallet::v1::{TaxKind, UpdateWalletSettingsRequest, WalletSettings},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use prost_types::FieldMask;
use tonic::{Code, Status};

on_both!(
    a_top_up_gets_its_receipt_once_with_the_tax_that_was_taken,
    a_document_stays_as_it_was_issued_whatever_the_customer_reads_later,
    all_documents_of_a_customer_come_in_one_stream,
);

/// The business as documents name it.
pub(crate) async fn business(world: &World, business: BusinessDetails) {
    let tenant =
        Tenant { name: "tenants/acme".into(), business: Some(business), ..Tenant::default() };
    let mask = FieldMask { paths: vec!["business".into()] };
    let update = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask: Some(mask),
        ..Default::default()
    };
    world.someone("OWNER", None).tenants().update_tenant(update).await.unwrap();
}

pub(crate) fn acme() -> BusinessDetails {
    BusinessDetails {
        legal_name: "Acme Telecom Pty Ltd".into(),
        address: Some(Address {
            lines: vec!["1 Pitt Street".into()],
            city: "Sydney".into(),
            postal_code: "2000".into(),
            country: "AU".into(),
            ..Address::default()
        }),
        tax_id: "51 824 753 556".into(),
        legal_mentions: "Acme Telecom Pty Ltd, ABN 51 824 753 556".into(),
        contact_email: "billing@acme.example".into(),
        portal_url: "https://pay.acme.example".into(),
        bank_details: "Acme Telecom, BSB 062-000, account 1234 5678".into(),
    }
}

pub(crate) async fn taxed_sale(world: &World) {
    let settings = WalletSettings {
        name: "tenants/acme/walletSettings".into(),
        top_up_tax_kind: TaxKind::TaxedSale.into(),
        ..Default::default()
    };
    let mask = FieldMask { paths: vec!["top_up_tax_kind".into()] };
    let update = UpdateWalletSettingsRequest {
        request_id: request_id(),
        wallet_settings: Some(settings),
        update_mask: Some(mask),
        ..Default::default()
    };
    world.someone("OWNER", None).settings().update_wallet_settings(update).await.unwrap();
}

async fn receipts(session: &Session, customer: &str) -> Vec<Receipt> {
    let list = ListReceiptsRequest { parent: customer.into(), ..Default::default() };
    session.receipts().list_receipts(list).await.unwrap().into_inner().receipts
}

/// Waits for so many receipts: they follow the top-up.
pub(crate) async fn receipts_of(session: &Session, customer: &str, count: usize) -> Vec<Receipt> {
    crate::rig::until(async || Ok(receipts(session, customer).await), |found| found.len() == count)
        .await
}

async fn document(session: &Session, name: &str) -> Result<Document, Status> {
    let get = GetDocumentRequest { name: name.into() };
    session.documents().get_document(get).await.map(|answer| answer.into_inner().document.unwrap())
}

async fn a_top_up_gets_its_receipt_once_with_the_tax_that_was_taken(world: &World) {
    let till = till(world, 0).await;
    business(world, acme()).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    let deposit = till
        .admin
        .top_ups()
        .create_top_up(buy(&till.wallet, "", amount("USD", 25, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    let receipt = receipts_of(&till.admin, &till.customer, 1).await.remove(0);
    assert_eq!((receipt.top_up.as_str(), receipt.taxed), (deposit.name.as_str(), false));
    assert!(
        receipt.number.starts_with("RC-") && receipt.number.ends_with("-000001"),
        "{}",
        receipt.number
    );
    assert_eq!(receipt.seller.as_ref().unwrap().legal_name, "Acme Telecom Pty Ltd");
    // Australian credit is sold with tax in it.
    taxed(world, &[("AU", "", "10", false), ("GB", "", "0", false)]).await;
    taxed_sale(world).await;
    let australian = world.customer("acme", "AU").await;
    let wallet = world.wallet(&australian, "USD").await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&australian));
    card(world, &admin, &australian, "tok_visa").await;
    admin.top_ups().create_top_up(buy(&wallet, "", amount("USD", 55, 0))).await.unwrap();
    let receipt = receipts_of(&admin, &australian, 1).await.remove(0);
    let tax = receipt.tax.clone().unwrap();
    assert_eq!(
        (receipt.taxed, receipt.amount.clone(), tax.net, tax.tax),
        (true, amount("USD", 55, 0), amount("USD", 50, 0), amount("USD", 5, 0))
    );
    assert_eq!(
        (tax.rate_percent, receipt.number.ends_with("-000002")),
        (Some(Decimal { value: "10".into() }), true)
    );
    let read = admin
        .receipts()
        .get_receipt(GetReceiptRequest { name: receipt.name.clone() })
        .await
        .unwrap()
        .into_inner()
        .receipt;
    assert_eq!(read, Some(receipt.clone()));
    let foreign = receipt.name.replace(&australian, &till.customer);
    let refused =
        till.admin.receipts().get_receipt(GetReceiptRequest { name: foreign }).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(document(&admin, &receipt.name).await.unwrap().content.starts_with(b"%PDF"));
}

async fn a_document_stays_as_it_was_issued_whatever_the_customer_reads_later(world: &World) {
    let till = till(world, 0).await;
    let english = document(&till.admin, &till.invoice.name).await.unwrap();
    assert_eq!(
        (english.file_name.clone(), english.media_type.clone()),
        (format!("{}.pdf", till.invoice.number), "application/pdf".to_owned())
    );
    let customer =
        Customer { name: till.customer.clone(), locale: "fr".into(), ..Customer::default() };
    let mask = FieldMask { paths: vec!["locale".into()] };
    let update = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask: Some(mask),
        ..Default::default()
    };
    till.admin.customers().update_customer(update).await.unwrap();
    assert_eq!(
        document(&till.owner, &till.invoice.name).await.unwrap(),
        english,
        "the same bytes for everybody, as they were sent"
    );
    let french = issued(
        &till.owner,
        draft(&till.customer, "USD", vec![line("Encore", amount("USD", 100, 0))]),
    )
    .await;
    assert_ne!(document(&till.admin, &french.name).await.unwrap().content, english.content);
    let draft = draft(&till.customer, "USD", vec![line("Later", amount("USD", 1, 0))]);
    let draft =
        till.owner.invoices().create_invoice(draft).await.unwrap().into_inner().invoice.unwrap();
    assert_eq!(
        document(&till.owner, &draft.name).await.unwrap_err().code(),
        Code::NotFound,
        "a draft is no document"
    );
    let nonsense = document(&till.owner, "tenants/acme/customers").await.unwrap_err();
    assert_eq!(reason(&nonsense), "RESOURCE_NAME_INVALID");
}

async fn all_documents_of_a_customer_come_in_one_stream(world: &World) {
    let till = till(world, 0).await;
    card(world, &till.admin, &till.customer, "tok_visa").await;
    issued(&till.owner, draft(&till.customer, "USD", vec![line("More", amount("USD", 50, 0))]))
        .await;
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: till.invoice.name.clone(),
        amount: amount("USD", 10, 0),
        explanation: "Goodwill".into(),
    };
    till.owner.invoices().create_credit_note(note).await.unwrap();
    till.admin.top_ups().create_top_up(buy(&till.wallet, "", amount("USD", 25, 0))).await.unwrap();
    receipts_of(&till.admin, &till.customer, 1).await;
    let all = DownloadDocumentsRequest { parent: till.customer.clone(), ..Default::default() };
    let names = async |request: DownloadDocumentsRequest| -> Vec<String> {
        let stream = till.admin.documents().download_documents(request).await.unwrap().into_inner();
        let found: Vec<_> = stream.try_collect().await.unwrap();
        found
            .into_iter()
            .map(|answer| {
                answer.document.unwrap().file_name.chars().take_while(|c| *c != '-').collect()
            })
            .collect()
    };
    assert_eq!(names(all.clone()).await, ["INV", "INV", "CN", "RC"]);
    let past =
        DownloadDocumentsRequest { to_date: Some(Date { year: 2020, month: 1, day: 1 }), ..all };
    assert!(names(past).await.is_empty());
}
