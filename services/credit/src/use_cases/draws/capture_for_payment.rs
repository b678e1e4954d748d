//! What a payment of invoices has reserved becomes owed.

use super::load::{draws_of_payment, programme_of};
use crate::{
    app::App,
    commands::draws::PaymentRef,
    messages::draws::draw as draw_message,
    use_cases::lines::{
        load::lock_line,
        save::{DrawChanges, publish_line},
    },
};
use payterms_chassis::{Answer, AppError, Call, kill};
use payterms_credit_domain::DrawState;
use payterms_kernel::{Reason, Refusal};
use payterms_proto::credit::peers::v1::CaptureForPaymentResponse;

/// Makes all that the payment has reserved owed, due by the term from the day that it is for the
/// tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `DRAW_STATE` for a payment that has reserved nothing, `HOLD_OWNER` for a
/// purchase.
pub async fn capture_for_payment(
    app: &App,
    call: &Call,
    payment: &PaymentRef,
) -> Result<Answer<CaptureForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut line = lock_line(&tx, &payment.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut draws = draws_of_payment(&tx, &line, payment).await?;
    if draws.is_empty() || draws.iter().any(|draw| draw.state == DrawState::Voided) {
        return Err(Refusal::state(
            Reason::DRAW_STATE,
            "The payment's draw",
            DrawState::Voided.name(),
            &[],
        )
        .into());
    }
    let (now, today) = (tx.now(), tx.today());
    let mut entries = Vec::with_capacity(draws.len());
    for draw in &mut draws {
        entries.extend(line.capture(draw, today, now)?);
    }
    let plans_allowed = programme_of(tx.conn(), &line, &call.tenant).await?.plans_allowed;
    let rendered = draws.iter().map(|draw| draw_message(&call.tenant, &line, draw)).collect();
    if !entries.is_empty() {
        publish_line(&mut tx, &mut line, DrawChanges { draws, entries, advised: None }).await?;
    }
    kill::point("draw.before_capture");
    tx.commit(CaptureForPaymentResponse { draws: rendered, plans_allowed }).await
}
