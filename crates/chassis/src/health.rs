//! Whether a service can do its work, and what is wrong where it cannot. A database that failed is believed again only
//! after something was written to it and read back.

use crate::{background::Beat, db::Db, error::AppError, sql};
use sea_orm::DbErr;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};
use uuid::Uuid;

/// How often the database is looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is wrong with the database of a service, if anything.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fault: Mutex<Option<String>>,
    /// What does not make the service unready, by part.
    notes: Mutex<BTreeMap<&'static str, String>>,
    changed: Notify,
}

/// What a service says of itself at `/readyz`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether calls should be sent here.
    pub ready: bool,
    /// What is wrong with the database; empty if nothing is.
    pub database: String,
    /// What else is wrong, by part; it does not make the service unready.
    pub notes: BTreeMap<&'static str, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Health {
    /// Notes a failure of the database itself: from now on the service is not ready.
    pub fn report(&self, what: &str) {
        let mut fault = lock(&self.0.fault);
        if fault.is_none() {
            tracing::error!(what, "the database failed; not ready until a write was read back");
            self.0.changed.notify_one();
        }
        *fault = Some(what.to_owned());
    }

    /// What is wrong with the database.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        lock(&self.0.fault).clone()
    }

    /// Notes what is wrong with a part (`Some`), or that it works.
    pub fn note(&self, part: &'static str, what: Option<String>) {
        let mut notes = lock(&self.0.notes);
        match what {
            Some(what) => {
                if notes.insert(part, what.clone()).as_ref() != Some(&what) {
                    tracing::warn!(part, what, "a part does not do its work");
                }
            }
            None => {
                notes.remove(part);
            }
        }
    }

    /// What the service says of itself.
    #[must_use]
    pub fn reported(&self) -> Report {
        let fault = self.fault();
        Report { ready: fault.is_none(), database: fault.unwrap_or_default(), notes: lock(&self.0.notes).clone() }
    }

    /// Notes that the schema has not the version that this build needs: the service is not ready.
    pub(crate) fn waits_for_schema(&self, version: &str) {
        tracing::info!(version, "waits for its schema; run payterms-migrate");
        *lock(&self.0.fault) = Some(format!("the schema is not at {version}; run payterms-migrate"));
    }

    /// Notes that it has.
    pub(crate) fn schema_is_there(&self) {
        lock(&self.0.fault).take();
    }

    fn heal(&self) {
        if lock(&self.0.fault).take().is_some() {
            tracing::warn!("the database works again");
        }
    }
}

/// Looks at the database until told to stop, and says over the health protocol, for `services` and for the process,
/// whether calls should be sent here.
pub(crate) async fn watch_forever(db: Db, reporter: HealthReporter, services: Vec<String>, beat: Beat, stop: CancellationToken) {
    let health = db.health().clone();
    let mut said = None;
    loop {
        beat.beat();
        let failed = health.fault().is_some();
        match timeout(PATIENCE, look(&db, failed)).await {
            Ok(Ok(())) => health.heal(),
            // More work than connections is no failure while the work gets done.
            Ok(Err(AppError::Store(DbErr::ConnectionAcquire(_)))) | Err(_) if db.answered_within(PATIENCE) => {}
            Ok(Err(error)) => health.report(&error.to_string()),
            Err(_) => db.silent("it was looked at"),
        }
        let ready = health.fault().is_none();
        if said != Some(ready) {
            let status = if ready { ServingStatus::Serving } else { ServingStatus::NotServing };
            for service in services.iter().map(String::as_str).chain(["", "readiness"]) {
                reporter.set_service_status(service, status).await;
            }
            said = Some(ready);
        }
        let next = Instant::now() + EVERY;
        tokio::select! {
            () = stop.cancelled() => return,
            () = health.0.changed.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

/// A sound database is asked for a sign of life; one that failed must keep a row.
async fn look(db: &Db, failed: bool) -> Result<(), AppError> {
    if !failed {
        sql::one(db.system(), "SELECT 1 AS one", vec![]).await?;
        return Ok(());
    }
    let mark = db.clock().now();
    let txn = db.transaction().await?;
    let upsert = "INSERT INTO intent_lease (tenant, flow, intent_id, owner, fence, expires_at) VALUES ('', 'health', $1, $2, 1, $3) \
                  ON CONFLICT (tenant, flow, intent_id) DO UPDATE SET owner = excluded.owner, fence = intent_lease.fence + 1, \
                  expires_at = excluded.expires_at RETURNING fence";
    let row = sql::one(&txn, upsert, vec![Uuid::nil().into(), db.writer_id().into(), mark.into()]).await?;
    let written: Option<i64> = row.map(|row| row.try_get("", "fence")).transpose()?;
    txn.commit().await?;
    let select = "SELECT fence FROM intent_lease WHERE tenant = '' AND flow = 'health' AND intent_id = $1";
    let row = sql::one(db.system(), select, vec![Uuid::nil().into()]).await?;
    let read: Option<i64> = row.map(|row| row.try_get("", "fence")).transpose()?;
    // Another replica may have written since.
    if read.is_some() && read >= written { Ok(()) } else { Err(AppError::Fault("what was written is not read back".to_owned())) }
}
