//! Reads of payments; they name invoices, and are hidden from customers with them.

use crate::{
    app::App,
    commands::{lists::ListOfCustomers, payments::PaymentRef},
    messages,
    store::{payment_lists, payments},
    use_cases::invoices::load::are_invoices_hidden,
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::Payment;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1 as pb;

/// One payment.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_payment(
    app: &App,
    named: &PaymentRef,
) -> Result<pb::GetPaymentResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let found = payments::find(&conn, &named.tenant, named.payment)
        .await?
        .filter(|payment| payment.customer == named.customer);
    let payment = found.ok_or_else(Refusal::not_found)?;
    if named.as_customer && are_invoices_hidden(&conn, &named.tenant).await? {
        return Err(Refusal::not_found().into());
    }
    Ok(pb::GetPaymentResponse {
        payment: Some(messages::payments::payment(&named.tenant, &payment)),
    })
}

/// A page of payments.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_payments(
    app: &App,
    list: &ListOfCustomers,
) -> Result<pb::ListPaymentsResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    if list.as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::ListPaymentsResponse::default());
    }
    let mut found = payment_lists::list(&conn, tenant, list.customer, listing, after).await?;
    let position = |payment: &Payment| payment_lists::position(payment, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut found, position);
    let payments =
        found.iter().map(|payment| messages::payments::payment(tenant, payment)).collect();
    Ok(pb::ListPaymentsResponse { payments, next_page_token })
}
