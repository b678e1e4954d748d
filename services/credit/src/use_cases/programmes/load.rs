//! A programme, and the policy that decides under it.

use crate::{
    commands::programmes::ProgrammeRef,
    store::{policies, programmes},
    use_cases::policies::{load::must_decide, standard::standard_policy},
};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::{Policy, Programme};
use payterms_kernel::{Id, Money, Refusal};

/// The programme that a request names, its row locked.
pub(super) async fn lock_programme(
    tx: &WriteTx,
    named: &ProgrammeRef,
) -> Result<Programme, AppError> {
    let found = programmes::lock(tx.conn(), &named.tenant, named.programme).await?;
    Ok(found.ok_or_else(Refusal::not_found)?)
}

/// The published policy that a programme names, or the standard one.
pub(super) async fn deciding_policy(
    tx: &WriteTx,
    programme: &Programme,
) -> Result<Id<Policy>, AppError> {
    let tenant = &tx.call().tenant;
    if programme.policy.uuid().is_nil() {
        return Ok(standard_policy(tx.conn(), tenant, programme.currency, tx.now()).await?.id);
    }
    let policy = policies::find(tx.conn(), tenant, programme.policy)
        .await?
        .ok_or_else(Refusal::not_found)?;
    must_decide(&policy)?;
    Money::zero(policy.currency).compare(programme.cap).map_err(Refusal::from)?;
    Ok(policy.id)
}
