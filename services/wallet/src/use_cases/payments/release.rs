//! Releases the credit that is reserved for a payment.

use super::{load::lock_payment_wallet, save::save_payment_hold};
use crate::{app::App, commands::payments::PaymentRef, store::holds};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::{peers::v1::ReleasePaymentResponse, v1::PaymentReleased};
use payterms_wallet_domain::settlement;

/// Releases reserved credit. Captured credit stays captured.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn release_payment(
    app: &App,
    call: &Call,
    named: &PaymentRef,
) -> Result<Answer<ReleasePaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let existing = holds::of_payment(tx.conn(), &call.tenant, named.payment).await?;
    let mut hold = existing.unwrap_or_else(|| {
        settlement::never_held(&locked.wallet, tx.ids(), named.payment, "", now)
    });
    settlement::release(&mut locked.wallet, &mut hold, tx.ids(), now)?;
    let (wallet, rendered) = save_payment_hold(&mut tx, &mut locked, &hold).await?;
    let event = PaymentReleased { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(ReleasePaymentResponse {}).await
}
