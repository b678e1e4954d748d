//! Table `usage_external_ids`: the tenant's own ids of uses. It has a row for a use that has one
//! and nothing for any other, so that recording those costs nothing more.

use super::unknown;
use crate::commands::wallets::wallet_name;
use payterms_chassis::{
    AppError,
    filter::{Comparison, Operator, Value},
    rows::{self, Kind, Rows},
};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, UsageRecord, Wallet};
use sea_orm::{ConnectionTrait, ExprTrait, sea_query::Expr};
use std::collections::HashMap;
use uuid::Uuid;

/// Own ids in one statement.
const AT_ONCE: usize = 500;

/// A use that has an own id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedUse {
    /// Whose it is.
    pub customer: Id<Customer>,
    /// Its name.
    pub name: String,
}

impl MarkedUse {
    /// A use of a wallet.
    #[must_use]
    pub fn of(
        tenant: &TenantId,
        customer: Id<Customer>,
        wallet: Id<Wallet>,
        record: Id<UsageRecord>,
    ) -> Self {
        Self {
            customer,
            name: format!("{}/usageRecords/{record}", wallet_name(tenant, customer, wallet)),
        }
    }
}

/// The uses that have these own ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[String],
) -> Result<HashMap<String, MarkedUse>, AppError> {
    let mut found = HashMap::new();
    for some in ids.chunks(AT_ONCE) {
        let marks: Vec<_> = (2..).zip(some).map(|(n, _)| format!("${n}")).collect();
        let select = format!(
            "SELECT u.external_id, u.record_id, u.wallet_id, w.customer_id FROM usage_external_ids u JOIN wallets w ON w.tenant = u.tenant \
             AND w.id = u.wallet_id WHERE u.tenant = $1 AND u.external_id IN ({})",
            marks.join(", ")
        );
        let values = some.iter().map(|id| id.as_str().into()).collect();
        for row in conn.query_all_raw(rows::of_tenant(conn, &select, tenant, values)).await? {
            let id = |column: &str| row.try_get::<Uuid>("", column);
            let (customer, wallet, record) =
                (id("customer_id")?, id("wallet_id")?, id("record_id")?);
            let marked_use = MarkedUse::of(
                tenant,
                Id::from_uuid(customer),
                Id::from_uuid(wallet),
                Id::from_uuid(record),
            );
            found.insert(row.try_get("", "external_id")?, marked_use);
        }
    }
    Ok(found)
}

/// Inserts the own ids of those records that have one.
pub async fn insert_many<'a, C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    records: impl Iterator<Item = (Id<Wallet>, &'a UsageRecord)>,
) -> Result<(), AppError> {
    let columns = [
        ("tenant", Kind::Tenant),
        ("external_id", Kind::Text),
        ("wallet_id", Kind::Id),
        ("record_id", Kind::Id),
    ];
    let mut rows = Rows::new(columns);
    for (wallet, record) in records {
        if let Some(external_id) = &record.external_id {
            rows.push([
                tenant.as_str().into(),
                external_id.as_str().into(),
                wallet.uuid().into(),
                record.id.uuid().into(),
            ]);
        }
    }
    rows.insert(conn, "usage_external_ids", "").await?;
    Ok(())
}

/// Gives records the own ids that they have.
pub async fn fill<'a, C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    records: impl Iterator<Item = &'a mut UsageRecord>,
) -> Result<(), AppError> {
    let mut records: HashMap<_, _> = records.map(|record| (record.id.uuid(), record)).collect();
    if records.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = records.keys().copied().collect();
    let (among, values) = rows::among(conn, "record_id", 2, &ids);
    let select = format!(
        "SELECT record_id, external_id FROM usage_external_ids WHERE tenant = $1 AND {among}"
    );
    for row in conn.query_all_raw(rows::of_tenant(conn, &select, tenant, values)).await? {
        if let Some(record) = records.get_mut(&row.try_get::<Uuid>("", "record_id")?) {
            record.external_id = row.try_get("", "external_id")?;
        }
    }
    Ok(())
}

/// The condition that a record's own id compares so, where the record's id is `id`.
pub fn compared(tenant: &TenantId, id: Expr, comparison: &Comparison) -> Result<Expr, AppError> {
    let Value::Text(external_id) = &comparison.value else {
        return Err(unknown("filter", comparison.field));
    };
    let records = sea_orm::sea_query::Query::select()
        .expr(Expr::cust("record_id"))
        .from("usage_external_ids")
        .and_where(Expr::cust("tenant").eq(tenant.as_str()))
        .and_where(Expr::cust("external_id").eq(external_id.as_str()))
        .to_owned();
    let among = id.in_subquery(records);
    Ok(if comparison.operator == Operator::Equal { among } else { among.not() })
}
