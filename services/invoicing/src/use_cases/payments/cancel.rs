//! Cancels an announced transfer by hand.

use super::{lapse, load::lock_payment, save::publish_payment};
use crate::{
    app::App, commands::payments::PaymentRef,
    use_cases::collections::schedule::schedule_collections,
};
use payterms_chassis::{Answer, AppError, Call, jobs::cancel as cancel_due};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::CancelPaymentResponse;

/// Cancels an announced transfer.
///
/// # Errors
/// `PAYMENT_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn cancel_payment(
    app: &App,
    call: &Call,
    named: &PaymentRef,
) -> Result<Answer<CancelPaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let found = lock_payment(&tx, named.payment)
        .await?
        .filter(|(payment, _)| payment.customer == named.customer);
    let (mut payment, mut owned) = found.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    payment.cancel(&mut owned, tx.now())?;
    schedule_collections(&tx, &owned).await?;
    cancel_due(&tx, lapse::JOB, &payment.id.to_string()).await?;
    let rendered = publish_payment(&mut tx, &mut payment, &mut owned).await?;
    tx.commit(CancelPaymentResponse { payment: Some(rendered) }).await
}
