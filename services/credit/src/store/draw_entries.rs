//! Table `draw_entries`: each change of a line's exposure. Rows never change.

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, rows::Rows, sql};
use payterms_credit_domain::{Line, draw::Entry};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

payterms_chassis::table! {
    /// A row.
    row "draw_entries"
    key { line_id: Uuid, sequence: i64, }
    fixed {
        draw_id: Uuid,
        currency: String,
        authorized: i64,
        captured: i64,
        repaid: i64,
        bound: i64,
        at: DateTime<Utc>,
    }
    changing {}
}

/// Appends entries of lines.
pub async fn append(tx: &WriteTx, entries: &[(Id<Line>, Entry)]) -> Result<(), AppError> {
    let mut rows = Rows::new(Row::COLUMNS);
    for (line, entry) in entries {
        let row = Row {
            tenant: tx.call().tenant.to_string(),
            line_id: line.uuid(),
            sequence: entry.sequence,
            draw_id: entry.draw.uuid(),
            currency: entry.captured.currency().code().to_owned(),
            authorized: entry.authorized.micros(),
            captured: entry.captured.micros(),
            repaid: entry.repaid.micros(),
            bound: entry.bound.micros(),
            at: entry.at,
        };
        rows.push(row.inserted());
    }
    rows.insert(tx.conn(), Row::TABLE, "").await?;
    Ok(())
}

/// What was authorised, captured and repaid by an instant.
pub async fn sums_at<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: &Line,
    at: DateTime<Utc>,
) -> Result<[Money; 3], AppError> {
    let select = "SELECT CAST(coalesce(sum(authorized), 0) AS bigint) AS authorized, CAST(coalesce(sum(captured), 0) AS bigint) AS captured, \
                  CAST(coalesce(sum(repaid), 0) AS bigint) AS repaid FROM draw_entries WHERE tenant = $1 AND line_id = $2 AND at <= $3";
    let row =
        sql::one(conn, select, vec![tenant.as_str().into(), line.id.uuid().into(), at.into()])
            .await?;
    let row = row.ok_or_else(|| AppError::Fault("no sums came back".to_owned()))?;
    let sum = |column: &str| {
        Ok::<_, AppError>(Money::from_micros(line.currency(), row.try_get("", column)?))
    };
    Ok([sum("authorized")?, sum("captured")?, sum("repaid")?])
}
