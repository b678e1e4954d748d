//! Takes a recurring fee again when a month has passed.

use super::save::take_month;
use crate::{
    app::App,
    store::{fees, wallets},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_kernel::{Id, calendar::start_of_day};

/// The job; its subject is the fee's id.
pub const JOB: &str = "take_fee";

/// A month has passed: the fee is taken again.
pub async fn take_recurring_fee(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("fee {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(unlocked) = fees::find(tx.conn(), &row.tenant, Id::from_uuid(id)).await? else {
        return Ok(());
    };
    let Some(mut locked) = wallets::lock_many(&tx, &[unlocked.wallet]).await?.pop() else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // Read again under the wallet's lock: it may have been cancelled in between.
    let Some(mut fee) =
        fees::find(tx.conn(), &row.tenant, unlocked.id).await?.filter(|fee| !fee.cancelled)
    else {
        return tx.commit_rows().await;
    };
    let day =
        fee.next_on().map(|day| start_of_day(tx.time().zone, day)).filter(|day| *day > tx.now());
    if let Some(day) = day {
        // The tenant's zone has changed: its day has not begun yet.
        schedule(&tx, JOB, &row.subject, day).await?;
        return tx.commit_rows().await;
    }
    take_month(&mut tx, &mut locked, &mut fee).await?;
    tx.commit_rows().await
}
