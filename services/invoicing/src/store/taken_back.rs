//! Table `taken_back`: what was taken back from customers, for their statements; rows never change.

use super::{currency, date, unknown};
use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::{
    Customer,
    statement::{TakenBack, TakenFor},
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Notes that something was taken back; what is noted of this id already stays as it is.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
    customer: Id<Customer>,
    taken_back: &TakenBack,
) -> Result<(), AppError> {
    let insert = "INSERT INTO taken_back (tenant, id, kind, customer_id, day, amount, currency) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                  ON CONFLICT (tenant, id, kind) DO NOTHING";
    let values = vec![
        tenant.as_str().into(),
        id.into(),
        taken_back.why.name().into(),
        customer.uuid().into(),
        taken_back.on.to_string().into(),
        taken_back.amount.micros().into(),
        taken_back.amount.currency().code().into(),
    ];
    sql::exec(conn, insert, values).await?;
    Ok(())
}

/// What was taken back from a customer in a month, oldest first, by the ids under which it was
/// noted.
pub async fn of_month<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
    limit: u64,
) -> Result<Vec<(Uuid, TakenBack)>, AppError> {
    let select = "SELECT id, kind, day, amount, currency FROM taken_back WHERE tenant = $1 AND customer_id = $2 AND day >= $3 AND day < $4 \
                  ORDER BY day, id, kind LIMIT $5";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
        i64::try_from(limit).unwrap_or(i64::MAX).into(),
    ];
    let one = |row: &sea_orm::QueryResult| {
        let (kind, day, code): (String, String, String) =
            (row.try_get("", "kind")?, row.try_get("", "day")?, row.try_get("", "currency")?);
        let why = TakenFor::named(&kind).ok_or_else(|| unknown("reason", &kind))?;
        let amount = Money::from_micros(currency(&code)?, row.try_get("", "amount")?);
        Ok((
            row.try_get("", "id")?,
            TakenBack { why, on: date(&day)?, amount, invoices: String::new() },
        ))
    };
    let mut found: Vec<(Uuid, TakenBack)> =
        sql::all(conn, select, values).await?.iter().map(one).collect::<Result<_, AppError>>()?;
    // Of one thing on one day: first that it was taken, then that it is there again.
    found.sort_by_key(|(id, taken_back)| {
        (taken_back.on, *id, TakenFor::ALL.iter().position(|why| *why == taken_back.why))
    });
    Ok(found)
}
