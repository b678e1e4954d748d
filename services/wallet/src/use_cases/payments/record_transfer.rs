//! Books a bank transfer.

use super::{load::lock_payment_wallet, save::bought_lot};
use crate::{
    app::App,
    commands::payments::RecordTransfer,
    messages::wallets as messages,
    store::{settings, transfers},
    use_cases::{
        recharges::save::{credit_bought, schedule_recharges},
        wallets::save::save_wallet,
    },
};
use payterms_chassis::{Answer, AppError, Call, render::money};
use payterms_proto::wallet::{peers::v1::RecordTransferResponse, v1::TransferRecorded};
use payterms_wallet_domain::{TransferKind, settlement};

/// Books the bank transfer of a payment, once. It pays invoices or buys credit.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn record_transfer(
    app: &App,
    call: &Call,
    RecordTransfer { payment: named, arrived }: &RecordTransfer,
) -> Result<Answer<RecordTransferResponse>, AppError> {
    let mut tx = app.db.begin_forward(call).await?;
    let mut locked = lock_payment_wallet(&mut tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut bought = None;
    if !transfers::has_any(
        tx.conn(),
        &call.tenant,
        named.payment,
        &[TransferKind::BankTransfer, TransferKind::TransferTopUp],
    )
    .await?
    {
        let now = tx.now();
        let expires_at =
            settings::find(tx.conn(), &call.tenant).await?.purchased_expiry(tx.time().zone, now);
        let lot = settlement::transfer(&mut locked.wallet, tx.ids(), *arrived, expires_at, now)?;
        let lot = bought_lot(&tx, &locked, lot, expires_at).await?;
        let wallet = Some(messages::wallet(&call.tenant, &locked.wallet, now)?);
        save_wallet(&tx, &mut locked).await?;
        if lot.is_some() {
            credit_bought(&mut tx, &locked.wallet).await?;
        } else {
            schedule_recharges(&tx, [&locked.wallet]).await?;
        }
        bought.clone_from(&lot);
        let event = TransferRecorded {
            wallet,
            payment: named.name(),
            amount: Some(money(arrived.amount)),
            lot,
        };
        tx.emit("wallet", &locked.wallet.id.to_string(), &event).await?;
    }
    tx.commit(RecordTransferResponse { bought }).await
}
