//! Checks the database at intervals and reports over the health protocol whether calls should be
//! sent here.

use crate::{
    db::{Db, sql},
    edge::reflection::READINESS,
    flow::background::Beat,
    wire::{error::AppError, store_error::StoreError},
};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};
use uuid::Uuid;

/// How often the database is checked.
const EVERY: Duration = Duration::from_secs(2);
/// How long the check may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks the database until `stop` is cancelled and reports over the health protocol, for
/// `services` and for the process, whether calls should be sent here.
pub(crate) async fn watch_forever(
    db: Db,
    reporter: HealthReporter,
    services: Vec<String>,
    beat: Beat,
    stop: CancellationToken,
) {
    let health = db.health().clone();
    let mut reported = None;
    loop {
        beat.beat();
        let failed = health.fault().is_some();
        match timeout(PATIENCE, check(&db, failed)).await {
            Ok(Ok(())) => health.heal(),
            // The check got no connection, but others got answers: the service is busy, not broken.
            Ok(Err(AppError::Store(StoreError::NoConnection(_)))) | Err(_)
                if db.answered_within(PATIENCE) => {}
            Ok(Err(error)) => health.report(&error.to_string()),
            Err(_) => db.silent("it was looked at"),
        }
        let ready = health.fault().is_none();
        if reported != Some(ready) {
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            for service in services.iter().map(String::as_str).chain(["", READINESS]) {
                reporter.set_service_status(service, status).await;
            }
            reported = Some(ready);
        }
        let next = Instant::now() + EVERY;
        tokio::select! {
            () = stop.cancelled() => return,
            () = health.changed() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// Checks the database: with a trivial query if it works, and with a row written and read back if
/// it failed before.
async fn check(db: &Db, failed: bool) -> Result<(), AppError> {
    if !failed {
        sql::one(db.system(), "SELECT 1 AS one", vec![]).await?;
        return Ok(());
    }
    let mark = db.clock().now();
    let txn = db.transaction().await?;
    let upsert = "INSERT INTO intent_lease (tenant, flow, intent_id, owner, fence, expires_at) VALUES ('', 'health', $1, $2, 1, $3) \
                  ON CONFLICT (tenant, flow, intent_id) DO UPDATE SET owner = excluded.owner, fence = intent_lease.fence + 1, \
                  expires_at = excluded.expires_at RETURNING fence";
    let row = sql::one(&txn, upsert, vec![Uuid::nil().into(), db.writer_id().into(), mark.into()])
        .await?;
    let written: Option<i64> = row.map(|row| row.try_get("", "fence")).transpose()?;
    txn.commit().await?;
    let select =
        "SELECT fence FROM intent_lease WHERE tenant = '' AND flow = 'health' AND intent_id = $1";
    let row = sql::one(db.system(), select, vec![Uuid::nil().into()]).await?;
    let read: Option<i64> = row.map(|row| row.try_get("", "fence")).transpose()?;
    // Greater is fine too: another replica may have written the row in between.
    if read.is_some() && read >= written {
        Ok(())
    } else {
        Err(AppError::Fault("what was written is not read back".to_owned()))
    }
}
