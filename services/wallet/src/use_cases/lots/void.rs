//! Takes back what is left of a granted lot.

use crate::{
    app::App,
    commands::lots::LotRef,
    messages,
    store::lots,
    use_cases::{
        recharges::save::schedule_recharges,
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::{GrantVoided, VoidGrantResponse};

/// Voids what is left of a granted lot.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LOT_STATE`.
pub async fn void_grant(
    app: &App,
    call: &Call,
    command: &LotRef,
) -> Result<Answer<VoidGrantResponse>, AppError> {
    let LotRef { wallet: named, lot: id } = command;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let before = lots::find(tx.conn(), &call.tenant, named.wallet, *id)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let (now, wallet) = (tx.now(), &mut locked.wallet);
    wallet.void_grant(tx.ids(), *id, now)?;
    let lot = wallet
        .lots
        .iter()
        .find(|lot| lot.id == *id)
        .map(|lot| messages::lots::lot(&named.name(), lot));
    let after = messages::wallets::wallet(&call.tenant, wallet, now)?;
    save_wallet(&tx, &mut locked).await?;
    schedule_recharges(&tx, [&locked.wallet]).await?;
    tx.emit(
        "wallet",
        &named.wallet.to_string(),
        &GrantVoided { wallet: Some(after), lot: lot.clone() },
    )
    .await?;
    let taken = before.remaining.minus(
        locked
            .wallet
            .lots
            .iter()
            .find(|lot| lot.id == *id)
            .map_or(before.remaining, |lot| lot.remaining),
    )?;
    tx.emit(
        "grant_void",
        &id.to_string(),
        &messages::lots::grant_taken_back(&named.name(), *id, taken, now),
    )
    .await?;
    tx.commit(VoidGrantResponse { lot }).await
}
