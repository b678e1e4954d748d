//! Which lots had paid the use that a closing sent to an invoice: a refund of that invoice gives
//! their credit back.

use super::{accruals::Closing, lots, money};
use chrono::{DateTime, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_chassis::{AppError, sql};
use payterms_kernel::{Money, TenantId, calendar::start_of_day};
use payterms_wallet_domain::Lot;
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// The most lots of which credit is given back; what others had paid goes to the earliest of these.
const MOST_LOTS: u64 = 1_000;

/// The entries that a closing went over: those of its month and before, up to its last one, but for
/// those of the closing before.
struct Span {
    last: i64,
    until: DateTime<Utc>,
    last_before: i64,
    until_before: DateTime<Utc>,
}

/// When a month ended whose closing does not say it: one from before that was kept.
fn month_after(zone: Tz, month: NaiveDate) -> DateTime<Utc> {
    start_of_day(zone, month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX))
}

/// The span of a closing; `None` where it, or the one before it, was made before last entries were
/// kept.
async fn span<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    zone: Tz,
    closing: &Closing,
) -> Result<Option<Span>, AppError> {
    let Some(last) = closing.last_sequence else { return Ok(None) };
    let select = "SELECT month, last_sequence, ended_at FROM month_closings WHERE tenant = $1 AND wallet_id = $2 AND id <> $3 \
                  AND (COALESCE(last_sequence, -1) < $4 OR (last_sequence = $4 AND month < $5)) \
                  ORDER BY COALESCE(last_sequence, -1) DESC, month DESC LIMIT 1";
    let values = vec![
        tenant.as_str().into(),
        closing.wallet.uuid().into(),
        closing.id.into(),
        last.into(),
        closing.month.to_string().into(),
    ];
    let until = closing.ended_at.unwrap_or_else(|| month_after(zone, closing.month));
    let Some(row) = sql::one(conn, select, values).await? else {
        return Ok(Some(Span { last, until, last_before: 0, until_before: DateTime::UNIX_EPOCH }));
    };
    let Some(last_before) = row.try_get::<Option<i64>>("", "last_sequence")? else {
        return Ok(None);
    };
    let month: String = row.try_get("", "month")?;
    let month = month.parse().map_err(|_| super::unknown("month", &month))?;
    let ended_at: Option<DateTime<Utc>> = row.try_get("", "ended_at")?;
    Ok(Some(Span {
        last,
        until,
        last_before,
        until_before: ended_at.unwrap_or_else(|| month_after(zone, month)),
    }))
}

/// What deposits had paid of a closing, by lot, in the order of their last use, less what was
/// reversed; `None` where that was not kept yet when it was closed.
pub async fn deposits_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    zone: Tz,
    closing: &Closing,
) -> Result<Option<Vec<(Lot, Money)>>, AppError> {
    let Some(Span { last, until, last_before, until_before }) =
        span(conn, tenant, zone, closing).await?
    else {
        return Ok(None);
    };
    // An entry of a later month stands after all closings of that month's beginning, which spares
    // the entries before those.
    let select = format!(
        "SELECT e.lot_id, e.currency, CAST(SUM(-e.amount - COALESCE(r.amount, 0)) AS bigint) AS taken FROM entries e \
         JOIN transfers t ON t.tenant = e.tenant AND t.id = e.transfer_id JOIN lots l ON l.tenant = e.tenant AND l.id = e.lot_id \
         LEFT JOIN (SELECT p.taken_by, p.from_lot_id, SUM(p.amount) AS amount FROM reversals o JOIN reversal_parts p \
         ON p.tenant = o.tenant AND p.reversal_id = o.id WHERE o.tenant = $1 AND o.wallet_id = $2 GROUP BY p.taken_by, p.from_lot_id) r \
         ON r.taken_by = e.transfer_id AND r.from_lot_id = e.lot_id \
         WHERE e.tenant = $1 AND e.wallet_id = $2 AND e.sequence <= $3 AND e.recorded_at < $4 \
         AND e.sequence > (SELECT COALESCE(MAX(c.last_sequence), 0) FROM month_closings c WHERE c.tenant = $1 AND c.wallet_id = $2 \
         AND c.created_at < $6) AND NOT (e.sequence <= $5 AND e.recorded_at < $6) AND l.tax_kind = 'DEPOSIT' \
         AND (t.kind IN ('DEBIT', 'CAPTURE', 'USAGE', 'FEE') OR (t.kind IN ('OWED_SETTLEMENT', 'RETURN_SETTLEMENT') AND EXISTS (SELECT 1 FROM entries s \
         WHERE s.tenant = e.tenant AND s.transfer_id = e.transfer_id AND s.account = 'INVOICE_SETTLEMENT'))) \
         GROUP BY e.lot_id, e.currency ORDER BY MAX(e.sequence) DESC LIMIT {MOST_LOTS}"
    );
    let values = vec![
        tenant.as_str().into(),
        closing.wallet.uuid().into(),
        last.into(),
        until.into(),
        last_before.into(),
        until_before.into(),
    ];
    let rows = sql::all(conn, &select, values).await?;
    let ids =
        rows.iter().map(|row| row.try_get::<Uuid>("", "lot_id")).collect::<Result<Vec<_>, _>>()?;
    let mut found = lots::find_many(conn, tenant, ids.iter().copied()).await?;
    let mut taken = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids).rev() {
        let amount = money(&row.try_get::<String>("", "currency")?, row.try_get("", "taken")?)?;
        if let Some(lot) = found.remove(&id).filter(|_| amount.is_positive()) {
            taken.push((lot, amount));
        }
    }
    Ok(Some(taken))
}
