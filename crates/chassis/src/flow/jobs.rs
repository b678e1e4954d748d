//! Jobs: rows of the table `due`, executed once each, on any replica.
//!
//! A job's use case locks its subject and then deletes the row in the same transaction ([`take`]).
//! If the row is gone, another replica has done the work, and the use case does nothing. The claim
//! only keeps replicas from working on the same rows; it is not needed for correctness.

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
    /// The subject, in a form that the job itself defines.
    pub subject: String,
    /// The instant at which it falls due, in the tenant's time.
    pub due: DateTime<Utc>,
    /// The run of the test clock that executes it, if there is one.
    pub run_id: Option<String>,
    /// Distinguishes the rows of a subject that a test clock makes for one instant, by what made
    /// them; 0 for tenants without a test clock.
    pub ordinal: i64,
}

impl DueRow {
    /// The call that the job makes. Its ids derive from job, subject, instant and ordinal, so that
    /// the same story on a test clock gives the same ids.
    #[must_use]
    pub fn call(&self, service: &str, subject: Uuid) -> Call {
        let cause = format!("{} {} {}", self.job, self.due.timestamp_micros(), self.ordinal);
        Call::internal(service, &self.tenant, &cause, subject, self.run_id.clone())
    }
}

type Execute = Arc<dyn Fn(DueRow) -> BoxFuture<'static, Result<(), AppError>> + Send + Sync>;

/// The jobs of a service, by name, and those whose rows have a lane of their own.
#[derive(Clone, Default)]
pub struct Jobs {
    by_name: HashMap<&'static str, Execute>,
    apart: Vec<&'static str>,
    first: Vec<&'static str>,
}

/// Rows are executed in two lanes, side by side. A round of a lane ends with its slowest row, so
/// what asks somebody outside, who may hang, has a lane of its own: what else falls due does not
/// wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// All other jobs.
    Common,
    /// The jobs that are kept apart.
    Apart,
}

impl Lane {
    /// Rows that are claimed at once. A claim is longer than what they take.
    fn claims(self) -> i64 {
        match self {
            Self::Common => 50,
            Self::Apart => 2,
        }
    }

    /// Rows that are executed at once.
    fn at_once(self) -> usize {
        match self {
            Self::Common => 8,
            Self::Apart => 2,
        }
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.by_name.keys()).finish()
    }
}

impl Jobs {
    /// Adds a job and the use case that executes its rows.
    #[must_use]
    pub fn with<F: Future<Output = Result<(), AppError>> + Send + 'static>(
        mut self,
        name: &'static str,
        execute: impl Fn(DueRow) -> F + Send + Sync + 'static,
    ) -> Self {
        self.by_name.insert(name, Arc::new(move |row| Box::pin(execute(row))));
        self
    }

    /// Keeps the rows of a job in a lane of their own: it asks somebody outside.
    #[must_use]
    pub fn apart(mut self, name: &'static str) -> Self {
        self.apart.push(name);
        self
    }

    /// Begins with the rows of a job among those of one instant: others may depend on what it has
    /// done.
    #[must_use]
    pub fn first(mut self, name: &'static str) -> Self {
        self.first.push(name);
        self
    }

    /// The order of due rows: names of jobs are ours, and no text of a request.
    pub(crate) fn order(&self) -> String {
        let names: Vec<_> = self.first.iter().map(|name| format!("'{name}'")).collect();
        let first = if names.is_empty() {
            String::new()
        } else {
            format!("CASE WHEN job IN ({}) THEN 0 ELSE 1 END, ", names.join(", "))
        };
        format!("due_at, {first}job, subject")
    }

    /// Whether any rows are in a lane.
    pub(crate) fn has(&self, lane: Lane) -> bool {
        lane == Lane::Common || !self.apart.is_empty()
    }

    /// The condition of a lane's rows: names of jobs are ours, and no text of a request.
    fn of_lane(&self, lane: Lane) -> String {
        let names: Vec<_> = self.apart.iter().map(|name| format!("'{name}'")).collect();
        match (lane, names.is_empty()) {
            (Lane::Common, true) => String::new(),
            (Lane::Common, false) => format!(" AND job NOT IN ({})", names.join(", ")),
            (Lane::Apart, _) => format!(" AND job IN ({})", names.join(", ")),
        }
    }

    pub(crate) async fn execute(&self, row: DueRow) -> Result<(), AppError> {
        match self.by_name.get(row.job.as_str()) {
            Some(execute) => execute(row).await,
            None => Err(AppError::Fault(format!("there is no job {}", row.job))),
        }
    }
}

