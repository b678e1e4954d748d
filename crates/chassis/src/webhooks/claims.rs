//! Table `webhook_deliveries`: which are due, who sends them, and how it went.
//!
//! A claim moves a delivery's due time beyond the longest attempt and counts up. The result is
//! written only under the same count: one that comes after the claim lapsed changes nothing.

use crate::{
    db::{Db, sql},
    webhooks::{
        targets,
        verdict::{Outcome, Verdict},
    },
    wire::error::AppError,
};
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

/// How long a claim lasts: longer than an attempt.
const CLAIM: TimeDelta = TimeDelta::seconds(60);

/// An endpoint with deliveries that are due.
#[derive(Debug)]
pub(crate) struct DueTarget {
    pub tenant: String,
    pub endpoint: Uuid,
    pub failing: bool,
}

/// The endpoints with deliveries that are due.
pub(crate) async fn due_targets(db: &Db) -> Result<Vec<DueTarget>, AppError> {
    let select = format!(
        "SELECT t.tenant, t.endpoint_id, t.failing_since IS NOT NULL AS failing FROM webhook_targets t WHERE {} AND EXISTS \
         (SELECT 1 FROM webhook_deliveries d WHERE d.tenant = t.tenant AND d.endpoint_id = t.endpoint_id AND d.state = 'PENDING' AND d.due_at <= $1)",
        targets::IS_SERVED
    );
    let rows = sql::all(db.system(), &select, vec![db.clock().now().into()]).await?;
    let due = |row: &sea_orm::QueryResult| {
        Ok(DueTarget {
            tenant: row.try_get("", "tenant")?,
            endpoint: row.try_get("", "endpoint_id")?,
            failing: row.try_get("", "failing")?,
        })
    };
    rows.iter().map(due).collect()
}

/// A delivery that this process sends.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub tenant: String,
    pub endpoint: Uuid,
    pub event: Uuid,
    pub event_type: String,
    /// Where its event is.
    pub position: i64,
    pub item: i64,
    /// Attempts before this one.
    pub attempts: i64,
    pub first_attempt_at: DateTime<Utc>,
    claim: i64,
}

/// Claims deliveries of an endpoint that are due. Of one subject only the oldest is sent, so that
/// its events arrive in order.
pub(crate) async fn claim(
    db: &Db,
    due: &DueTarget,
    limit: usize,
) -> Result<Vec<Claimed>, AppError> {
    let now = db.clock().now();
    let txn = db.transaction().await?;
    let lock = if db.is_postgres() { " FOR UPDATE OF d SKIP LOCKED" } else { "" };
    let select = format!(
        "SELECT event_id, event_type, position, item, attempts, first_attempt_at, claim FROM webhook_deliveries d \
         WHERE tenant = $1 AND endpoint_id = $2 AND state = 'PENDING' AND due_at <= $3 AND NOT EXISTS \
         (SELECT 1 FROM webhook_deliveries e WHERE e.tenant = d.tenant AND e.endpoint_id = d.endpoint_id AND e.subject = d.subject \
         AND e.state = 'PENDING' AND (e.position < d.position OR (e.position = d.position AND e.item < d.item))) \
         ORDER BY position, item LIMIT $4{lock}"
    );
    let limit = i64::try_from(limit).unwrap_or_default();
    let rows = sql::all(
        &txn,
        &select,
        vec![due.tenant.as_str().into(), due.endpoint.into(), now.into(), limit.into()],
    )
    .await?;
    let mut claimed = Vec::new();
    for row in &rows {
        let first: Option<DateTime<Utc>> = row.try_get("", "first_attempt_at")?;
        let this_claimed = Claimed {
            tenant: due.tenant.clone(),
            endpoint: due.endpoint,
            event: row.try_get("", "event_id")?,
            event_type: row.try_get("", "event_type")?,
            position: row.try_get("", "position")?,
            item: row.try_get("", "item")?,
            attempts: row.try_get("", "attempts")?,
            first_attempt_at: first.unwrap_or(now),
            claim: row.try_get::<i64>("", "claim")?.saturating_add(1),
        };
        let update = "UPDATE webhook_deliveries SET claim = $4, due_at = $5, first_attempt_at = $6 \
                      WHERE tenant = $1 AND endpoint_id = $2 AND event_id = $3";
        let mut values = this_claimed.key();
        values.extend([
            this_claimed.claim.into(),
            (now + CLAIM).into(),
            this_claimed.first_attempt_at.into(),
        ]);
        sql::exec(&txn, update, values).await?;
        claimed.push(this_claimed);
    }
    txn.commit().await?;
    Ok(claimed)
}

impl Claimed {
    fn key(&self) -> Vec<sea_orm::Value> {
        vec![self.tenant.as_str().into(), self.endpoint.into(), self.event.into()]
    }

    /// Writes how the attempt went; false if the claim had lapsed.
    pub(crate) async fn finish<C: ConnectionTrait>(
        &self,
        conn: &C,
        outcome: Outcome,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Result<bool, DbErr> {
        let (state, due) = match verdict {
            Verdict::Done => ("DELIVERED", None),
            Verdict::Retry(pause) => ("PENDING", Some(now + pause)),
            Verdict::GiveUp => ("FAILED", None),
        };
        let update = "UPDATE webhook_deliveries SET state = $5, due_at = $6, attempts = attempts + 1, outcome = $7, http_status = $8, \
                      updated_at = $9 WHERE tenant = $1 AND endpoint_id = $2 AND event_id = $3 AND claim = $4 AND state = 'PENDING'";
        let mut values = self.key();
        values.extend([
            self.claim.into(),
            state.into(),
            due.into(),
            outcome.name().into(),
            i64::from(outcome.http_status()).into(),
            now.into(),
        ]);
        Ok(sql::exec(conn, update, values).await? == 1)
    }

    /// Whether anything was delivered to the endpoint since this was first tried.
    pub(crate) async fn others_arrive<C: ConnectionTrait>(&self, conn: &C) -> Result<bool, DbErr> {
        let select = "SELECT 1 AS found FROM webhook_deliveries WHERE tenant = $1 AND endpoint_id = $2 AND state = 'DELIVERED' \
                      AND updated_at > $3 LIMIT 1";
        let values =
            vec![self.tenant.as_str().into(), self.endpoint.into(), self.first_attempt_at.into()];
        Ok(sql::one(conn, select, values).await?.is_some())
    }

    /// Ends a delivery whose event is not kept any more.
    pub(crate) async fn lapse(&self, db: &Db) -> Result<(), AppError> {
        let update = "UPDATE webhook_deliveries SET state = 'FAILED', due_at = NULL, outcome = 'EVENT_DELETED', http_status = 0, updated_at = $5 \
                      WHERE tenant = $1 AND endpoint_id = $2 AND event_id = $3 AND claim = $4 AND state = 'PENDING'";
        let mut values = self.key();
        values.extend([self.claim.into(), db.clock().now().into()]);
        let txn = db.transaction().await?;
        sql::exec(&txn, update, values).await?;
        Ok(txn.commit().await?)
    }
}
