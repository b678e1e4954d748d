//! Marks a wallet at the month's end, so that its rule for the month's end asks for credit.

use super::{
    load::take_due_wallet,
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

/// The month's last day has begun: marks the wallet, and comes back next month.
pub async fn mark_month_end(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = take_due_wallet(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    if recharge.rules.month_end.is_some() {
        // A new period ends what failed in the old one.
        recharge.start_anew();
        recharge.month_end_marked = true;
        publish_recharge(&mut tx, &wallet, &recharge).await?;
        // Two days on is next month in every zone, so a change of zone never runs a month twice.
        let after = row.due + TimeDelta::days(2);
        schedule(&tx, JOB, &row.subject, next_month_end_after(tx.time().zone, after)).await?;
        schedule_recharges(&tx, [&wallet]).await?;
    }
    tx.commit_rows().await
}
