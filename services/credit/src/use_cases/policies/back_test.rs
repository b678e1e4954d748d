//! A policy is tried on what other policies decided.

use super::load::find_policy;
use crate::{
    app::App, commands::policies::PolicyRef, messages::policies::back_tested, store::decisions,
};
use payterms_chassis::AppError;
use payterms_credit_domain::decision::decide;
use payterms_proto::credit::v1::BackTestPolicyResponse;

/// Decisions that a policy is tried on.
const MOST_DECISIONS: i64 = 500;

/// What a policy would have come to where another one decided.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn back_test_policy(
    app: &App,
    named: &PolicyRef,
) -> Result<BackTestPolicyResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let policy = find_policy(&conn, named).await?;
    let stored = decisions::newest(&conn, &named.tenant, policy.currency, MOST_DECISIONS).await?;
    let decisions = stored.iter().map(|decision| {
        let would_be = decide(&policy.terms, &decision.2.features, decision.2.cap.micros());
        back_tested(&named.tenant, decision, &would_be, policy.currency)
    });
    Ok(BackTestPolicyResponse { decisions: decisions.collect() })
}
