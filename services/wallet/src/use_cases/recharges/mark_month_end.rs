//! Marks a wallet at the month's end, so that its rule for the month's end applies.

use super::{
    load::claim_due_wallet,
    save::{publish_recharge, schedule_recharges},
};
use crate::{app::App, store::recharges};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule},
};
use payterms_kernel::calendar::next_month_end_after;

/// The job; its subject is the wallet's id.
pub const JOB: &str = "recharge_month_end";

/// Marks the wallet when the month's last day begins, and schedules the next month.
pub async fn mark_month_end(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = claim_due_wallet(app, row).await? else { return Ok(()) };
    let begins = next_month_end_after(tx.time().zone, row.due - TimeDelta::days(2));
    if begins > tx.now() {
        // The tenant's zone has changed: the month's last day has not begun yet.
        schedule(&tx, JOB, &row.subject, begins).await?;
        return tx.commit_rows().await;
    }
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    if recharge.rules.month_end.is_some() {
        recharge.month_end_marked = true;
        if recharge.failure.is_empty() {
            publish_recharge(&mut tx, &wallet, &recharge).await?;
        } else {
            // Nothing has failed now: an event of a stopped recharge would mail its failure again.
            recharges::save(tx.conn(), &row.tenant, &wallet, &recharge).await?;
        }
        // Two days later it is the next month in every time zone, so a change of the tenant's zone
        // never marks a month twice.
        let after = row.due + TimeDelta::days(2);
        schedule(&tx, JOB, &row.subject, next_month_end_after(tx.time().zone, after)).await?;
        schedule_recharges(&tx, [&wallet]).await?;
    }
    tx.commit_rows().await
}
