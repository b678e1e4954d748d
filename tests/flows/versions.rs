//! Business details change on what was issued: a new version of the same number, or in the European
//! Union a corrective document; an invoice there is voided by a credit note.

use crate::{
    invariants,
    invoices::{draft, issued, line, read},
};
use futures::TryStreamExt;
use payterms_proto::{
    google::r#type::Decimal,
    invoicing::v1::{
        CorrectInvoiceRequest, CorrectReceiptRequest, CreateTenantRequest, Customer, Document,
        DownloadDocumentsRequest, GetDocumentRequest, Invoice, InvoiceVersion,
        ListInvoiceVersionsRequest, ListReceiptVersionsRequest, TaxRule, Tenant,
        UpdateCustomerRequest, VoidInvoiceRequest, invoice,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason, world::customer_of};
use prost_types::FieldMask;
use tonic::Status;

on_both!(
    details_make_a_new_version_of_the_same_number,
    in_the_european_union_a_corrective_document_names_the_first,
    in_the_european_union_a_void_is_a_credit_note_over_all,
    details_make_a_new_version_of_a_receipt_too,
);

async fn rename(session: &Session, customer: &str, name: &str) {
    let customer =
        Customer { name: customer.into(), legal_name: name.into(), ..Customer::default() };
    let mask = FieldMask { paths: vec!["legal_name".into()] };
    let update = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(customer),
        update_mask: Some(mask),
        ..Default::default()
    };
    session.customers().update_customer(update).await.unwrap();
}

pub(crate) async fn correct(session: &Session, invoice: &str) -> Result<InvoiceVersion, Status> {
    let request = CorrectInvoiceRequest {
        request_id: request_id(),
        name: invoice.into(),
        explanation: "We have a new name.".into(),
        ..Default::default()
    };
    session
        .invoices()
        .correct_invoice(request)
        .await
        .map(|answer| answer.into_inner().invoice_version.unwrap())
}

async fn document(session: &Session, name: &str) -> Document {
    let get = GetDocumentRequest { name: name.into() };
    let document =
        session.documents().get_document(get).await.unwrap().into_inner().document.unwrap();
    assert!(document.content.starts_with(b"%PDF"));
    document
}

async fn file_name(session: &Session, name: &str) -> String {
    document(session, name).await.file_name
}

/// All files of a customer, without their year and number.
async fn files(session: &Session, customer: &str) -> Vec<String> {
    let all = DownloadDocumentsRequest { parent: customer.into(), ..Default::default() };
    let stream = session.documents().download_documents(all).await.unwrap().into_inner();
    let found: Vec<_> = stream.try_collect().await.unwrap();
    found
        .into_iter()
        .map(|answer| answer.document.unwrap().file_name.split('-').next().unwrap().to_owned())
        .collect()
}

