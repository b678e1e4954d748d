//! A policy, as the verbs that change it and those that read it find it.

use crate::{commands::policies::PolicyRef, store::policies};
use payterms_chassis::{AppError, WriteTx};
use payterms_credit_domain::{Policy, PolicyState};
use payterms_kernel::{Reason, Refusal};
use sea_orm::ConnectionTrait;

/// The policy that a request names.
pub(super) async fn find_policy<C: ConnectionTrait>(
    conn: &C,
    named: &PolicyRef,
) -> Result<Policy, AppError> {
    Ok(policies::find(conn, &named.tenant, named.policy).await?.ok_or_else(Refusal::not_found)?)
}

/// The same, its row locked.
pub(super) async fn lock_policy(tx: &WriteTx, named: &PolicyRef) -> Result<Policy, AppError> {
    Ok(policies::lock(tx.conn(), &named.tenant, named.policy)
        .await?
        .ok_or_else(Refusal::not_found)?)
}

/// Refuses a policy that does not decide yet.
///
/// # Errors
/// `POLICY_STATE`.
pub(crate) fn must_decide(policy: &Policy) -> Result<(), Refusal> {
    match policy.state {
        PolicyState::Published => Ok(()),
        PolicyState::Draft => Err(Refusal::state(
            Reason::POLICY_STATE,
            "The policy",
            policy.state.name(),
            &["PublishPolicy"],
        )),
    }
}
