//! Reads of payments; they name invoices, and are hidden from customers with them.

use crate::{
    app::App,
    commands::{customers::CustomerRef, payments::PaymentRef},
    messages,
    store::payments,
    use_cases::invoices::load::are_invoices_hidden,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One payment.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_payment(app: &App, named: &PaymentRef) -> Result<pb::GetPaymentResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = payments::find(&conn, &named.tenant, named.payment).await?.filter(|payment| payment.customer == named.customer);
    let payment = found.ok_or_else(Refusal::not_found)?;
    if named.as_customer && are_invoices_hidden(&conn, &named.tenant).await? {
        return Err(Refusal::not_found().into());
    }
    Ok(pb::GetPaymentResponse { payment: Some(messages::payments::payment(&named.tenant, &payment)) })
}

/// A page of a customer's payments, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_payments(
    app: &App,
    CustomerRef { tenant, customer, as_customer }: &CustomerRef,
    page: &Page,
) -> Result<pb::ListPaymentsResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    if *as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::ListPaymentsResponse::default());
    }
    let mut found = payments::list(&conn, tenant, *customer, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |payment| payment.id.to_string());
    Ok(pb::ListPaymentsResponse {
        payments: found.iter().map(|payment| messages::payments::payment(tenant, payment)).collect(),
        next_page_token,
    })
}
