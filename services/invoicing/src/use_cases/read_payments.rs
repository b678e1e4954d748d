//! Reads of payments; they name invoices, and are hidden from customers with them.

use super::read_invoices::{hidden, visible};
use crate::{
    App,
    commands::{invoices::InvoiceRef, payments::PaymentRef},
    messages,
    store::{payments, refunds},
};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Customer, Refund};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One payment.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn payment(app: &App, named: &PaymentRef) -> Result<pb::GetPaymentResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = payments::find(&conn, &named.tenant, named.payment).await?.filter(|payment| payment.customer == named.customer);
    let payment = found.ok_or_else(Refusal::not_found)?;
    if named.as_customer && hidden(&conn, &named.tenant).await? {
        return Err(Refusal::not_found().into());
    }
    Ok(pb::GetPaymentResponse { payment: Some(messages::payments::payment(&named.tenant, &payment)) })
}

/// A page of a customer's payments, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn payments(
    app: &App,
    (tenant, customer): (&TenantId, Id<Customer>),
    page: &Page,
    as_customer: bool,
) -> Result<pb::ListPaymentsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    if as_customer && hidden(&conn, tenant).await? {
        return Ok(pb::ListPaymentsResponse::default());
    }
    let mut found = payments::list(&conn, tenant, customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |payment| payment.id.to_string());
    Ok(pb::ListPaymentsResponse {
        payments: found.iter().map(|payment| messages::payments::payment(tenant, payment)).collect(),
        next_page_token,
    })
}

/// One refund of an invoice.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn refund(app: &App, named: &InvoiceRef, id: Id<Refund>) -> Result<pb::GetRefundResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let invoice = visible(&conn, named).await?;
    let found = refunds::find(&conn, &named.tenant, id).await?;
    let refund = found.filter(|refund| refund.invoice == invoice.id).ok_or_else(Refusal::not_found)?;
    Ok(pb::GetRefundResponse { refund: Some(messages::refunds::refund(&named.tenant, &refund)) })
}

/// A page of an invoice's refunds, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn refunds(app: &App, named: &InvoiceRef, page: &Page) -> Result<pb::ListRefundsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let invoice = visible(&conn, named).await?;
    let mut found = refunds::list(&conn, &named.tenant, invoice.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |refund| refund.id.to_string());
    Ok(pb::ListRefundsResponse {
        refunds: found.iter().map(|refund| messages::refunds::refund(&named.tenant, refund)).collect(),
        next_page_token,
    })
}
