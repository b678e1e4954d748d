//! The scheduled evaluation of a plan: lapse, announcement, lateness, breach, collection.

use super::{
    collect::{self, Attempt},
    save::{EventDetails, publish_plan},
    switch_blocks,
};
use crate::{app::App, store::plans};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;
use payterms_plans_domain::life::Evaluated;

/// The name of the job. Its subject is the id of the plan.
pub const JOB: &str = "judge_plan";

/// Evaluates the plan of a due row. One run does one task; if more is left, the job is scheduled
/// again at once.
pub async fn evaluate_plan(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("plan {:?}", row.subject)));
    };
    let call = row.call("plans", id);
    let mut tx = app.db.begin_forward(&call).await?;
    // The plan is locked before its due row, as in all other transactions: the reverse order could
    // deadlock.
    let locked = plans::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut plan) = locked else { return tx.commit_rows().await };
    let (zone, now) = (tx.time().zone, tx.now());
    let mut details = EventDetails::default();
    let mut leases = Vec::new();
    match plan.evaluate(zone, now)? {
        Evaluated::Done => {}
        Evaluated::Announce(index) => {
            plan.announce(index, now);
            details.announced = Some(index);
        }
        Evaluated::Collect => {
            let attempt = tx.id::<Attempt>().uuid();
            plan.collect(attempt, zone, now)?;
            leases.push(app.flows.open(&tx, collect::FLOW, attempt).await?);
        }
    }
    // A plan with a pending change of its blocks is not evaluated, so a change of state here means
    // that the pending change is new and needs a flow.
    if plan.pending_transition.is_some() && !plan.transitions.is_empty() {
        leases.push(app.flows.open(&tx, switch_blocks::FLOW, id).await?);
    }
    publish_plan(&mut tx, &mut plan, details).await?;
    tx.commit_rows().await?;
    kill::point("plan_judged.after_commit");
    for lease in leases {
        app.flows.spawn(lease);
    }
    Ok(())
}
