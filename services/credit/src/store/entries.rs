//! Table `draw_entries`: each change of a line's exposure. Rows never change.

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, WriteTx, sql};
use payterms_credit_domain::{Line, draw::Entry};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ConnectionTrait, Value};

/// Appends entries of a line.
///
/// # Errors
/// The database's.
pub async fn append(tx: &WriteTx, line: Id<Line>, entries: &[Entry]) -> Result<(), AppError> {
    if entries.is_empty() {
        return Ok(());
    }
    let (mut rows, mut values): (Vec<String>, Vec<Value>) = (Vec::new(), Vec::new());
    for own in entries {
        let first = values.len();
        rows.push(format!("({})", (1..=10).map(|n| format!("${}", first.saturating_add(n))).collect::<Vec<_>>().join(", ")));
        values.extend::<[Value; 10]>([
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
    let insert = format!(
        "INSERT INTO draw_entries (tenant, line_id, sequence, draw_id, currency, authorized, captured, repaid, bound, at) VALUES {}",
        rows.join(", ")
    );
    sql::exec(tx.conn(), &insert, values).await?;
    Ok(())
}

/// What was authorised, captured and repaid by an instant.
///
/// # Errors
/// The database's.
pub async fn sums_at<C: ConnectionTrait>(conn: &C, tenant: &TenantId, line: &Line, at: DateTime<Utc>) -> Result<[Money; 3], AppError> {
    let select = "SELECT CAST(coalesce(sum(authorized), 0) AS bigint) AS authorized, CAST(coalesce(sum(captured), 0) AS bigint) AS captured, \
                  CAST(coalesce(sum(repaid), 0) AS bigint) AS repaid FROM draw_entries WHERE tenant = $1 AND line_id = $2 AND at <= $3";
    let row = sql::one(conn, select, vec![tenant.as_str().into(), line.id.uuid().into(), at.into()]).await?;
    let row = row.ok_or_else(|| AppError::Fault("no sums came back".to_owned()))?;
    let sum = |column: &str| Ok::<_, AppError>(Money::from_micros(line.currency(), row.try_get("", column)?));
    Ok([sum("authorized")?, sum("captured")?, sum("repaid")?])
}
