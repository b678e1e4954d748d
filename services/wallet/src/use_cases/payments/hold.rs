//! Reserves credit for a payment.

use super::{load::lock_payment_wallet, save::save_payment_hold};
use crate::{app::App, commands::payments::HoldForPayment, store::holds};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::{peers::v1::HoldForPaymentResponse, v1::PaymentHeld};
use payterms_wallet_domain::settlement::{self, PaymentHold};

/// Reserves credit.
///
/// # Errors
/// As [`settlement::hold`]; `HOLD_STATE` after a release.
pub async fn hold_for_payment(
    app: &App,
    call: &Call,
    HoldForPayment { payment: named, amount, tax }: &HoldForPayment,
) -> Result<Answer<HoldForPaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(hold) = holds::of_payment(tx.conn(), &call.tenant, named.payment).await? {
        settlement::held_before(&hold, *amount)?;
        return tx.commit(HoldForPaymentResponse {}).await;
    }
    let now = tx.now();
    let order = PaymentHold { payment: named.payment, amount: *amount, tax: *tax };
    let hold = match settlement::hold(&mut locked.wallet, tx.ids(), order, now) {
        Err(refusal) if refusal.reason == settlement::REFUSED => {
            // The refusal is stored: a later driver must get the same answer, even if credit has
            // arrived meanwhile. Otherwise it would hold credit for a payment that has already
            // ended.
            let marker = settlement::never_held(
                &locked.wallet,
                tx.ids(),
                named.payment,
                settlement::REFUSED.name(),
                now,
            );
            holds::save(&tx, locked.wallet.id, &marker).await?;
            tx.commit_rows().await?;
            return Err(refusal.into());
        }
        hold => hold?,
    };
    let (wallet, rendered) = save_payment_hold(&mut tx, &mut locked, &hold).await?;
    let event = PaymentHeld { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(HoldForPaymentResponse {}).await
}
