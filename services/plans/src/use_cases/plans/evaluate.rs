//! Evaluates a plan when a day or an instant has come: lapse, announcement, lateness, breach, collection.

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

/// The job; its subject is the plan's id.
pub const JOB: &str = "judge_plan";

/// Evaluates the plan that a row is of. It does one thing at a time: what is left is due at once.
pub async fn evaluate_plan(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("plan {:?}", row.subject))) };
    let call = row.call("plans", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let found = plans::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut plan) = found else { return tx.commit_rows().await };
    let (zone, now) = (tx.time().zone, tx.now());
    let (mut details, mut leases) = (EventDetails::default(), Vec::new());
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
    // It was at rest before, so the move is a new one.
    if plan.pending_transition.is_some() && !plan.taken.is_empty() {
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
