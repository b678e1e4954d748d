//! Gives revoked credit back.

use super::save::{Consequences, publish_revocation};
use crate::{
    app::App,
    commands::revocations::RestoreCredit,
    store::{lots, recharges, revocations},
    use_cases::{
        lots::expire::schedule_expiry,
        recharges::save::{publish_recharge, schedule_recharges},
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::RestoreCreditResponse;

/// Gives revoked credit back to its lot, or to a new one like it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `REVOCATION_STATE`.
pub async fn restore_credit(
    app: &App,
    call: &Call,
    command: &RestoreCredit,
) -> Result<Answer<RestoreCreditResponse>, AppError> {
    let (named, tenant) = (&command.named.wallet, &call.tenant);
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found =
        revocations::find(tx.conn(), tenant, named.wallet, command.named.revocation).await?;
    let mut this_revocation = found.ok_or_else(Refusal::not_found)?;
    let lot = lots::find(tx.conn(), tenant, named.wallet, this_revocation.lot)
        .await?
        .ok_or_else(Refusal::not_found)?;
    locked.recall([lot.clone()]);
    let (now, owed) = (tx.now(), locked.wallet.owed);
    let restored =
        this_revocation.restore(&mut locked.wallet, tx.ids(), &lot, command.answer.clone(), now)?;
    let paid_owed = owed.minus(locked.wallet.owed)?;
    for lot in locked.wallet.lots.iter().filter(|lot| restored.contains(&lot.id)) {
        if let Some(expiry) = lot.expires_at {
            schedule_expiry(&tx, named.wallet, lot.id, expiry).await?;
        }
    }
    save_wallet(&tx, &mut locked).await?;
    let consequences = Consequences { paid_owed: Some(paid_owed), ..Consequences::default() };
    let revocation =
        Some(publish_revocation(&mut tx, &named.name(), &this_revocation, consequences).await?);
    let mut recharge = recharges::find(tx.conn(), tenant, named.wallet).await?;
    if !revocations::is_any_revoked(tx.conn(), tenant, named.wallet).await?
        && recharge.resume_after_revocation()
    {
        publish_recharge(&mut tx, &locked.wallet, &recharge).await?;
    }
    schedule_recharges(&tx, [&locked.wallet]).await?;
    tx.commit(RestoreCreditResponse { revocation }).await
}
