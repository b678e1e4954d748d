//! Proposes to revoke bought credit.

use super::save::{Consequences, publish_revocation};
use crate::{
    app::App, commands::revocations::ProposeRevocation, store::lots,
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::ProposeRevocationResponse;
use payterms_wallet_domain::revocation;

/// Proposes to revoke credit of a lot; what would be refused now is not proposed.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`; those of [`revocation::propose`].
pub async fn propose_revocation(
    app: &App,
    call: &Call,
    command: &ProposeRevocation,
) -> Result<Answer<ProposeRevocationResponse>, AppError> {
    let named = &command.lot.wallet;
    let mut tx = app.db.begin(call).await?;
    let locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    lots::find(tx.conn(), &call.tenant, named.wallet, command.lot.lot)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let (id, now) = (tx.id(), tx.now());
    let this_revocation = revocation::propose(
        &locked.wallet,
        command.lot.lot,
        id,
        &call.caller.subject,
        command.proposal.clone(),
        now,
    )?;
    let revocation = Some(
        publish_revocation(&mut tx, &named.name(), &this_revocation, Consequences::default())
            .await?,
    );
    tx.commit(ProposeRevocationResponse { revocation }).await
}
