//! Reads of receipts; customers always see their own.

use crate::{app::App, messages, store::receipts};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Customer, Receipt};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1::{GetReceiptResponse, ListReceiptsResponse};
use uuid::Uuid;

/// One receipt.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_receipt(
    app: &App,
    (tenant, customer): (&TenantId, Id<Customer>),
    id: Id<Receipt>,
) -> Result<GetReceiptResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = receipts::find(&conn, tenant, id).await?.filter(|own| own.customer == customer).ok_or_else(Refusal::not_found)?;
    Ok(GetReceiptResponse { receipt: Some(messages::receipts::receipt(tenant, &found)) })
}

/// A page of a customer's receipts, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_receipts(
    app: &App,
    (tenant, customer): (&TenantId, Id<Customer>),
    page: &Page,
) -> Result<ListReceiptsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = receipts::list(&conn, tenant, customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    Ok(ListReceiptsResponse { receipts: found.iter().map(|own| messages::receipts::receipt(tenant, own)).collect(), next_page_token })
}
