//! What every verb of a plan ends with: its rows, its event, and the job that evaluates it when that is due.

use super::evaluate;
use crate::{
    messages::plans::{plan as plan_message, plan_history_entry},
    store::plans,
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_plans_domain::Plan;
use payterms_proto::plans::v1::{Plan as PlanMessage, PlanChanged};

/// What the event says beside the plan itself: nothing by default.
#[derive(Debug, Default)]
pub(super) struct EventDetails {
    /// The index of the instalment that is announced to the customer.
    pub(super) announced: Option<usize>,
    /// Whether a try to collect has failed.
    pub(super) collection_failed: bool,
}

/// Saves a plan, emits how it stands, and schedules its next evaluation.
pub(super) async fn publish_plan(tx: &mut WriteTx, plan: &mut Plan, details: EventDetails) -> Result<PlanMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    plans::save(tx.conn(), &tenant, plan).await?;
    let rendered = plan_message(&tenant, plan)?;
    let announced = details.announced.and_then(|index| rendered.instalments.get(index).cloned());
    let event = PlanChanged {
        plan: Some(rendered.clone()),
        edges: plan.taken.drain(..).map(|taken| plan_history_entry(&taken, false)).collect(),
        announced,
        collection_failed: details.collection_failed,
    };
    let id = plan.id.to_string();
    tx.emit("plan", &id, &event).await?;
    match plan.next_evaluation(tx.time().zone) {
        Some(at) => schedule(tx, evaluate::JOB, &id, at).await?,
        None => cancel(tx, evaluate::JOB, &id).await?,
    }
    Ok(rendered)
}
