//! What is open of a customer's invoices, top-ups by transfer apart: sums over table `invoices`,
//! made by the database.

use super::{currency, date};
use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::{Customer, Outstanding};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::ConnectionTrait;

/// What is open of a customer's invoices on a day, by currency.
pub async fn of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    today: NaiveDate,
) -> Result<Vec<Outstanding>, AppError> {
    let open = "total - paid - credited - written_off";
    let select = format!(
        "SELECT currency, CAST(sum({open}) AS bigint) AS open, CAST(sum(pending) AS bigint) AS pending, count(*) AS invoices, \
         CAST(sum(CASE WHEN due_date < $3 THEN {open} ELSE 0 END) AS bigint) AS past_due, \
         CAST(sum(CASE WHEN due_date < $3 THEN 1 ELSE 0 END) AS bigint) AS late, min(CASE WHEN due_date >= $3 THEN due_date END) AS next_due \
         FROM invoices WHERE tenant = $1 AND customer_id = $2 AND state = 'OPEN' AND top_up = '' GROUP BY currency ORDER BY currency"
    );
    let rows = sql::all(
        conn,
        &select,
        vec![tenant.as_str().into(), customer.uuid().into(), today.to_string().into()],
    )
    .await?;
    let sums = |row: &sea_orm::QueryResult| {
        let code: String = row.try_get("", "currency")?;
        let currency = currency(&code)?;
        let money = |column: &str| {
            Ok::<_, AppError>(Money::from_micros(currency, row.try_get("", column)?))
        };
        let next_due: Option<String> = row.try_get("", "next_due")?;
        Ok(Outstanding {
            open: money("open")?,
            past_due: money("past_due")?,
            pending: money("pending")?,
            count: row.try_get("", "invoices")?,
            past_due_count: row.try_get("", "late")?,
            next_due: next_due.as_deref().map(date).transpose()?,
        })
    };
    rows.iter().map(sums).collect()
}
