//! The last step of every use case of a plan: saves its rows, emits its event, and schedules its
//! next evaluation.

use super::evaluate;
use crate::{
    commands::plans::HistoryReader,
    messages::{plan_history::plan_history_entry, plans::plan as plan_message},
    store::plans,
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{cancel, schedule},
    render::date,
};
use payterms_plans_domain::Plan;
use payterms_proto::plans::v1::{Plan as PlanMessage, PlanChanged};

/// The details of an event beside the plan itself; nothing by default.
#[derive(Debug, Default)]
pub(super) struct EventDetails {
    /// The index of the instalment that is announced to the customer.
    pub(super) announced: Option<usize>,
    /// Whether an attempt to collect has failed.
    pub(super) collection_failed: bool,
    /// Whether another collection method is tried at the next attempt.
    pub(super) tries_new_method: bool,
    /// When what waited for a dispute is collected.
    pub(super) resumes_on: Option<NaiveDate>,
    /// The name of the method that is tried then, or where another is; empty: none can be charged.
    pub(super) collection_method: String,
}

/// Saves a plan, emits its present state, and schedules its next evaluation.
pub(super) async fn publish_plan(
    tx: &mut WriteTx,
    plan: &mut Plan,
    details: EventDetails,
) -> Result<PlanMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    plans::save(tx.conn(), &tenant, plan).await?;
    let rendered = plan_message(&tenant, plan)?;
    let announced = details.announced.and_then(|index| rendered.instalments.get(index).cloned());
    let announced_on = details
        .announced
        .and_then(|index| plan.offer.instalments.get(index))
        .map(|instalment| plan.taken_on(instalment.due_on));
    let event = PlanChanged {
        plan: Some(rendered.clone()),
        edges: plan
            .transitions
            .drain(..)
            .map(|transition| plan_history_entry(&transition, HistoryReader::Tenant))
            .collect(),
        announced,
        collection_failed: details.collection_failed,
        tries_new_method: details.tries_new_method,
        collection_goes_on_date: details.resumes_on.map(date),
        collection_has_method: details.resumes_on.is_some()
            && !details.collection_method.is_empty(),
        collection_method: details.collection_method,
        announced_date: announced_on.map(date),
    };
    let id = plan.id.to_string();
    tx.emit("plan", &id, &event).await?;
    match plan.next_evaluation(tx.time().zone) {
        Some(at) => schedule(tx, evaluate::JOB, &id, at).await?,
        None => cancel(tx, evaluate::JOB, &id).await?,
    }
    Ok(rendered)
}
