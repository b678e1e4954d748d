//! Settles a payment: captures reserved credit and turns a surplus into purchased credit.

use super::{load::lock_payment_wallet, save::bought_lot};
use crate::{
    app::App,
    commands::payments::SettlePayment,
    messages::wallets as messages,
    store::{charges, holds, settings, transfers},
    use_cases::{recharges::save::schedule_recharges, wallets::save::save_wallet},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::{Money, Refusal};
use payterms_proto::wallet::v1::{PaymentSettled, SettlePaymentResponse};
use payterms_wallet_domain::{
    ChargeState,
    chargeback::{self, SettledPayment},
    settlement,
};

/// Captures reserved credit and turns a surplus into purchased credit.
///
/// # Errors
/// `HOLD_STATE` for a payment that was released.
pub async fn settle_payment(
    app: &App,
    call: &Call,
    SettlePayment { payment: named, credit, surplus: amount_beyond }: &SettlePayment,
) -> Result<Answer<SettlePaymentResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut captured = Money::zero(named.currency);
    if *credit {
        let held = holds::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let mut hold = held.ok_or_else(|| Refusal::state("HOLD_STATE", "The payment's hold", "MISSING", &[]))?;
        settlement::capture(&mut locked.wallet, &mut hold, tx.ids(), now)?;
        captured = hold.captured;
        holds::save(&tx, locked.wallet.id, &hold).await?;
    }
    let mut surplus = None;
    let has_surplus = transfers::has_surplus(tx.conn(), &call.tenant, named.payment).await?;
    if let Some(amount) = amount_beyond.filter(|_| !has_surplus) {
        let expires_at = settings::find(tx.conn(), &call.tenant).await?.purchased_expiry(now);
        let id = settlement::surplus(&mut locked.wallet, tx.ids(), named.payment, amount, expires_at, now)?;
        let charges = charges::of_payment(tx.conn(), &call.tenant, named.payment).await?;
        let successful = charges.iter().filter(|charge| matches!(charge.state, ChargeState::Succeeded | ChargeState::ChargedBack));
        let retained = successful.map(|charge| charge.amount).try_fold(captured.minus(amount)?, Money::plus)?;
        let settled = SettledPayment { payment: named.payment, charges: &charges, retained };
        chargeback::before_surplus(&mut locked.wallet, tx.ids(), settled, now)?;
        surplus = bought_lot(&tx, &locked, Some(id), expires_at).await?;
    }
    let after = messages::wallet(&call.tenant, &locked.wallet, now)?;
    save_wallet(&tx, &mut locked).await?;
    schedule_recharges(&tx, [&locked.wallet]).await?;
    let event = PaymentSettled { wallet: Some(after), payment: named.name(), surplus };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(SettlePaymentResponse {}).await
}
