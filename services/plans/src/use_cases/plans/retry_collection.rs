//! Collects the due amount of a plan now, because a person asked for it.

use super::{
    collect::{self, Attempt},
    load::lock_plan,
    save::{EventDetails, publish_plan},
};
use crate::{app::App, commands::plans::PlanRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::plans::v1::RetryPlanCollectionResponse;

/// Begins an attempt to collect. The answer does not wait for its flow.
///
/// # Errors
/// As [`payterms_plans_domain::Plan::retry_attempt`]; `RESOURCE_NOT_FOUND`.
pub async fn retry_plan_collection(
    app: &App,
    call: &Call,
    named: &PlanRef,
) -> Result<Answer<RetryPlanCollectionResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut plan = lock_plan(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let attempt = tx.id::<Attempt>().uuid();
    plan.retry_attempt(attempt, tx.today(), now)?;
    let lease = app.flows.open(&tx, collect::FLOW, attempt).await?;
    let rendered = publish_plan(&mut tx, &mut plan, EventDetails::default()).await?;
    let answer = tx.commit(RetryPlanCollectionResponse { plan: Some(rendered) }).await?;
    app.flows.spawn(lease);
    Ok(answer)
}
