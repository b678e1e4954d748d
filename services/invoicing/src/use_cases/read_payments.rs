//! Reads of payments.

use crate::{App, render_payments as render, store::payments};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Customer, Payment};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One payment.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn payment(app: &App, tenant: &TenantId, customer: Id<Customer>, id: Id<Payment>) -> Result<pb::GetPaymentResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let found = payments::find(&conn, tenant, id).await?.filter(|payment| payment.customer == customer);
    let payment = found.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetPaymentResponse { payment: Some(render::payment(tenant, &payment)) })
}

/// A page of a customer's payments, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn payments(app: &App, tenant: &TenantId, customer: Id<Customer>, page: &Page) -> Result<pb::ListPaymentsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = payments::list(&conn, tenant, customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |payment| payment.id.to_string());
    Ok(pb::ListPaymentsResponse { payments: found.iter().map(|payment| render::payment(tenant, payment)).collect(), next_page_token })
}
