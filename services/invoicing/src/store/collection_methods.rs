//! Table `collection_methods`: until when the wallet can charge a customer without a person
//! present. Who has no row has no such method.

use super::date;
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx, sql};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, TenantId};
use sea_orm::ConnectionTrait;

/// The last day of a method that does not expire.
#[must_use]
pub fn without_end() -> NaiveDate {
    NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or_default()
}

/// Notes the last day on which a customer's method can be charged; `None`: there is none.
pub async fn save(
    tx: &WriteTx,
    customer: Id<Customer>,
    last_day: Option<NaiveDate>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.as_str();
    let Some(last_day) = last_day else {
        let delete = "DELETE FROM collection_methods WHERE tenant = $1 AND customer_id = $2";
        sql::exec(tx.conn(), delete, vec![tenant.into(), customer.uuid().into()]).await?;
        return Ok(());
    };
    let upsert = "INSERT INTO collection_methods (tenant, customer_id, last_day) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant, customer_id) DO UPDATE SET last_day = excluded.last_day";
    sql::exec(
        tx.conn(),
        upsert,
        vec![tenant.into(), customer.uuid().into(), last_day.to_string().into()],
    )
    .await?;
    Ok(())
}

/// Whether a customer can be charged on a day without a person present, as far as is known.
pub async fn is_usable<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    on: NaiveDate,
) -> Result<bool, AppError> {
    let select = "SELECT last_day FROM collection_methods WHERE tenant = $1 AND customer_id = $2";
    let Some(row) =
        sql::one(conn, select, vec![tenant.as_str().into(), customer.uuid().into()]).await?
    else {
        return Ok(false);
    };
    let last_day: String = row.try_get("", "last_day")?;
    Ok(on <= date(&last_day)?)
}
