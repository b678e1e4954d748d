//! What a payment of invoices has reserved is given back.

use super::load::draws_of_payment;
use crate::{
    app::App,
    commands::draws::PaymentRef,
    store::ended_payments,
    use_cases::lines::{
        load::lock_line,
        save::{DrawChanges, publish_line},
    },
};
use payterms_chassis::{Answer, AppError, Call, kill};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::credit::peers::v1::VoidForPaymentResponse;

/// Gives back what the payment has reserved; what is captured stays so.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `HOLD_OWNER` for a purchase.
pub async fn void_for_payment(
    app: &App,
    call: &Call,
    payment: &PaymentRef,
) -> Result<Answer<VoidForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut line = lock_line(&tx, &payment.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut draws = draws_of_payment(&tx, &line, payment).await?;
    let (now, mut entries) = (tx.now(), Vec::with_capacity(draws.len()));
    for draw in &mut draws {
        entries.extend(line.void(draw, now)?);
    }
    if !entries.is_empty() {
        publish_line(&mut tx, &mut line, DrawChanges { draws, entries, advised: None }).await?;
    }
    let message = "The payment was given up before it drew.";
    ended_payments::insert(
        &tx,
        payment.payment,
        &Refusal::precondition(Reason::DRAW_STATE, message),
    )
    .await?;
    kill::point("draw.before_void");
    tx.commit(VoidForPaymentResponse {}).await
}
