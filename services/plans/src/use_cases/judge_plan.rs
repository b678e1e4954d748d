//! Judges a plan when a day or an instant has come: lapse, announcement, lateness, breach, collection.

use super::{News, collect_plan, move_plan, publish};
use crate::{App, store::plans};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;
use payterms_plans_domain::life::Judged;

/// Runs the job. It does one thing at a time: what is left is due at once.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("plan {:?}", row.subject))) };
    let call = row.call("plans", id);
    let mut tx = app.db.begin_forward(&call).await?;
    let found = plans::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut plan) = found else { return tx.commit_rows().await };
    let (zone, now) = (tx.time().zone, tx.now());
    let (mut news, mut leases) = (News::default(), Vec::new());
    match plan.judge(zone, now)? {
        Judged::Done => {}
        Judged::Announce(place) => {
            plan.announce(place, now);
            news.announced = Some(place);
        }
        Judged::Collect => {
            let attempt = tx.id::<collect_plan::Attempt>().uuid();
            plan.collect(attempt, zone, now)?;
            leases.push(app.flows.open(&tx, collect_plan::FLOW, attempt).await?);
        }
    }
    // It was at rest before, so the move is a new one.
    if plan.moving.is_some() && !plan.taken.is_empty() {
        leases.push(app.flows.open(&tx, move_plan::FLOW, id).await?);
    }
    publish(&mut tx, &mut plan, news).await?;
    tx.commit_rows().await?;
    kill::point("plan_judged.after_commit");
    for lease in leases {
        app.flows.spawn(lease);
    }
    Ok(())
}
