//! A second person decides; what is approved is withheld in the same transaction.

use super::save::{Consequences, publish_revocation};
use crate::{
    app::App,
    commands::revocations::DecideRevocation,
    store::{recharges, revocations},
    use_cases::{
        recharges::save::{publish_recharge, schedule_recharges},
        wallets::{load::lock_wallet, save::save_wallet},
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::DecideRevocationResponse;
use payterms_wallet_domain::revocation::Decision;

/// Decides a proposal.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`; those of [`payterms_wallet_domain::Revocation::decide`].
pub async fn decide_revocation(
    app: &App,
    call: &Call,
    command: &DecideRevocation,
) -> Result<Answer<DecideRevocationResponse>, AppError> {
    let named = &command.named.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found =
        revocations::find(tx.conn(), &call.tenant, named.wallet, command.named.revocation).await?;
    let mut this_revocation = found.ok_or_else(Refusal::not_found)?;
    let now = tx.now();
    let decision = Decision {
        by: call.caller.subject.clone(),
        approve: command.approve,
        answer: command.answer.clone(),
    };
    this_revocation.decide(&mut locked.wallet, tx.ids(), decision, now)?;
    let mut consequences = Consequences::default();
    if command.approve {
        // Auto-recharge would buy the credit again, by the method that may be the cause.
        let mut recharge = recharges::find(tx.conn(), &call.tenant, named.wallet).await?;
        consequences.recharge_stopped = recharge.stop_for_revocation();
        if consequences.recharge_stopped {
            publish_recharge(&mut tx, &locked.wallet, &recharge).await?;
        }
        save_wallet(&tx, &mut locked).await?;
        schedule_recharges(&tx, [&locked.wallet]).await?;
    }
    let revocation =
        Some(publish_revocation(&mut tx, &named.name(), &this_revocation, consequences).await?);
    tx.commit(DecideRevocationResponse { revocation }).await
}
