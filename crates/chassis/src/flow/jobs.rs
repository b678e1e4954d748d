//! Work that falls due: rows of `due`, claimed and run once, on any replica.
//!
//! A job's use case locks its subject, then takes the row in the same transaction
//! ([`take`]); who finds it gone does nothing. A claim only keeps replicas apart.

use crate::{
    db::{Db, sql, tx::WriteTx},
    flow::background::Beat,
    wire::{call::Call, error::AppError},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use payterms_kernel::TenantId;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, QueryResult};
use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// One row of `due`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The job's name.
    pub job: String,
    /// What it is about; the job knows how to read it.
    pub subject: String,
    /// When it falls due, by the tenant's time.
    pub due: DateTime<Utc>,
    /// The run of the test clock that the work is part of.
    pub run_id: Option<String>,
    /// Tells apart rows that a test clock makes for one instant; 0 for other tenants.
    pub ordinal: i64,
}

impl DueRow {
    /// The call of the job: its ids come from job, subject, instant and ordinal, so that the same
    /// story repeats.
    #[must_use]
    pub fn call(&self, service: &str, subject: Uuid) -> Call {
        let cause = format!("{} {} {}", self.job, self.due.timestamp_micros(), self.ordinal);
        Call::internal(service, &self.tenant, &cause, subject, self.run_id.clone())
    }
}

type Run = Arc<dyn Fn(DueRow) -> BoxFuture<'static, Result<(), AppError>> + Send + Sync>;

/// The jobs of a service, by name.
#[derive(Clone, Default)]
pub struct Jobs(HashMap<&'static str, Run>);

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Jobs {
    /// Adds a job.
    #[must_use]
    pub fn with<F: Future<Output = Result<(), AppError>> + Send + 'static>(
        mut self,
        name: &'static str,
        run: impl Fn(DueRow) -> F + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name, Arc::new(move |row| Box::pin(run(row))));
        self
    }

    pub(crate) async fn run(&self, row: DueRow) -> Result<(), AppError> {
        match self.0.get(row.job.as_str()) {
            Some(run) => run(row).await,
            None => Err(AppError::Fault(format!("there is no job {}", row.job))),
        }
    }
}

/// Schedules a job for a subject, or moves it to another instant.
///
/// # Errors
/// The database's.
pub async fn schedule(tx: &WriteTx, job: &str, subject: &str, due: DateTime<Utc>) -> Result<(), DbErr> {
    schedule_many(tx, job, &[(subject.to_owned(), due)]).await
}

/// Schedules a job for subjects, or moves it to other instants.
///
/// # Errors
/// The database's.
pub async fn schedule_many(tx: &WriteTx, job: &str, subjects: &[(String, DateTime<Utc>)]) -> Result<(), DbErr> {
    if subjects.is_empty() {
        return Ok(());
    }
    let tenant = tx.call().tenant.as_str();
    let many = i64::try_from(subjects.len()).unwrap_or_default();
    let mut ordinal = 0_i64;
    if tx.time().tested {
        let count = "UPDATE tenant_states SET due_count = due_count + $2 WHERE tenant = $1 RETURNING due_count";
        let row = sql::one(tx.conn(), count, vec![tenant.into(), many.into()]).await?;
        ordinal = row.map(|row| row.try_get::<i64>("", "due_count")).transpose()?.unwrap_or_default().saturating_sub(many);
    }
    let (mut rows, mut values) = (Vec::new(), vec![tenant.into(), job.into()]);
    for (subject, due) in subjects {
        ordinal = ordinal.saturating_add(i64::from(tx.time().tested));
        let at = values.len();
        rows.push(format!("($1, $2, ${}, ${}, ${})", at.saturating_add(1), at.saturating_add(2), at.saturating_add(3)));
        values.extend::<[sea_orm::Value; 3]>([subject.clone().into(), (*due).into(), ordinal.into()]);
    }
    let upsert = format!(
        "INSERT INTO due (tenant, job, subject, due_at, ordinal) VALUES {} ON CONFLICT (tenant, job, subject) DO UPDATE SET \
         due_at = excluded.due_at, ordinal = excluded.ordinal, claimed_until = NULL",
        rows.join(", ")
    );
    sql::exec(tx.conn(), &upsert, values).await.map(|_| ())
}

/// Schedules a job for a subject unless it is scheduled: a row that is waited for is not moved
/// away by whoever marks it again.
///
/// # Errors
/// The database's.
pub async fn schedule_once(tx: &WriteTx, job: &str, subject: &str, due: DateTime<Utc>) -> Result<(), DbErr> {
    let select = "SELECT job FROM due WHERE tenant = $1 AND job = $2 AND subject = $3";
    let values = vec![tx.call().tenant.as_str().into(), job.into(), subject.into()];
    if sql::one(tx.conn(), select, values).await?.is_some() {
        return Ok(());
    }
    schedule(tx, job, subject, due).await
}

/// Whether rows of the same job and tenant fall due before this one. A row that must follow them is left
/// as it is, untaken: it is tried again.
///
/// # Errors
/// The database's.
pub async fn preceded(tx: &WriteTx, row: &DueRow) -> Result<bool, DbErr> {
    let select = "SELECT job FROM due WHERE tenant = $1 AND job = $2 AND due_at < $3 LIMIT 1";
    let values = vec![row.tenant.as_str().into(), row.job.clone().into(), row.due.into()];
    Ok(sql::one(tx.conn(), select, values).await?.is_some())
}

