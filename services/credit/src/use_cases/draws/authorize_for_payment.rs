//! A payment of invoices reserves a part of a line for each of them.

use super::load::draw_bounds;
use crate::{
    app::App,
    commands::draws::AuthorizeForPayment,
    store::{draws, ended_payments},
    use_cases::lines::{
        load::lock_line,
        save::{DrawChanges, publish_line},
    },
};
use payterms_chassis::{Answer, AppError, Call, kill};
use payterms_kernel::Kind;
use payterms_proto::credit::peers::v1::AuthorizeForPaymentResponse;

/// Reserves a part of the line for each invoice, for all or for none.
///
/// # Errors
/// Those of [`payterms_credit_domain::Line::authorize`], `RESOURCE_NOT_FOUND`, `DRAW_STATE` after
/// the payment was voided.
pub async fn authorize_for_payment(
    app: &App,
    call: &Call,
    command: &AuthorizeForPayment,
) -> Result<Answer<AuthorizeForPaymentResponse>, AppError> {
    let payment = &command.payment;
    let mut tx = app.db.begin_forward(call).await?;
    let mut line = lock_line(&tx, &payment.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(refusal) = ended_payments::find(tx.conn(), &call.tenant, payment.payment).await? {
        return Err(refusal.into());
    }
    if !draws::of_payment(tx.conn(), &call.tenant, line.id, payment.payment).await?.is_empty() {
        // Its stored answer is deleted after a month.
        return tx.commit(AuthorizeForPaymentResponse {}).await;
    }
    let (cap, in_plan) = draw_bounds(tx.conn(), &line, &call.tenant).await?;
    let now = tx.now();
    match line.authorize(tx.ids(), payment.payment, &command.invoices, cap, in_plan.as_ref(), now) {
        Ok((draws, entries)) => {
            publish_line(&mut tx, &mut line, DrawChanges { draws, entries, advised: None }).await?;
            kill::point("draw.before_authorize");
            tx.commit(AuthorizeForPaymentResponse {}).await
        }
        Err(refusal) if refusal.kind == Kind::Precondition => {
            // Stored: a driver that comes after this one must get the same answer, though there is
            // room by then.
            ended_payments::insert(&tx, payment.payment, &refusal).await?;
            tx.commit_rows().await?;
            Err(refusal.into())
        }
        Err(refusal) => Err(refusal.into()),
    }
}
