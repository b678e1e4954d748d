//! Records what was paid elsewhere.

use super::save::publish_payment;
use crate::{app::App, commands::payments::OutsidePayment, store::invoices};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{Invoice, InvoiceState, Payment};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::RecordOutsidePaymentResponse;

/// Records what was paid elsewhere.
///
/// # Errors
/// Those of [`Payment::outside`], `RESOURCE_NOT_FOUND`.
pub async fn record_outside_payment(
    app: &App,
    call: &Call,
    outside: &OutsidePayment,
) -> Result<Answer<RecordOutsidePaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let ids: Vec<_> = outside.invoices.iter().map(|(id, _)| *id).collect();
    let mut owned = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let foreign = |own: &Invoice| own.customer != outside.customer || own.state == InvoiceState::Draft;
    if owned.len() < ids.len() || owned.iter().any(foreign) {
        return Err(Refusal::not_found().into());
    }
    let now = tx.now();
    let mut payment = Payment::outside(tx.ids(), &mut owned, (outside.invoices.clone(), outside.amount), outside.reference.clone(), now)?;
    let rendered = publish_payment(&mut tx, &mut payment, &mut owned).await?;
    tx.commit(RecordOutsidePaymentResponse { payment: Some(rendered) }).await
}
