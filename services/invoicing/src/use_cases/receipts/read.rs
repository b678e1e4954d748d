//! Reads of receipts; customers always see their own.

use crate::{
    app::App,
    commands::{customers::CustomerRef, receipts::ReceiptRef},
    messages,
    store::{receipt_credit_notes, receipts},
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{GetReceiptResponse, ListReceiptsResponse};
use uuid::Uuid;

/// One receipt.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_receipt(app: &App, named: &ReceiptRef) -> Result<GetReceiptResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = receipts::find(&conn, &named.tenant, named.receipt)
        .await?
        .filter(|own| own.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    let notes = receipt_credit_notes::of_receipts(&conn, &named.tenant, &[found.id]).await?;
    Ok(GetReceiptResponse { receipt: Some(messages::receipts::receipt(&named.tenant, &found, &notes)) })
}

/// A page of a customer's receipts, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_receipts(
    app: &App,
    CustomerRef { tenant, customer, .. }: &CustomerRef,
    page: &Page,
) -> Result<ListReceiptsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = receipts::list(&conn, tenant, *customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    let ids: Vec<_> = found.iter().map(|receipt| receipt.id).collect();
    let notes = receipt_credit_notes::of_receipts(&conn, tenant, &ids).await?;
    let receipts = found.iter().map(|receipt| messages::receipts::receipt(tenant, receipt, &notes)).collect();
    Ok(ListReceiptsResponse { receipts, next_page_token })
}
