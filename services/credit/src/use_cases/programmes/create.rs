//! A programme is opened.

use super::{load::deciding_policy, save::save_programme};
use crate::app::App;
use payterms_chassis::{Answer, AppError, Call};
use payterms_credit_domain::Programme;
use payterms_proto::credit::v1::CreateProgrammeResponse;

/// Opens a programme.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `POLICY_STATE`, `CURRENCY_MISMATCH` for the policy.
pub async fn create_programme(
    app: &App,
    call: &Call,
    draft: &Programme,
) -> Result<Answer<CreateProgrammeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let policy = deciding_policy(&tx, draft).await?;
    let programme =
        Programme { id: tx.id(), policy, created_at: now, updated_at: now, ..draft.clone() };
    let programme = Some(save_programme(&mut tx, &programme).await?);
    tx.commit(CreateProgrammeResponse { programme }).await
}
