//! Reconciles what moved since the last night.

use super::reconcile::begin_reconciliation;
use crate::{
    app::App,
    store::{provider_reconciliations as store, settings},
};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, schedule_once, take},
    kill,
};
use payterms_kernel::{TenantId, calendar::start_of_day};
use payterms_wallet_domain::reconciliation::Period;
use uuid::Uuid;

/// The job; it has one row for each tenant.
pub const JOB: &str = "reconcile_provider";
/// When the nights of tenants begin, after midnight in their zones, and within how many seconds
/// each has its own instant.
const NIGHT: TimeDelta = TimeDelta::hours(3);
const SPREAD: i64 = 7_200;

/// The instant of the next night. Tenants have instants of their own, so that they do not ask the
/// provider all at once.
fn next_night(tx: &WriteTx) -> DateTime<Utc> {
    let tomorrow = tx.today().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    start_of_day(tx.time().zone, tomorrow) + NIGHT + spread(&tx.call().tenant)
}

fn spread(tenant: &TenantId) -> TimeDelta {
    let hash =
        tenant.as_str().bytes().fold(0_i64, |hash, byte| (hash * 31 + i64::from(byte)) % SPREAD);
    TimeDelta::seconds(hash)
}

/// Schedules the nights of a tenant that has connected an account.
pub async fn schedule_nights(tx: &WriteTx) -> Result<(), AppError> {
    Ok(schedule_once(tx, JOB, "", next_night(tx)).await?)
}

/// Begins the reconciliation of a night. While another one runs it waits for the next night, whose
/// period begins where the last one ended.
pub async fn reconcile_nightly(app: &App, row: &DueRow) -> Result<(), AppError> {
    let mut tx = app.db.begin_forward(&row.call("wallet", Uuid::nil())).await?;
    let wallet_settings = settings::lock(tx.conn(), &row.tenant).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    // Who has connected no account has no nights, until one is connected.
    let Some(connection) = wallet_settings.stripe else { return tx.commit_rows().await };
    schedule(&tx, JOB, "", next_night(&tx)).await?;
    let last = store::last_of_night(tx.conn(), &row.tenant)
        .await?
        .map_or(connection.connected_at, |last| last.period.to);
    let is_running = store::running(tx.conn(), &row.tenant).await?.is_some();
    let period = Period::of_night(last, tx.time().real)
        .filter(|_| !is_running && app.stripe_accounts().is_ok());
    let lease = match period {
        Some(period) => Some(begin_reconciliation(app, &mut tx, period, true).await?),
        None => None,
    };
    tx.commit_rows().await?;
    kill::point("provider_reconciliation.after_night");
    if let Some(lease) = lease {
        app.flows.spawn(lease);
    }
    Ok(())
}