/// Schedules a job for a subject, or moves it to another instant.
pub async fn schedule(
    tx: &WriteTx,
    job: &str,
    subject: &str,
    due: DateTime<Utc>,
) -> Result<(), DbErr> {
    schedule_many(tx, job, &[(subject.to_owned(), due)]).await
}

/// Schedules a job for subjects, or moves it to other instants.
pub async fn schedule_many(
    tx: &WriteTx,
    job: &str,
    subjects: &[(String, DateTime<Utc>)],
) -> Result<(), DbErr> {
    upsert(tx, job, subjects, "").await
}

/// Schedules a job for subjects; one that is scheduled already moves only to an earlier instant.
pub async fn schedule_sooner(
    tx: &WriteTx,
    job: &str,
    subjects: &[(String, DateTime<Utc>)],
) -> Result<(), DbErr> {
    upsert(tx, job, subjects, " WHERE due.due_at > excluded.due_at").await
}

async fn upsert(
    tx: &WriteTx,
    job: &str,
    subjects: &[(String, DateTime<Utc>)],
    condition: &str,
) -> Result<(), DbErr> {
    if subjects.is_empty() {
        return Ok(());
    }
    let tenant = tx.call().tenant.as_str();
    let ordinal = if tx.time().tested { ordinal_of(tx.call().request_id) } else { 0 };
    let (mut rows, mut values) = (Vec::new(), vec![tenant.into(), job.into()]);
    for (subject, due) in subjects {
        let bound = values.len();
        rows.push(format!(
            "($1, $2, ${}, ${}, ${})",
            bound.saturating_add(1),
            bound.saturating_add(2),
            bound.saturating_add(3)
        ));
        values.extend::<[sea_orm::Value; 3]>([
            subject.clone().into(),
            (*due).into(),
            ordinal.into(),
        ]);
    }
    let upsert = format!(
        "INSERT INTO due (tenant, job, subject, due_at, ordinal) VALUES {} ON CONFLICT (tenant, job, subject) DO UPDATE SET \
         due_at = excluded.due_at, ordinal = excluded.ordinal, claimed_until = NULL{condition}",
        rows.join(", ")
    );
    sql::exec(tx.conn(), &upsert, values).await.map(|_| ())
}

/// A number of what schedules a row. A write schedules a job of a subject once.
fn ordinal_of(request_id: Uuid) -> i64 {
    let (high, low) = request_id.as_u64_pair();
    i64::try_from((high ^ low) >> 1).unwrap_or_default()
}

/// Schedules a job for a subject unless it is scheduled for then or before, so that repeated calls
/// do not postpone it again and again. A row that is due is read and not touched: whoever executes
/// it holds it and may wait for what this caller has locked.
pub async fn schedule_once(
    tx: &WriteTx,
    job: &str,
    subject: &str,
    due: DateTime<Utc>,
) -> Result<(), DbErr> {
    let select =
        "SELECT job FROM due WHERE tenant = $1 AND job = $2 AND subject = $3 AND due_at <= $4";
    let values = vec![tx.call().tenant.as_str().into(), job.into(), subject.into(), due.into()];
    if sql::one(tx.conn(), select, values).await?.is_some() {
        return Ok(());
    }
    schedule(tx, job, subject, due).await
}

/// Whether rows of the same job and tenant fall due before this one. A use case that needs the
/// order leaves its row in the table then; the row is retried later.
pub async fn preceded(tx: &WriteTx, row: &DueRow) -> Result<bool, DbErr> {
    let select = "SELECT job FROM due WHERE tenant = $1 AND job = $2 AND due_at < $3 LIMIT 1";
    let values = vec![row.tenant.as_str().into(), row.job.clone().into(), row.due.into()];
    Ok(sql::one(tx.conn(), select, values).await?.is_some())
}

/// Whether rows of a job of the tenant fall due by an instant.
pub async fn is_any_due(tx: &WriteTx, job: &str, by: DateTime<Utc>) -> Result<bool, DbErr> {
    let select = "SELECT job FROM due WHERE tenant = $1 AND job = $2 AND due_at <= $3 LIMIT 1";
    Ok(sql::one(tx.conn(), select, vec![tx.call().tenant.as_str().into(), job.into(), by.into()])
        .await?
        .is_some())
}

