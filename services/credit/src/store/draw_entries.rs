//! Table `draw_entries`: each change of a line's exposure. Rows never change.

use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    rows::{self, Kind, Rows},
    sql,
};
use payterms_credit_domain::{Line, draw::Entry};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::ConnectionTrait;

const COLUMNS: [rows::Column; 10] = [
    ("tenant", Kind::Tenant),
    ("line_id", Kind::Id),
    ("sequence", Kind::Number),
    ("draw_id", Kind::Id),
    ("currency", Kind::Text),
    ("authorized", Kind::Number),
    ("captured", Kind::Number),
    ("repaid", Kind::Number),
    ("bound", Kind::Number),
    ("at", Kind::Time),
];

/// Appends entries of lines.
pub async fn append(tx: &WriteTx, entries: &[(Id<Line>, Entry)]) -> Result<(), AppError> {
    let mut rows = Rows::new(COLUMNS);
    for (line, own) in entries {
        rows.push([
            tx.call().tenant.as_str().into(),
            line.uuid().into(),
            own.sequence.into(),
            own.draw.uuid().into(),
            own.captured.currency().code().into(),
            own.authorized.micros().into(),
            own.captured.micros().into(),
            own.repaid.micros().into(),
            own.bound.micros().into(),
            own.at.into(),
        ]);
    }
    rows.insert(tx.conn(), "draw_entries", "").await?;
    Ok(())
}

/// What was authorised, captured and repaid by an instant.
pub async fn sums_at<C: ConnectionTrait>(conn: &C, tenant: &TenantId, line: &Line, at: DateTime<Utc>) -> Result<[Money; 3], AppError> {
    let select = "SELECT CAST(coalesce(sum(authorized), 0) AS bigint) AS authorized, CAST(coalesce(sum(captured), 0) AS bigint) AS captured, \
                  CAST(coalesce(sum(repaid), 0) AS bigint) AS repaid FROM draw_entries WHERE tenant = $1 AND line_id = $2 AND at <= $3";
    let row = sql::one(conn, select, vec![tenant.as_str().into(), line.id.uuid().into(), at.into()]).await?;
    let row = row.ok_or_else(|| AppError::Fault("no sums came back".to_owned()))?;
    let sum = |column: &str| Ok::<_, AppError>(Money::from_micros(line.currency(), row.try_get("", column)?));
    Ok([sum("authorized")?, sum("captured")?, sum("repaid")?])
}
