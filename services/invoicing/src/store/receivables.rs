//! Table `receivables`: each change of what is owed, by day; written once, never changed.

use super::{currency, date, unknown};
use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::{
    Customer, Invoice,
    statement::{Moved, Movement, OpenInvoice},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Notes what has changed of an invoice since it was noted last.
pub async fn post<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
    today: NaiveDate,
) -> Result<(), AppError> {
    let select = "SELECT kind, CAST(SUM(amount) AS bigint) AS amount, COUNT(*) AS places FROM receivables \
                  WHERE tenant = $1 AND invoice_id = $2 GROUP BY kind";
    let rows =
        sql::all(conn, select, vec![tenant.as_str().into(), invoice.id.uuid().into()]).await?;
    let (mut noted, mut place) = (Vec::with_capacity(rows.len()), 0_i64);
    for row in &rows {
        place = place.saturating_add(row.try_get("", "places")?);
        noted.push((row.try_get::<String>("", "kind")?, row.try_get::<i64>("", "amount")?));
    }
    // Nothing came of a purchase of credit: it never was owed.
    if invoice.top_up.is_some() && noted.is_empty() && !invoice.paid.is_positive() {
        return Ok(());
    }
    let before = |movement: Movement| {
        noted.iter().find(|(kind, _)| kind == movement.name()).map_or(0, |(_, amount)| *amount)
    };
    for movement in Movement::ALL {
        let now =
            movement.of(invoice, |movement| Money::from_micros(invoice.currency, before(movement)));
        let moved = now.micros().saturating_sub(before(movement));
        // An invoice over nothing is a document of its month too: its issue is noted once.
        let is_first_issue =
            movement == Movement::Issued && noted.iter().all(|(kind, _)| kind != movement.name());
        if moved == 0 && !is_first_issue {
            continue;
        }
        place = place.saturating_add(1);
        let day = match (movement, &invoice.issue) {
            (Movement::Issued, Some(issue)) if invoice.top_up.is_none() => issue.issue_date,
            _ => today,
        };
        let insert = "INSERT INTO receivables (tenant, invoice_id, place, customer_id, currency, day, kind, amount) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = vec![
            tenant.as_str().into(),
            invoice.id.uuid().into(),
            place.into(),
            invoice.customer.uuid().into(),
            invoice.currency.code().into(),
            day.to_string().into(),
            movement.name().into(),
            moved.into(),
        ];
        sql::exec(conn, insert, values).await?;
    }
    Ok(())
}

/// The next customers after an id who have a movement in a month, or owed something when it began.
pub async fn customers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    first: NaiveDate,
    next: NaiveDate,
    before: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Id<Customer>>, AppError> {
    let select = "SELECT customer_id FROM (SELECT customer_id FROM receivables WHERE tenant = $1 AND day >= $2 AND day < $3 AND customer_id > $5 \
                  UNION SELECT customer_id FROM statements WHERE tenant = $1 AND month = $4 AND closing <> 0 AND customer_id > $5 \
                  UNION SELECT customer_id FROM transfer_refunds WHERE tenant = $1 AND customer_id > $5 \
                  AND ((recorded_on >= $2 AND recorded_on < $3) OR (returned_on >= $2 AND returned_on < $3))) AS due \
                  ORDER BY customer_id LIMIT $6";
    let values = vec![
        tenant.as_str().into(),
        first.to_string().into(),
        next.to_string().into(),
        before.to_string().into(),
        after.into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let rows = sql::all(conn, select, values).await?;
    rows.iter().map(|row| Ok(Id::from_uuid(row.try_get("", "customer_id")?))).collect()
}

/// What a customer's movements of a month come to, by currency.
pub async fn moved<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
) -> Result<Vec<(Currency, Moved)>, AppError> {
    let select = "SELECT currency, kind, CAST(SUM(amount) AS bigint) AS amount FROM receivables \
                  WHERE tenant = $1 AND customer_id = $2 AND day >= $3 AND day < $4 GROUP BY currency, kind ORDER BY currency, kind";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
    ];
    let mut found: Vec<(Currency, Moved)> = Vec::new();
    for row in sql::all(conn, select, values).await? {
        let (code, kind): (String, String) =
            (row.try_get("", "currency")?, row.try_get("", "kind")?);
        let currency = currency(&code)?;
        let amount = Money::from_micros(currency, row.try_get("", "amount")?);
        if found.last().is_none_or(|(each, _)| *each != currency) {
            found.push((currency, Moved::nothing(currency)));
        }
        let movement = Movement::named(&kind).ok_or_else(|| unknown("movement", &kind))?;
        if let Some((_, moved)) = found.last_mut() {
            match movement {
                Movement::Issued => moved.issued = amount,
                Movement::Credited => moved.credited = amount,
                Movement::WrittenOff => moved.written_off = amount,
                Movement::Paid => moved.paid = amount,
            }
        }
    }
    Ok(found)
}

/// The invoices that a customer was billed for in a month, and how much: a purchase of credit when
/// its money came, as far as it did.
pub async fn billed<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
    limit: u64,
) -> Result<Vec<(Id<Invoice>, i64)>, AppError> {
    let select = "SELECT invoice_id, CAST(SUM(amount) AS bigint) AS amount FROM receivables WHERE tenant = $1 AND customer_id = $2 AND day >= $3 AND day < $4 AND kind = 'ISSUED' \
                  GROUP BY invoice_id HAVING SUM(amount) > 0 OR MAX(ABS(amount)) = 0 ORDER BY invoice_id LIMIT $5";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let rows = sql::all(conn, select, values).await?;
    rows.iter()
        .map(|row| Ok((Id::from_uuid(row.try_get("", "invoice_id")?), row.try_get("", "amount")?)))
        .collect()
}

/// What was open of a customer on a day, the oldest due first, as was known when the day began:
/// later movements change nothing of it.
pub async fn open_on<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    day: NaiveDate,
    limit: u64,
) -> Result<Vec<OpenInvoice>, AppError> {
    let select = "SELECT i.id AS id, i.number AS number, i.due_date AS due_date, i.currency AS currency, \
                  CAST(SUM(CASE WHEN r.kind = 'ISSUED' THEN r.amount ELSE -r.amount END) AS bigint) AS open \
                  FROM receivables r JOIN invoices i ON i.tenant = r.tenant AND i.id = r.invoice_id \
                  WHERE r.tenant = $1 AND r.customer_id = $2 AND r.day < $3 \
                  GROUP BY i.id, i.number, i.due_date, i.currency \
                  HAVING SUM(CASE WHEN r.kind = 'ISSUED' THEN r.amount ELSE -r.amount END) > 0 ORDER BY due_date, number LIMIT $4";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        day.to_string().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let open = |row: &sea_orm::QueryResult| {
        let (code, due): (String, String) =
            (row.try_get("", "currency")?, row.try_get("", "due_date")?);
        let (due, open) =
            (date(&due)?, Money::from_micros(currency(&code)?, row.try_get("", "open")?));
        let (id, days) =
            (Id::from_uuid(row.try_get("", "id")?), day.signed_duration_since(due).num_days());
        Ok(OpenInvoice { id, number: row.try_get("", "number")?, due, days, open })
    };
    sql::all(conn, select, values).await?.iter().map(open).collect()
}
