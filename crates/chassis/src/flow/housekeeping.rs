//! Deletes old rows: answers after 30 days, events after 7 days once every subscriber has received
//! them, and with them the log of webhooks. Dead letters, events that wait for a predecessor, and
//! open flows stay, however old.

use crate::{
    db::{Db, sql, tenants},
    flow::{Leases, background::Beat},
    wire::error::AppError,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Days for which an answer can be replayed: one more than promised.
const ANSWER_DAYS: i64 = 31;
/// Days for which an event is kept: one more than promised.
const EVENT_DAYS: i64 = 8;
/// Rows deleted in one transaction, so that its locks are short.
const ROWS: i64 = 1_000;
/// How often old rows are deleted.
const EVERY: Duration = Duration::from_hours(1);

pub(crate) async fn run_forever(db: Db, leases: Leases, beat: Beat, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = beat.while_waiting(tokio::time::sleep(EVERY)) => {}
        }
        let is_leader = leases.hold_singleton("housekeeping").await.unwrap_or(false);
        if is_leader && let Err(error) = beat.while_waiting(sweep(&db)).await {
            tracing::warn!(%error, "old rows could not be deleted");
        }
    }
}

/// Deletes all rows that are old enough and returns how many there were.
pub async fn sweep(db: &Db) -> Result<u64, AppError> {
    let now = db.clock().now();
    let events = now - TimeDelta::days(EVENT_DAYS);
    let mut deleted_rows = delete_events(db, events).await?;
    deleted_rows += delete(db, INBOX, events).await?;
    deleted_rows += delete(db, WEBHOOKS, events).await?;
    let mut after = String::new();
    loop {
        let slugs = tenants::list(db, &after, 100).await?;
        let Some(last) = slugs.last().cloned() else { return Ok(deleted_rows) };
        for tenant in &slugs {
            deleted_rows += delete_requests(db, tenant, now - TimeDelta::days(ANSWER_DAYS)).await?;
        }
        after = last;
    }
}

/// Events that every subscriber has received: their position is at most the least cursor. The
/// oldest events have the least ids.
const OUTBOX: &str = "DELETE FROM outbox WHERE id IN (SELECT id FROM (SELECT id, recorded_at, position FROM outbox ORDER BY id LIMIT $2) oldest \
     WHERE recorded_at < $1 AND position <= (SELECT min(position) FROM outbox_cursors)) RETURNING position";
/// Applied events. Whether an event was applied is decided by `inbox_heads`, so these rows are not
/// needed for that.
const INBOX: &str = "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE recorded_at < $1 AND held IS NULL \
     ORDER BY recorded_at LIMIT $2)";
/// Deliveries of webhooks, also those that wait at an endpoint that is disabled: their events are
/// gone.
const WEBHOOKS: &str = "DELETE FROM webhook_deliveries WHERE (tenant, endpoint_id, event_id) IN (SELECT tenant, endpoint_id, event_id \
     FROM webhook_deliveries WHERE updated_at < $1 ORDER BY updated_at LIMIT $2)";
/// Answered and refused requests. The request of an open flow has neither yet, so it stays.
const REQUESTS: &str = "DELETE FROM requests WHERE tenant = $3 AND request_id IN (SELECT request_id FROM requests WHERE tenant = $3 \
     AND recorded_at < $1 AND (answer IS NOT NULL OR refused IS NOT NULL) ORDER BY recorded_at LIMIT $2)";

async fn delete(db: &Db, statement: &str, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut deleted_rows = 0;
    loop {
        let txn = db.transaction().await?;
        let deleted = sql::exec(&txn, statement, vec![before.into(), ROWS.into()]).await?;
        txn.commit().await?;
        deleted_rows += deleted;
        if deleted == 0 {
            return Ok(deleted_rows);
        }
    }
}

/// Deletes events, and notes up to which position in the same transaction: who would read on before
/// it is told that some are missing.
async fn delete_events(db: &Db, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut deleted_rows = 0;
    loop {
        let txn = db.transaction().await?;
        let deleted = sql::all(&txn, OUTBOX, vec![before.into(), ROWS.into()]).await?;
        let positions = deleted
            .iter()
            .map(|row| row.try_get::<i64>("", "position"))
            .collect::<Result<Vec<_>, _>>()?;
        let Some(last) = positions.iter().max() else { return Ok(deleted_rows) };
        let insert = "INSERT INTO event_log (id, epoch, deleted_through) VALUES (1, $1, $2) \
                      ON CONFLICT (id) DO UPDATE SET deleted_through = $2 WHERE event_log.deleted_through < $2";
        sql::exec(&txn, insert, vec![Uuid::from_bytes(rand::random()).into(), (*last).into()])
            .await?;
        txn.commit().await?;
        deleted_rows += positions.len() as u64;
    }
}

async fn delete_requests(db: &Db, tenant: &str, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let mut deleted_rows = 0;
    loop {
        let txn = db.transaction_of(tenant).await?;
        let deleted =
            sql::exec(&txn, REQUESTS, vec![before.into(), ROWS.into(), tenant.into()]).await?;
        txn.commit().await?;
        deleted_rows += deleted;
        if deleted == 0 {
            return Ok(deleted_rows);
        }
    }
}