/// Deletes a due row. Returns false if another replica has deleted it, or if it is not due any more
/// because the clock was reset.
pub async fn take(tx: &WriteTx, row: &DueRow) -> Result<bool, DbErr> {
    if row.due > tx.now() {
        return Ok(false);
    }
    let delete = "DELETE FROM due WHERE tenant = $1 AND job = $2 AND subject = $3 AND due_at = $4";
    let values = vec![
        row.tenant.as_str().into(),
        row.job.clone().into(),
        row.subject.clone().into(),
        row.due.into(),
    ];
    Ok(sql::exec(tx.conn(), delete, values).await? == 1)
}

/// Cancels a job of a subject, whenever it is due.
pub async fn cancel(tx: &WriteTx, job: &str, subject: &str) -> Result<(), DbErr> {
    cancel_many(tx, job, &[subject.to_owned()]).await
}

/// Cancels a job of several subjects, whenever it is due.
pub async fn cancel_many(tx: &WriteTx, job: &str, subjects: &[String]) -> Result<(), DbErr> {
    if subjects.is_empty() {
        return Ok(());
    }
    let marks: Vec<_> =
        (3..subjects.len().saturating_add(3)).map(|number| format!("${number}")).collect();
    let delete = format!(
        "DELETE FROM due WHERE tenant = $1 AND job = $2 AND subject IN ({})",
        marks.join(", ")
    );
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

/// Executes the due rows of a lane, of tenants without a test clock, until `stop` is cancelled.
pub(crate) async fn run_forever(
    db: Db,
    jobs: Jobs,
    lane: Lane,
    beat: Beat,
    stop: CancellationToken,
) {
    loop {
        beat.beat();
        let busy = match claim(&db, &jobs, lane).await {
            Ok(rows) => {
                let busy = !rows.is_empty();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = execute_claimed(&jobs, lane, rows, &beat) => {}
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

/// Executes claimed rows, a few at a time. Each has a time limit and catches panics, so that a bad
/// one does not stop the others.
async fn execute_claimed(jobs: &Jobs, lane: Lane, rows: Vec<DueRow>, beat: &Beat) {
    let execute = async |row: DueRow| {
        let name = format!("{}/{}", row.job, row.subject);
        let work = tokio::time::timeout(Duration::from_secs(20), jobs.execute(row));
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => {
                tracing::warn!(job = %name, %error, "a job did not get done; it is tried again");
            }
            Ok(Err(_)) => tracing::warn!(job = %name, "a job took too long; it is tried again"),
            Err(_) => tracing::error!(job = %name, "a job panicked; it is tried again"),
        }
        beat.beat();
    };
    futures::stream::iter(rows).for_each_concurrent(lane.at_once(), execute).await;
}

/// How long a claim keeps other replicas away: longer than a row may take, and short enough that
/// the rows of a process that died are soon retried.
const CLAIM_SECONDS: i64 = 30;

async fn claim(db: &Db, jobs: &Jobs, lane: Lane) -> Result<Vec<DueRow>, AppError> {
    let now = db.clock().now();
    let txn = db.transaction().await?;
    let skip = if txn.get_database_backend() == DbBackend::Postgres {
        " FOR UPDATE OF due SKIP LOCKED"
    } else {
        ""
    };
    let select = format!(
        "SELECT due.tenant AS tenant, job, subject, due_at, ordinal FROM due JOIN tenant_states ON tenant_states.tenant = due.tenant \
         WHERE due_at <= $1 AND clock_now IS NULL AND NOT suspended AND (claimed_until IS NULL OR claimed_until < $1){} \
         ORDER BY {} LIMIT $2{skip}",
        jobs.of_lane(lane),
        jobs.order()
    );
    let rows = sql::all(&txn, &select, vec![now.into(), lane.claims().into()]).await?;
    let rows = rows.iter().map(|row| row_of(row, None)).collect::<Result<Vec<_>, _>>()?;
    let until = now + TimeDelta::seconds(CLAIM_SECONDS);
    for row in &rows {
        let mark =
            "UPDATE due SET claimed_until = $1 WHERE tenant = $2 AND job = $3 AND subject = $4";
        let values = vec![
            until.into(),
            row.tenant.as_str().into(),
            row.job.clone().into(),
            row.subject.clone().into(),
        ];
        sql::exec(&txn, mark, values).await?;
    }
    txn.commit().await?;
    Ok(rows)
}
