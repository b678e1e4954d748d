//! What customers owe by how long it is past due: sums that the database makes, customer by
//! customer.
//!
//! What is open now is in table `invoices`. What was open on a past day is the sum of what was
//! noted until then in `receivables`, which is never changed.

use super::currency;
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    keyset::{Key, Position},
    sql,
};
use payterms_invoicing_domain::{
    Customer,
    ageing::{Ageing, Bucket},
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ConnectionTrait, QueryResult, Value};

/// Which invoices are summed up.
#[derive(Debug, Clone, Copy)]
pub struct Aged {
    /// Only those of this customer.
    pub customer: Option<Id<Customer>>,
    /// The day by which they are past due.
    pub day: NaiveDate,
    /// Whether what was open on that day counts, instead of what is open now.
    pub then: bool,
}

/// What is open of each invoice now.
const NOW: &str = "SELECT customer_id, currency, due_date, total - paid - credited - written_off AS open FROM invoices \
                   WHERE tenant = $1 AND state IN ('OPEN', 'UNCOLLECTIBLE') AND top_up = ''";

/// A value of a statement; answers its placeholder.
fn bind(values: &mut Vec<Value>, value: impl Into<Value>) -> String {
    values.push(value.into());
    format!("${}", values.len())
}

/// What was open of each invoice at the end of a day: what was noted of it until then.
fn open_then(day: &str, text: &str) -> String {
    format!(
        "SELECT r.customer_id, r.currency, i.due_date, r.open FROM (SELECT customer_id, currency, invoice_id, \
         CAST(sum(CASE WHEN kind = 'ISSUED' THEN amount ELSE -amount END) AS bigint) AS open FROM receivables \
         WHERE tenant = $1 AND day <= {day}{text} GROUP BY customer_id, currency, invoice_id) AS r \
         JOIN invoices i ON i.tenant = $1 AND i.id = r.invoice_id WHERE i.top_up = ''"
    )
}

/// The sum of a bucket.
fn sum_of(bucket: Bucket, day: NaiveDate, values: &mut Vec<Value>) -> String {
    let (first, last) = bucket.due_dates(day);
    let bounds =
        [(">=", first), ("<=", last)].into_iter().filter_map(|(sign, date)| Some((sign, date?)));
    let conditions: Vec<_> = bounds
        .map(|(sign, date)| format!("due_date {sign} {}", bind(values, date.to_string())))
        .collect();
    format!(
        "CAST(sum(CASE WHEN {} THEN open ELSE 0 END) AS bigint) AS {}",
        conditions.join(" AND "),
        column(bucket)
    )
}

fn column(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Current => "not_due",
        Bucket::To30 => "to_30",
        Bucket::To60 => "to_60",
        Bucket::To90 => "to_90",
        Bucket::Over90 => "over_90",
    }
}

/// A page of what customers owe, in the order of customers and currencies.
pub async fn page<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    aged: Aged,
    after: Option<Position>,
    limit: u64,
) -> Result<Vec<Ageing>, AppError> {
    let mut values: Vec<Value> = vec![tenant.as_str().into()];
    let sums: Vec<_> =
        Bucket::ALL.into_iter().map(|bucket| sum_of(bucket, aged.day, &mut values)).collect();
    let mut text = aged
        .customer
        .map(|id| format!(" AND customer_id = {}", bind(&mut values, id.uuid())))
        .unwrap_or_default();
    match after {
        None => {}
        Some(Position { key: Key::Text(code), id }) => {
            let (id, code) = (bind(&mut values, id), bind(&mut values, code));
            text = format!("{text} AND (customer_id, currency) > ({id}, {code})");
        }
        Some(position) => return Err(AppError::Fault(format!("ageing after {position:?}"))),
    }
    let rows = if aged.then {
        open_then(&bind(&mut values, aged.day.to_string()), &text)
    } else {
        format!("{NOW}{text}")
    };
    let limit = bind(&mut values, i64::try_from(limit).unwrap_or(i64::MAX));
    let select = format!(
        "SELECT customer_id, currency, count(*) AS invoices, {} FROM ({rows}) AS owed WHERE open <> 0 \
         GROUP BY customer_id, currency ORDER BY customer_id, currency LIMIT {limit}",
        sums.join(", ")
    );
    sql::all(conn, &select, values).await?.iter().map(ageing).collect()
}

fn ageing(row: &QueryResult) -> Result<Ageing, AppError> {
    let code: String = row.try_get("", "currency")?;
    let currency = currency(&code)?;
    let mut buckets = [Money::zero(currency); 5];
    for (sum, bucket) in buckets.iter_mut().zip(Bucket::ALL) {
        *sum = Money::from_micros(currency, row.try_get("", column(bucket))?);
    }
    let customer = Id::from_uuid(row.try_get("", "customer_id")?);
    Ok(Ageing { customer, currency, buckets, invoice_count: row.try_get("", "invoices")? })
}

/// Where a row is in the list.
#[must_use]
pub fn position(ageing: &Ageing) -> Position {
    Position { key: Key::Text(ageing.currency.code().to_owned()), id: ageing.customer.uuid() }
}