/// Takes a due row out; false if another has, or if the clock went back before it.
///
/// # Errors
/// The database's.
pub async fn take(tx: &WriteTx, row: &DueRow) -> Result<bool, DbErr> {
    if row.due > tx.now() {
        return Ok(false);
    }
    let delete = "DELETE FROM due WHERE tenant = $1 AND job = $2 AND subject = $3 AND due_at = $4";
    let values = vec![row.tenant.as_str().into(), row.job.clone().into(), row.subject.clone().into(), row.due.into()];
    Ok(sql::exec(tx.conn(), delete, values).await? == 1)
}

/// Takes a job of a subject off the list, whenever it is due.
///
/// # Errors
/// The database's.
pub async fn cancel(tx: &WriteTx, job: &str, subject: &str) -> Result<(), DbErr> {
    cancel_many(tx, job, &[subject.to_owned()]).await
}

/// Takes a job of subjects off the list, whenever it is due.
///
/// # Errors
/// The database's.
pub async fn cancel_many(tx: &WriteTx, job: &str, subjects: &[String]) -> Result<(), DbErr> {
    if subjects.is_empty() {
        return Ok(());
    }
    let marks: Vec<_> = (3..subjects.len().saturating_add(3)).map(|place| format!("${place}")).collect();
    let delete = format!("DELETE FROM due WHERE tenant = $1 AND job = $2 AND subject IN ({})", marks.join(", "));
    let mut values = vec![tx.call().tenant.as_str().into(), job.into()];
    values.extend(subjects.iter().map(|subject| sea_orm::Value::from(subject.clone())));
    sql::exec(tx.conn(), &delete, values).await.map(|_| ())
}

pub(crate) fn row_of(row: &QueryResult, run_id: Option<String>) -> Result<DueRow, AppError> {
    let tenant: String = row.try_get("", "tenant")?;
    Ok(DueRow {
        tenant: tenant.parse().map_err(|_| AppError::Fault(format!("due row of {tenant:?}")))?,
        job: row.try_get("", "job")?,
        subject: row.try_get("", "subject")?,
        due: row.try_get("", "due_at")?,
        run_id,
        ordinal: row.try_get("", "ordinal")?,
    })
}

/// Runs what falls due for tenants without a test clock, until told to stop.
pub(crate) async fn run_forever(db: Db, jobs: Jobs, beat: Beat, stop: CancellationToken) {
    loop {
        beat.beat();
        let busy = match claim(&db).await {
            Ok(rows) => {
                let busy = !rows.is_empty();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = run_claimed(&jobs, rows, &beat) => {}
                }
                busy
            }
            Err(error) => {
                tracing::warn!(%error, "due rows could not be claimed");
                false
            }
        };
        let pause = Duration::from_millis(if busy { 0 } else { 500 });
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Runs claimed rows a few at a time; one that hangs or panics holds no other up.
async fn run_claimed(jobs: &Jobs, rows: Vec<DueRow>, beat: &Beat) {
    let run = async |row: DueRow| {
        let name = format!("{}/{}", row.job, row.subject);
        let work = tokio::time::timeout(Duration::from_secs(20), jobs.run(row));
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(job = %name, %error, "a job did not get done; it is tried again"),
            Ok(Err(_)) => tracing::warn!(job = %name, "a job took too long; it is tried again"),
            Err(_) => tracing::error!(job = %name, "a job panicked; it is tried again"),
        }
        beat.beat();
    };
    futures::stream::iter(rows).for_each_concurrent(8, run).await;
}

/// Rows claimed at once, and how long a claim keeps others away.
const CLAIM_ROWS: i64 = 50;
const CLAIM_SECONDS: i64 = 30;

async fn claim(db: &Db) -> Result<Vec<DueRow>, AppError> {
    let now = db.clock().now();
    let txn = db.transaction().await?;
    let skip = if txn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE OF due SKIP LOCKED" } else { "" };
    let select = format!(
        "SELECT due.tenant AS tenant, job, subject, due_at, ordinal FROM due JOIN tenant_states ON tenant_states.tenant = due.tenant \
         WHERE due_at <= $1 AND clock_now IS NULL AND NOT suspended AND (claimed_until IS NULL OR claimed_until < $1) \
         ORDER BY due_at, job, subject LIMIT $2{skip}"
    );
    let rows = sql::all(&txn, &select, vec![now.into(), CLAIM_ROWS.into()]).await?;
    let rows = rows.iter().map(|row| row_of(row, None)).collect::<Result<Vec<_>, _>>()?;
    let until = now + TimeDelta::seconds(CLAIM_SECONDS);
    for row in &rows {
        let mark = "UPDATE due SET claimed_until = $1 WHERE tenant = $2 AND job = $3 AND subject = $4";
        let values = vec![until.into(), row.tenant.as_str().into(), row.job.clone().into(), row.subject.clone().into()];
        sql::exec(&txn, mark, values).await?;
    }
    txn.commit().await?;
    Ok(rows)
}
