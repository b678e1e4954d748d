//! Reads of receipts; customers always see their own.

use crate::{
    app::App,
    commands::{lists::ListOfCustomers, receipts::ReceiptRef},
    messages,
    store::{receipt_credit_notes, receipt_versions, receipts},
};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Receipt, ReceiptVersion};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{
    GetReceiptResponse, ListReceiptVersionsResponse, ListReceiptsResponse,
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The receipt that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn find_receipt<C: ConnectionTrait>(
    conn: &C,
    named: &ReceiptRef,
) -> Result<Receipt, AppError> {
    let found = receipts::find(conn, &named.tenant, named.receipt)
        .await?
        .filter(|receipt| receipt.customer == named.customer);
    Ok(found.ok_or_else(Refusal::not_found)?)
}

/// One receipt.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_receipt(app: &App, named: &ReceiptRef) -> Result<GetReceiptResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = find_receipt(&conn, named).await?;
    let notes = receipt_credit_notes::of_receipts(&conn, &named.tenant, &[found.id]).await?;
    Ok(GetReceiptResponse {
        receipt: Some(messages::receipts::receipt(&named.tenant, &found, &notes)),
    })
}

/// A page of receipts.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_receipts(
    app: &App,
    list: &ListOfCustomers,
) -> Result<ListReceiptsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    let mut found = receipts::list(&conn, tenant, list.customer, listing, after).await?;
    let position = |receipt: &Receipt| receipts::position(receipt, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut found, position);
    let ids: Vec<_> = found.iter().map(|receipt| receipt.id).collect();
    let notes = receipt_credit_notes::of_receipts(&conn, tenant, &ids).await?;
    let receipts =
        found.iter().map(|receipt| messages::receipts::receipt(tenant, receipt, &notes)).collect();
    Ok(ListReceiptsResponse { receipts, next_page_token })
}

/// A page of a receipt's versions, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_receipt_versions(
    app: &App,
    named: &ReceiptRef,
    page: &Page,
) -> Result<ListReceiptVersionsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let receipt = find_receipt(&conn, named).await?;
    let mut found =
        receipt_versions::list(&conn, &named.tenant, receipt.id, after, page.reads()).await?;
    // The first has the receipt's id, which is before those of all others.
    if after.is_nil() {
        found.insert(0, ReceiptVersion::first(&receipt));
        found.truncate(usize::try_from(page.reads()).unwrap_or(usize::MAX));
    }
    let next_page_token =
        app.pages.cut(page, &mut found, |receipt_version| receipt_version.id.to_string());
    let receipt_versions = found
        .iter()
        .map(|each| messages::receipt_versions::receipt_version(&named.tenant, &receipt, each))
        .collect();
    Ok(ListReceiptVersionsResponse { receipt_versions, next_page_token })
}
