//! A draft is published: from now on it may decide.

use super::{load::lock_policy, save::save_policy};
use crate::{app::App, commands::policies::PolicyRef, store::policies};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::PublishPolicyResponse;

/// Lets a draft decide.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `POLICY_STATE`, `POLICY_CASES_FAILED`.
pub async fn publish_policy(
    app: &App,
    call: &Call,
    named: &PolicyRef,
) -> Result<Answer<PublishPolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut policy = lock_policy(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let number = policies::last_number(tx.conn(), &call.tenant).await?.saturating_add(1);
    policy.publish(number, tx.now())?;
    let policy = Some(save_policy(&mut tx, &policy).await?);
    tx.commit(PublishPolicyResponse { policy }).await
}
