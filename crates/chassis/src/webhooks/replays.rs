//! Sends the events of a span again: reads the outbox from its beginning to where the endpoint
//! stood when this was asked for, a part at a time, and makes or resets the deliveries of what was
//! recorded within the span.

use crate::{
    db::sql,
    webhooks::{
        fan_out::{Deliveries, FanOut, OutboxRow, ROWS, has_room},
        targets,
    },
    wire::error::AppError,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Spans in one pass.
const REPLAYS: i64 = 100;

/// Makes what spans ask for. Returns whether there is more to make at once.
pub(super) async fn run_once(fan_out: &FanOut) -> Result<bool, AppError> {
    let select = format!(
        "SELECT r.tenant, r.endpoint_id, r.id FROM webhook_replays r JOIN webhook_targets t ON t.tenant = r.tenant \
         AND t.endpoint_id = r.endpoint_id WHERE {} LIMIT {REPLAYS}",
        targets::IS_SERVED
    );
    let mut more = false;
    for row in sql::all(fan_out.db.system(), &select, vec![]).await? {
        let (tenant, endpoint, id): (String, Uuid, Uuid) =
            (row.try_get("", "tenant")?, row.try_get("", "endpoint_id")?, row.try_get("", "id")?);
        more |= replay(fan_out, &tenant, endpoint, id).await?;
    }
    Ok(more)
}

async fn replay(
    fan_out: &FanOut,
    tenant: &str,
    endpoint: Uuid,
    id: Uuid,
) -> Result<bool, AppError> {
    let txn = fan_out.db.transaction().await?;
    let lock = if fan_out.db.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
    let Some(target) = targets::find(&txn, (tenant, endpoint), lock).await? else {
        return Ok(false);
    };
    let key = || vec![tenant.into(), endpoint.into(), id.into()];
    let select = "SELECT position, through, since, until FROM webhook_replays WHERE tenant = $1 AND endpoint_id = $2 AND id = $3";
    let Some(span) = sql::one(&txn, select, key()).await? else { return Ok(false) };
    if !has_room(&txn, &target).await? {
        return Ok(false);
    }
    let (position, through): (i64, i64) =
        (span.try_get("", "position")?, span.try_get("", "through")?);
    let (since, until): (DateTime<Utc>, DateTime<Utc>) =
        (span.try_get("", "since")?, span.try_get("", "until")?);
    let select = format!(
        "SELECT {}, snapshot, recorded_at FROM outbox WHERE tenant = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT {ROWS}",
        OutboxRow::COLUMNS
    );
    let rows =
        sql::all(&txn, &select, vec![tenant.into(), position.into(), through.into()]).await?;
    let (mut deliveries, mut last) = (Deliveries::new(&target, fan_out.db.clock().now()), through);
    for row in &rows {
        let (is_snapshot, recorded): (bool, DateTime<Utc>) =
            (row.try_get("", "snapshot")?, row.try_get("", "recorded_at")?);
        let row = OutboxRow::read(row, tenant)?;
        last = row.position;
        if !is_snapshot && (since..until).contains(&recorded) && fan_out.types.contains(&row.kind) {
            deliveries.add(&row);
        }
    }
    let more = i64::try_from(rows.len()) == Ok(ROWS);
    deliveries.insert_or_reset(&txn).await?;
    if more {
        let update = "UPDATE webhook_replays SET position = $4 WHERE tenant = $1 AND endpoint_id = $2 AND id = $3";
        let mut values = key();
        values.push(last.into());
        sql::exec(&txn, update, values).await?;
    } else {
        sql::exec(
            &txn,
            "DELETE FROM webhook_replays WHERE tenant = $1 AND endpoint_id = $2 AND id = $3",
            key(),
        )
        .await?;
    }
    txn.commit().await?;
    Ok(more)
}
