//! Tells customers of bought credit before it expires (docs/domain/wallet.md#expiry-notices). A
//! wallet has one due row, for the next day on which something is to be told; one without such
//! credit has none.

use crate::{
    app::App,
    commands::wallets::name_of,
    messages::lots::expiring_credit_changed,
    store::{
        expiry_notices, lots,
        wallets::{self, Locked},
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, schedule_many, schedule_sooner, take},
    kill, names,
};
use payterms_kernel::{Id, calendar::start_of_day};
use payterms_wallet_domain::expiry_notice::{LatestNotices, due, next_day};
use uuid::Uuid;

/// The job; its subject is the wallet's id.
pub const JOB: &str = "announce_expiry";

/// The job that schedules the first for wallets from before it; its subject is the wallet that the
/// page comes after. The migration makes its first row.
pub const PLAN: &str = "plan_expiry_notices";

/// Wallets in one transaction.
const PAGE: u16 = 200;

/// Tells of the credit of a wallet whose notices are due, in one event.
pub async fn announce_expiry(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("wallet {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("wallet", id)).await?;
    let Some(Locked { wallet, .. }) = wallets::lock_many(&tx, &[Id::from_uuid(id)]).await?.pop()
    else {
        return Ok(());
    };
    if !take(&tx, row).await? {
        return Ok(());
    }
    let (zone, today, now) = (tx.time().zone, tx.today(), tx.now());
    let mut this_notices = expiry_notices::of_lots(tx.conn(), &row.tenant, &wallet.lots).await?;
    let mut notices = due(&wallet.lots, &this_notices, zone, today, now);
    if !notices.is_empty() {
        notices.sort_by_key(|(lot, _)| (lot.expires_at, lot.sequence));
        expiry_notices::insert(tx.conn(), &row.tenant, &notices, now).await?;
        let lots = notices.iter().map(|(lot, _)| *lot);
        let event = expiring_credit_changed(&name_of(&row.tenant, &wallet), lots, zone, true);
        this_notices.extend(notices.iter().map(|(lot, notice)| (lot.id, *notice)));
        tx.emit("expiring_credit", &row.subject, &event).await?;
    }
    if let Some(day) = next_day(&wallet.lots, &this_notices, zone, now) {
        schedule(&tx, JOB, &row.subject, start_of_day(zone, day)).await?;
    }
    kill::point("expiry_notice.before_commit");
    tx.commit_rows().await?;
    kill::point("expiry_notice.after_commit");
    Ok(())
}

/// Schedules the notices of wallets that have new credit.
pub async fn schedule_notices(tx: &WriteTx, changed: &[Locked]) -> Result<(), AppError> {
    let (zone, now) = (tx.time().zone, tx.now());
    let due: Vec<_> = changed.iter().filter_map(|locked| first_notice(locked, zone, now)).collect();
    Ok(schedule_sooner(tx, JOB, &due).await?)
}

fn first_notice(locked: &Locked, zone: Tz, now: DateTime<Utc>) -> Option<(String, DateTime<Utc>)> {
    let day = next_day(locked.fresh_lots(), &LatestNotices::new(), zone, now)?;
    Some((locked.wallet.id.to_string(), start_of_day(zone, day)))
}

/// Schedules the notices of a page of wallets.
pub async fn plan_expiry_notices(app: &App, row: &DueRow) -> Result<(), AppError> {
    let after = names::uuid(&row.subject).unwrap_or(Uuid::nil());
    let tx = app.db.begin_forward(&row.call("wallet", after)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    let page = lots::wallets_with_expiring(tx.conn(), &row.tenant, after, PAGE.into()).await?;
    let due: Vec<_> = page.iter().map(|wallet| (wallet.to_string(), tx.now())).collect();
    schedule_many(&tx, JOB, &due).await?;
    if let Some((last, now)) = due.last().filter(|_| due.len() == usize::from(PAGE)) {
        schedule(&tx, PLAN, last, *now).await?;
    }
    tx.commit_rows().await
}