async fn details_make_a_new_version_of_the_same_number(world: &World) {
    let (customer, _) = world.usual().await;
    let owner = world.someone("OWNER", None);
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let invoice =
        issued(&owner, draft(&customer, "USD", vec![line("Plan", amount("USD", 40, 0))])).await;
    assert_eq!(reason(&correct(&admin, &invoice.name).await.unwrap_err()), "DETAILS_UNCHANGED");
    let sent = document(&admin, &invoice.name).await;
    rename(&admin, &customer, "Brightside Holdings").await;
    let version = correct(&admin, &invoice.name).await.unwrap();
    assert_eq!((version.version, &version.number), (2, &invoice.number));
    assert_eq!(version.buyer.as_ref().unwrap().legal_name, "Brightside Holdings");
    let kept = read(&owner, &invoice.name).await.unwrap();
    assert_eq!(
        (kept.total, kept.buyer.unwrap().legal_name),
        (invoice.total.clone(), "Brightside Ltd".to_owned()),
        "the first is kept"
    );
    assert_eq!(
        file_name(&admin, &invoice.name).await,
        format!("{}-v2.pdf", invoice.number),
        "the newest is printed"
    );
    assert_eq!(file_name(&admin, &version.name).await, format!("{}-v2.pdf", invoice.number));
    let list = ListInvoiceVersionsRequest { parent: invoice.name.clone(), ..Default::default() };
    let listed = admin
        .invoices()
        .list_invoice_versions(list.clone())
        .await
        .unwrap()
        .into_inner()
        .invoice_versions;
    assert_eq!(
        (listed.len(), listed[0].version, listed[0].buyer.as_ref().unwrap().legal_name.as_str()),
        (2, 1, "Brightside Ltd")
    );
    assert_eq!(listed[1], version);
    let one = admin
        .invoices()
        .list_invoice_versions(ListInvoiceVersionsRequest { page_size: 1, ..list.clone() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(one.invoice_versions, listed[..1]);
    let next = ListInvoiceVersionsRequest { page_size: 1, page_token: one.next_page_token, ..list };
    assert_eq!(
        admin.invoices().list_invoice_versions(next).await.unwrap().into_inner().invoice_versions,
        listed[1..]
    );
    // What was sent stays to be had, byte for byte, alone and among all documents.
    let first = document(&admin, &listed[0].name).await;
    assert_eq!(
        (&first.file_name, &first.name, &first.content),
        (&format!("{}.pdf", invoice.number), &listed[0].name, &sent.content)
    );
    assert_eq!(files(&admin, &customer).await, ["INV", "INV"]);
    invariants::books_agree(world).await;
}

/// A seller in France, a customer there, and an invoice.
async fn french(world: &World) -> (Session, String, Invoice) {
    let rule = TaxRule {
        country: "FR".into(),
        rate_percent: Some(Decimal { value: "20".into() }),
        ..TaxRule::default()
    };
    let tenant = Tenant {
        display_name: "Lumière SARL".into(),
        country: "FR".into(),
        time_zone: "Europe/Paris".into(),
        sandbox: true,
        tax_rules: vec![rule],
        ..Tenant::default()
    };
    let create = CreateTenantRequest {
        request_id: request_id(),
        tenant_id: "acme".into(),
        tenant: Some(tenant),
        ..Default::default()
    };
    world.someone("OPERATOR", None).tenants().create_tenant(create).await.unwrap();
    let owner = world.someone("OWNER", None);
    let customer = customer_of(&owner, "acme", "FR").await;
    let invoice =
        issued(&owner, draft(&customer, "EUR", vec![line("Abonnement", amount("EUR", 100, 0))]))
            .await;
    (owner, customer, invoice)
}

async fn in_the_european_union_a_corrective_document_names_the_first(world: &World) {
    let (owner, customer, invoice) = french(world).await;
    rename(&owner, &customer, "Brightside France").await;
    let version = correct(&owner, &invoice.name).await.unwrap();
    assert!(
        version.number.starts_with("COR-") && version.number.ends_with("-000001"),
        "{}",
        version.number
    );
    assert_eq!(
        file_name(&owner, &invoice.name).await,
        format!("{}.pdf", invoice.number),
        "what was issued stays"
    );
    assert_eq!(file_name(&owner, &version.name).await, format!("{}.pdf", version.number));
    assert_eq!(files(&owner, &customer).await, ["INV", "COR"]);
    invariants::books_agree(world).await;
}

async fn in_the_european_union_a_void_is_a_credit_note_over_all(world: &World) {
    let (owner, customer, invoice) = french(world).await;
    let void = VoidInvoiceRequest {
        request_id: request_id(),
        name: invoice.name.clone(),
        explanation: "Issued twice".into(),
        ..Default::default()
    };
    let answer = owner.invoices().void_invoice(void).await.unwrap().into_inner();
    let note = answer.credit_note.unwrap();
    assert_eq!(
        (answer.invoice.unwrap().state(), note.amount, note.taxes[0].tax.clone()),
        (invoice::State::Void, amount("EUR", 120, 0), amount("EUR", 20, 0))
    );
    assert_eq!(files(&owner, &customer).await, ["INV", "CN"]);
    assert_eq!(reason(&correct(&owner, &invoice.name).await.unwrap_err()), "INVOICE_STATE");
    invariants::books_agree(world).await;
}

pub(crate) async fn details_make_a_new_version_of_a_receipt_too(world: &World) {
    let till = crate::payments::till(world, 0).await;
    crate::top_ups::card(world, &till.admin, &till.customer, "tok_visa").await;
    till.admin
        .top_ups()
        .create_top_up(crate::top_ups::buy(&till.wallet, "", amount("USD", 25, 0)))
        .await
        .unwrap();
    let receipt = crate::documents::receipts_of(&till.admin, &till.customer, 1).await.remove(0);
    let correct = async || {
        let request = CorrectReceiptRequest {
            request_id: request_id(),
            name: receipt.name.clone(),
            explanation: "We have a new name.".into(),
            ..Default::default()
        };
        till.admin
            .receipts()
            .correct_receipt(request)
            .await
            .map(|answer| answer.into_inner().receipt_version.unwrap())
    };
    assert_eq!(reason(&correct().await.unwrap_err()), "DETAILS_UNCHANGED");
    let sent = document(&till.admin, &receipt.name).await;
    rename(&till.admin, &till.customer, "Brightside Holdings").await;
    let version = correct().await.unwrap();
    assert_eq!((version.version, &version.number), (2, &receipt.number));
    assert_eq!(version.buyer.as_ref().unwrap().legal_name, "Brightside Holdings");
    let list = ListReceiptVersionsRequest { parent: receipt.name.clone(), ..Default::default() };
    let listed = till
        .admin
        .receipts()
        .list_receipt_versions(list)
        .await
        .unwrap()
        .into_inner()
        .receipt_versions;
    assert_eq!(
        (listed.len(), listed[0].version, listed[0].buyer.as_ref().unwrap().legal_name.as_str()),
        (2, 1, "Brightside Ltd")
    );
    assert_eq!(listed[1], version);
    let first = document(&till.admin, &listed[0].name).await;
    assert_eq!(
        (&first.file_name, &first.content),
        (&format!("{}.pdf", receipt.number), &sent.content),
        "what was sent stays"
    );
    assert_eq!(
        file_name(&till.admin, &receipt.name).await,
        format!("{}-v2.pdf", receipt.number),
        "the newest is printed"
    );
    assert_eq!(file_name(&till.admin, &version.name).await, format!("{}-v2.pdf", receipt.number));
    assert_eq!(files(&till.admin, &till.customer).await, ["INV", "RC", "RC"]);
    // Another customer's receipt is not there.
    let other = world.customer("acme", "GB").await;
    let stranger = world.someone("CUSTOMER_ADMIN", Some(&other));
    let theirs = CorrectReceiptRequest {
        request_id: request_id(),
        name: receipt.name.replace(&till.customer, &other),
        explanation: "Mine?".into(),
        ..Default::default()
    };
    assert_eq!(
        reason(&stranger.receipts().correct_receipt(theirs).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
