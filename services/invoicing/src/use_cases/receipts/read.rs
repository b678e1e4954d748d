//! Reads of receipts; customers always see their own.

use crate::{
    app::App,
    commands::{lists::ListOfCustomers, receipts::ReceiptRef},
    messages,
    store::{receipt_credit_notes, receipts},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::Receipt;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{GetReceiptResponse, ListReceiptsResponse};

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

/// A page of receipts.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_receipts(app: &App, list: &ListOfCustomers) -> Result<ListReceiptsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    let mut found = receipts::list(&conn, tenant, list.customer, (listing, after)).await?;
    let position = |own: &Receipt| receipts::position(own, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut found, position);
    let ids: Vec<_> = found.iter().map(|receipt| receipt.id).collect();
    let notes = receipt_credit_notes::of_receipts(&conn, tenant, &ids).await?;
    let receipts = found.iter().map(|receipt| messages::receipts::receipt(tenant, receipt, &notes)).collect();
    Ok(ListReceiptsResponse { receipts, next_page_token })
}
