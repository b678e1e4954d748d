//! Follows a change of a tenant's time zone (docs/domain/money-and-time.md#zone-change).
//!
//! A row of `due` that falls on a day of the tenant falls due when that day begins. Each service
//! says which of its jobs have such rows; after a change their rows move to the beginning of the
//! same day in the new zone, a page in each transaction. Rows that fall due at other instants stay.
//! A job that runs before its row has moved finds its day not there yet, or does what it would have
//! done some hours later.

use crate::{
    db::{sql, tenants, tx::WriteTx},
    flow::jobs::{DueRow, schedule, schedule_many, take},
    wire::error::AppError,
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_kernel::calendar::same_day;
use sea_orm::DbErr;
use std::collections::BTreeMap;

/// The job; its subject is `job|zone before|subject that the page comes after`.
pub const JOB: &str = "follow_zone";

/// Rows in one transaction.
const PAGE: usize = 200;

/// Rows of one job that wait for a day.
#[derive(Debug, Clone)]
pub struct Page {
    /// The job.
    pub job: String,
    /// The zone that its days were of.
    pub before: Tz,
    /// Subjects, and when each is due so far.
    pub rows: Vec<(String, DateTime<Utc>)>,
}

/// A row that moves: its subject, and when it is due before and after.
pub type Move = (String, DateTime<Utc>, DateTime<Utc>);

/// Stores what the register says of a tenant. If its zone has changed, the day that the calendar
/// has reached is kept, and the rows of these jobs begin to move. Returns the zone before the
/// change.
pub async fn register(
    tx: &WriteTx,
    suspended: bool,
    zone: &str,
    jobs: &[&str],
) -> Result<Option<Tz>, DbErr> {
    let (conn, tenant) = (tx.conn(), &tx.call().tenant);
    let before = tenants::named_zone(conn, tenant).await?.filter(|before| before != zone);
    // Days of the zone before, which this transaction still sees.
    let reached = tx.today();
    tenants::register(conn, tenant, suspended, zone).await?;
    let Some(before) = before else { return Ok(None) };
    tenants::reach(conn, tenant, reached).await?;
    let pages: Vec<_> = jobs.iter().map(|job| (format!("{job}|{before}|"), tx.now())).collect();
    schedule_many(tx, JOB, &pages).await?;
    Ok(before.parse().ok())
}

/// Claims a page of a job's rows, and schedules the next page; none if another replica has moved
/// it.
pub async fn take_page(tx: &WriteTx, row: &DueRow) -> Result<Option<Page>, AppError> {
    let mut parts = row.subject.splitn(3, '|');
    let (Some(job), Some(Ok(before)), Some(after)) =
        (parts.next(), parts.next().map(str::parse::<Tz>), parts.next())
    else {
        return Err(AppError::Fault(format!("page {:?}", row.subject)));
    };
    if !take(tx, row).await? {
        return Ok(None);
    }
    let select = "SELECT subject, due_at FROM due WHERE tenant = $1 AND job = $2 AND subject > $3 ORDER BY subject LIMIT $4";
    let limit = i64::try_from(PAGE).unwrap_or(i64::MAX);
    let found = sql::all(
        tx.conn(),
        select,
        vec![row.tenant.as_str().into(), job.into(), after.into(), limit.into()],
    )
    .await?;
    let read =
        |row: &sea_orm::QueryResult| Ok((row.try_get("", "subject")?, row.try_get("", "due_at")?));
    let rows: Vec<(String, DateTime<Utc>)> =
        found.iter().map(read).collect::<Result<_, DbErr>>()?;
    if let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) {
        schedule(tx, JOB, &format!("{job}|{before}|{last}"), tx.now()).await?;
    }
    Ok(Some(Page { job: job.to_owned(), before, rows }))
}

impl Page {
    /// The rows that fall on a day, with the beginning of the same day in the tenant's zone.
    #[must_use]
    pub fn moves(&self, zone: Tz) -> Vec<Move> {
        let moved = |(subject, due): &(String, DateTime<Utc>)| {
            Some((subject.clone(), *due, same_day(self.before, zone, *due)?))
        };
        self.rows.iter().filter_map(moved).collect()
    }
}

/// When a job of a subject is due.
pub async fn due_at(
    tx: &WriteTx,
    job: &str,
    subject: &str,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let select = "SELECT due_at FROM due WHERE tenant = $1 AND job = $2 AND subject = $3";
    let row = sql::one(
        tx.conn(),
        select,
        vec![tx.call().tenant.as_str().into(), job.into(), subject.into()],
    )
    .await?;
    row.map(|row| row.try_get("", "due_at")).transpose()
}

/// Moves rows of a job; one that is due at another instant by now, or gone, is left alone.
pub async fn move_rows(tx: &WriteTx, job: &str, moves: &[Move]) -> Result<(), DbErr> {
    let mut together: BTreeMap<_, Vec<&String>> = BTreeMap::new();
    for (subject, from, to) in moves.iter().filter(|(_, from, to)| from != to) {
        together.entry((*from, *to)).or_default().push(subject);
    }
    for ((from, to), subjects) in together {
        let marks: Vec<_> =
            (5..subjects.len().saturating_add(5)).map(|number| format!("${number}")).collect();
        let update = format!(
            "UPDATE due SET due_at = $4, claimed_until = NULL WHERE tenant = $1 AND job = $2 AND due_at = $3 AND subject IN ({})",
            marks.join(", ")
        );
        let mut values = vec![tx.call().tenant.as_str().into(), job.into(), from.into(), to.into()];
        values.extend(subjects.into_iter().map(|subject| sea_orm::Value::from(subject.clone())));
        sql::exec(tx.conn(), &update, values).await?;
    }
    Ok(())
}
