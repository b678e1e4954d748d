//! The exports by which books are compared.

use crate::{
    payments::{Till, credit, till},
    usage::used,
};
use payterms_proto::{
    invoicing::v1::{ExportInvoicesRequest, ExportPaymentsRequest},
    wallet::v1::{ExportEntriesRequest, ExportUsageRecordsRequest, RecordUsageStreamRequest},
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{World, on_both, reason};
use std::collections::BTreeSet;
use tokio_stream::StreamExt;
use tonic::Code;

on_both!(an_export_sends_all_and_goes_on_after_an_interruption);

pub(crate) const EVERYONE: &str = "tenants/acme/customers/-";

async fn an_export_sends_all_and_goes_on_after_an_interruption(world: &World) {
    let till = till(world, 300).await;
    let service = world.someone("SERVICE", None);
    let records = (0..205).map(|_| used(&till.wallet, "voice", "1", amount("USD", 0, 1)));
    let stream = tokio_stream::iter(
        records.map(|record| RecordUsageStreamRequest { record: Some(record) }).collect::<Vec<_>>(),
    );
    service.usage().record_usage_stream(stream).await.unwrap();
    let wallets = format!("{EVERYONE}/wallets/-");
    let export = |page_token: &str, filter: &str| ExportUsageRecordsRequest {
        parent: wallets.clone(),
        filter: filter.into(),
        page_token: page_token.into(),
    };
    let mut parts = service
        .usage()
        .export_usage_records(export("", "product = voice"))
        .await
        .unwrap()
        .into_inner();
    let first = parts.next().await.unwrap().unwrap();
    assert_eq!(first.usage_records.len(), 200);
    drop(parts);
    let rest: Vec<_> = service
        .usage()
        .export_usage_records(export(&first.next_page_token, "product = voice"))
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    let rest: Vec<_> = rest.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        (rest.len(), rest[0].usage_records.len(), rest[0].next_page_token.as_str()),
        (1, 5, "")
    );
    let names: BTreeSet<_> = first
        .usage_records
        .iter()
        .chain(&rest[0].usage_records)
        .map(|usage_record| usage_record.name.clone())
        .collect();
    assert_eq!(names.len(), 205, "each once");
    let mut other = service
        .usage()
        .export_usage_records(export(&first.next_page_token, ""))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        reason(&other.next().await.unwrap().unwrap_err()),
        "PAGE_TOKEN_INVALID",
        "a token is good for its filter alone"
    );
    entries_invoices_and_payments_are_exported(&till, &service).await;
    let curl = crate::plain_http::Curl::of(world, "OWNER", None);
    let body = format!(r#"{{"parent":"{wallets}","filter":"product = voice"}}"#);
    let answer = curl
        .post(
            "payterms.wallet.v1.UsageService/ExportUsageRecords",
            "application/connect+json",
            crate::plain_http::envelope(0, &body),
        )
        .send()
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
    assert_eq!(
        text.matches("\"usageRecords\":").count(),
        2,
        "two messages in JSON: {}",
        text.chars().take(200).collect::<String>()
    );
}

/// Each list has its export, for those alone who may read it.
async fn entries_invoices_and_payments_are_exported(till: &Till, service: &Session) {
    let request = ExportEntriesRequest {
        parent: format!("{}/wallets/-", till.customer),
        ..Default::default()
    };
    let parts: Vec<_> =
        service.wallets().export_entries(request).await.unwrap().into_inner().collect().await;
    let sequences: Vec<_> = parts
        .into_iter()
        .flat_map(|part| part.unwrap().entries)
        .map(|entry| entry.sequence)
        .collect();
    assert_eq!(sequences, (1..=206).collect::<Vec<_>>(), "a grant and every use, oldest first");
    let request = ExportInvoicesRequest {
        parent: EVERYONE.into(),
        filter: "state = OPEN".into(),
        ..Default::default()
    };
    let parts: Vec<_> =
        till.owner.invoices().export_invoices(request).await.unwrap().into_inner().collect().await;
    let found: Vec<_> = parts
        .into_iter()
        .flat_map(|part| part.unwrap().invoices)
        .map(|invoice| invoice.name)
        .collect();
    assert_eq!(found, std::slice::from_ref(&till.invoice.name));
    till.admin
        .payments()
        .create_payment(till.request(vec![credit(amount("USD", 10, 0))]))
        .await
        .unwrap();
    let request = ExportPaymentsRequest { parent: till.customer.clone(), ..Default::default() };
    let parts: Vec<_> = till
        .owner
        .payments()
        .export_payments(request.clone())
        .await
        .unwrap()
        .into_inner()
        .collect()
        .await;
    assert_eq!(parts.into_iter().flat_map(|part| part.unwrap().payments).count(), 1);
    let refused = till.admin.payments().export_payments(request).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::PermissionDenied, "ROLE_REQUIRED")
    );
    let missing =
        ExportInvoicesRequest { parent: EVERYONE.replace("acme", "other"), ..Default::default() };
    assert_eq!(
        reason(&till.owner.invoices().export_invoices(missing).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
}
