//! Reads of refunds.

use crate::{
    app::App, commands::invoices::InvoiceRef, messages, store::refunds,
    use_cases::invoices::load::find_visible_invoice,
};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::Refund;
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One refund of an invoice.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_refund(
    app: &App,
    named: &InvoiceRef,
    id: Id<Refund>,
) -> Result<pb::GetRefundResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let invoice = find_visible_invoice(&conn, named).await?;
    let found = refunds::find(&conn, &named.tenant, id).await?;
    let refund =
        found.filter(|refund| refund.invoice == invoice.id).ok_or_else(Refusal::not_found)?;
    Ok(pb::GetRefundResponse { refund: Some(messages::refunds::refund(&named.tenant, &refund)) })
}

/// A page of an invoice's refunds, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_refunds(
    app: &App,
    named: &InvoiceRef,
    page: &Page,
) -> Result<pb::ListRefundsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let invoice = find_visible_invoice(&conn, named).await?;
    let mut found = refunds::list(&conn, &named.tenant, invoice.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |refund| refund.id.to_string());
    Ok(pb::ListRefundsResponse {
        refunds: found
            .iter()
            .map(|refund| messages::refunds::refund(&named.tenant, refund))
            .collect(),
        next_page_token,
    })
}
