//! A policy is tried on its own cases.

use super::load::find_policy;
use crate::{app::App, commands::policies::PolicyRef, messages::policies::tried_case};
use payterms_chassis::AppError;
use payterms_proto::credit::v1::TestPolicyResponse;

/// What a policy's own cases come to.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn test_policy(app: &App, named: &PolicyRef) -> Result<TestPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let policy = find_policy(&conn, named).await?;
    let tried = policy.tried();
    Ok(TestPolicyResponse {
        cases: policy
            .cases
            .iter()
            .zip(&tried)
            .map(|(case, tried)| tried_case(case, tried, policy.currency))
            .collect(),
    })
}
