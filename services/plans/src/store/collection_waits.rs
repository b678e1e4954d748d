//! Table `collection_waits`: the day from which anything is collected of a customer, where a
//! dispute has taken the only method (docs/domain/plans.md#waits-for-dispute).

use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx, columns::date, sql};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::Customer;
use sea_orm::ConnectionTrait;
use std::collections::HashMap;
use uuid::Uuid;

/// The days of some customers.
pub async fn of_customers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, NaiveDate>, AppError> {
    let select = "SELECT from_day FROM collection_waits WHERE tenant = $1 AND customer_id = $2";
    let mut days = HashMap::new();
    for customer in customers {
        if days.contains_key(customer) {
            continue;
        }
        if let Some(row) =
            sql::one(conn, select, vec![tenant.as_str().into(), (*customer).into()]).await?
        {
            let day: String = row.try_get("", "from_day")?;
            days.insert(*customer, date(&day)?);
        }
    }
    Ok(days)
}

/// Notes a customer's day.
pub async fn save(tx: &WriteTx, customer: Id<Customer>, from: NaiveDate) -> Result<(), AppError> {
    let upsert = "INSERT INTO collection_waits (tenant, customer_id, from_day) VALUES ($1, $2, $3) \
                  ON CONFLICT (tenant, customer_id) DO UPDATE SET from_day = excluded.from_day";
    sql::exec(
        tx.conn(),
        upsert,
        vec![tx.call().tenant.as_str().into(), customer.uuid().into(), from.to_string().into()],
    )
    .await?;
    Ok(())
}
