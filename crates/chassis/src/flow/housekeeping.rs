//! What may be forgotten: answers after 30 days, events after 7 once all have heard them. Dead
//! letters, held events and open flows are kept, however old.

use crate::{
    db::{Db, sql, tenants},
    flow::{Leases, background::Beat},
    wire::error::AppError,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Days that an answer is given again.
const ANSWER_DAYS: i64 = 31;
/// Days that an event is kept after it was heard.
const EVENT_DAYS: i64 = 8;
/// Rows deleted in one transaction.
const ROWS: i64 = 1_000;
/// How often it is looked for.
const EVERY: Duration = Duration::from_hours(1);

pub(crate) async fn run_forever(db: Db, leases: Leases, beat: Beat, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = beat.while_waiting(tokio::time::sleep(EVERY)) => {}
        }
        let held = leases.hold_singleton("housekeeping").await.unwrap_or(false);
        if held && let Err(error) = beat.while_waiting(sweep(&db)).await {
            tracing::warn!(%error, "old rows could not be deleted");
        }
    }
}

/// Deletes what may be forgotten by now; answers how many rows went.
///
/// # Errors
/// The database's.
pub async fn sweep(db: &Db) -> Result<u64, AppError> {
    let now = db.clock().now();
    let events = now - TimeDelta::days(EVENT_DAYS);
    let mut gone = delete(db, OUTBOX, events).await?;
    gone += delete(db, INBOX, events).await?;
    let mut after = String::new();
    loop {
        let slugs = tenants::list(db, &after, 100).await?;
        let Some(last) = slugs.last().cloned() else { return Ok(gone) };
        for tenant in &slugs {
            gone += delete_requests(db, tenant, now - TimeDelta::days(ANSWER_DAYS)).await?;
        }
        after = last;
    }
}

/// Placed events that every hearer has got: the least cursor tells. The oldest have the least ids.
const OUTBOX: &str = "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, recorded_at, position FROM outbox ORDER BY id LIMIT $2) oldest \
     WHERE recorded_at < $1 AND position <= (SELECT min(position) FROM outbox_cursors))";
/// Applied events: the heads alone know what was applied.
const INBOX: &str = "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE recorded_at < $1 AND held IS NULL \
     ORDER BY recorded_at LIMIT $2)";
/// Answers; a flow that is still open has none.
const REQUESTS: &str = "DELETE FROM requests WHERE tenant = $3 AND request_id IN (SELECT request_id FROM requests WHERE tenant = $3 \
     AND recorded_at < $1 AND (answer IS NOT NULL OR refused IS NOT NULL) ORDER BY recorded_at LIMIT $2)";

async fn delete(db: &Db, statement: &str, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut gone = 0;
    loop {
        let txn = db.transaction().await?;
        let deleted = sql::exec(&txn, statement, vec![before.into(), ROWS.into()]).await?;
        txn.commit().await?;
        gone += deleted;
        if deleted == 0 {
            return Ok(gone);
        }
    }
}

async fn delete_requests(db: &Db, tenant: &str, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut gone = 0;
    loop {
        let txn = db.transaction_of(tenant).await?;
        let deleted = sql::exec(&txn, REQUESTS, vec![before.into(), ROWS.into(), tenant.into()]).await?;
        txn.commit().await?;
        gone += deleted;
        if deleted == 0 {
            return Ok(gone);
        }
    }
}
