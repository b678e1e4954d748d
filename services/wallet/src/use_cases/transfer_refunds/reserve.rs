//! Reserves credit for a transfer back.

use super::load::lot_and_rules;
use crate::{
    app::App,
    commands::transfer_refunds::ReserveTransferRefund,
    store::holds,
    use_cases::payments::{load::lock_payment_wallet, save::save_payment_hold},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::{
    peers::v1::ReserveTransferRefundResponse, v1::TransferRefundReserved,
};
use payterms_wallet_domain::{
    settlement::never_held,
    transfer_refund::{TransferBack, reserve, reserved_before, stays_refused},
};

/// Reserves credit on the lot that a transfer had become.
///
/// # Errors
/// Those of [`reserve`]; `HOLD_STATE` after a release.
pub async fn reserve_transfer_refund(
    app: &App,
    call: &Call,
    order: &ReserveTransferRefund,
) -> Result<Answer<ReserveTransferRefundResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, &order.of.payment).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if let Some(hold) = holds::of_payment(tx.conn(), &call.tenant, order.refund).await? {
        reserved_before(&hold, order.credit)?;
        return tx.commit(ReserveTransferRefundResponse {}).await;
    }
    let now = tx.now();
    let (lot, recharge) = lot_and_rules(tx.conn(), &order.of, &locked.wallet, tx.today()).await?;
    let back = TransferBack { refund: order.refund, lot, credit: Some(order.credit) };
    let hold = match reserve(&mut locked.wallet, &recharge, tx.ids(), back, now) {
        Err(refusal) if stays_refused(&refusal) => {
            // The refusal is stored: a later driver must get the same answer, even if credit has
            // come meanwhile.
            let marker =
                never_held(&locked.wallet, tx.ids(), order.refund, refusal.reason.name(), now);
            holds::save(&tx, locked.wallet.id, &marker).await?;
            tx.commit_rows().await?;
            return Err(refusal.into());
        }
        hold => hold?,
    };
    let (wallet, rendered) = save_payment_hold(&mut tx, &mut locked, &hold).await?;
    let event = TransferRefundReserved { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(ReserveTransferRefundResponse {}).await
}
