//! A draft is written.

use super::save::save_policy;
use crate::app::App;
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::Policy;
use payterms_proto::credit::v1::CreatePolicyResponse;

/// Writes a draft.
pub async fn create_policy(
    app: &App,
    call: &Call,
    draft: &Policy,
) -> Result<Answer<CreatePolicyResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let policy = Policy { id: tx.id(), created_at: tx.now(), ..draft.clone() };
    let policy = Some(save_policy(&mut tx, &policy).await?);
    tx.commit(CreatePolicyResponse { policy }).await
}
