//! Frees the credit of a transfer back that is not made.

use crate::{
    app::App,
    commands::{payments::PaymentRef, transfer_refunds::ReleaseTransferRefund},
    store::holds,
    use_cases::payments::{load::lock_payment_wallet, save::save_payment_hold},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::{
    peers::v1::ReleaseTransferRefundResponse, v1::TransferRefundReleased,
};
use payterms_wallet_domain::transfer_refund;

/// Frees what is reserved; what was booked stays booked.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn release_transfer_refund(
    app: &App,
    call: &Call,
    ReleaseTransferRefund { refund, customer, currency }: &ReleaseTransferRefund,
) -> Result<Answer<ReleaseTransferRefundResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let named = PaymentRef { customer: customer.clone(), payment: *refund, currency: *currency };
    let mut locked = lock_payment_wallet(&mut tx, &named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let found = holds::of_payment(tx.conn(), &call.tenant, *refund).await?;
    let hold = transfer_refund::release(&mut locked.wallet, found, *refund, tx.ids(), now)?;
    let (wallet, rendered) = save_payment_hold(&mut tx, &mut locked, &hold).await?;
    let event = TransferRefundReleased { wallet: Some(wallet), hold: Some(rendered) };
    tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    tx.commit(ReleaseTransferRefundResponse {}).await
}
