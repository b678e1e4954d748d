//! Title, terms and cases of a draft are replaced.

use super::{load::lock_policy, save::save_policy};
use crate::{app::App, commands::policies::UpdatePolicy};
use payterms_chassis::{Answer, AppError, Call, etag};
use payterms_kernel::{Money, Refusal};
use payterms_proto::credit::v1::UpdatePolicyResponse;

/// Replaces title, terms and cases of a draft.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`, `POLICY_STATE`, `CURRENCY_MISMATCH`.
pub async fn update_policy(
    app: &App,
    call: &Call,
    command: &UpdatePolicy,
) -> Result<Answer<UpdatePolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut policy = lock_policy(&tx, &command.policy).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(&command.etag, policy.version)?;
    policy.must_be_draft()?;
    let new = &command.new;
    Money::zero(new.currency).compare(Money::zero(policy.currency)).map_err(Refusal::from)?;
    policy.title.clone_from(&new.title);
    policy.terms.clone_from(&new.terms);
    policy.cases.clone_from(&new.cases);
    policy.version = policy.version.saturating_add(1);
    let policy = Some(save_policy(&mut tx, &policy).await?);
    tx.commit(UpdatePolicyResponse { policy }).await
}
