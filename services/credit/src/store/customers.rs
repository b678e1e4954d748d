//! Tables `customers` and `planned_invoices`: copies, from events of invoicing.

use payterms_chassis::{AppError, rows, sql};
use payterms_credit_domain::{Customer, Invoice, purchase::Buyer};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ActiveValue::Set, Iterable, entity::prelude::*, sea_query::OnConflict};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    country: String,
    tier: String,
    has_tax_id: bool,
    lacking: String,
    name_key: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The copy of a customer; none where credit has not heard of it.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Customer>,
) -> Result<Option<Customer>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(row.map(|row| Customer { id, country: row.country, tier: row.tier }))
}

/// What decides on the invoices of customers, as far as credit has heard of them.
pub async fn buyers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Customer>],
) -> Result<HashMap<Id<Customer>, Buyer>, AppError> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, values) = rows::among(conn, "id", 2, &ids);
    let select = format!("SELECT * FROM customers WHERE tenant = $1 AND {among}");
    let query = Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, values));
    let buyer = |row: Model| {
        let lacking = row.lacking.split_whitespace().map(str::to_owned).collect();
        (Id::from_uuid(row.id), Buyer { country: row.country, has_tax_id: row.has_tax_id, lacking })
    };
    Ok(query.all(conn).await?.into_iter().map(buyer).collect())
}

/// What a customer's legal name is compared by; empty where it is not known.
pub async fn name_key<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Customer>,
) -> Result<String, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(row.map(|row| row.name_key).unwrap_or_default())
}

/// Saves the copy of a customer, with what its legal name is compared by.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: &Customer,
    buyer: &Buyer,
    name_key: String,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(customer.id.uuid()),
        country: Set(customer.country.clone()),
        tier: Set(customer.tier.clone()),
        has_tax_id: Set(buyer.has_tax_id),
        lacking: Set(buyer.lacking.join(" ")),
        name_key: Set(name_key),
    };
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::Id));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Saves which payment plan an invoice of a customer is in.
pub async fn save_planned<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    invoice: Id<Invoice>,
    plan: Option<&str>,
) -> Result<(), AppError> {
    let key = vec![tenant.as_str().into(), customer.uuid().into(), invoice.uuid().into()];
    if let Some(plan) = plan {
        let upsert = "INSERT INTO planned_invoices (tenant, customer_id, invoice_id, plan) VALUES ($1, $2, $3, $4) \
                      ON CONFLICT (tenant, customer_id, invoice_id) DO UPDATE SET plan = excluded.plan";
        sql::exec(conn, upsert, [key, vec![plan.into()]].concat()).await?;
    } else {
        sql::exec(conn, "DELETE FROM planned_invoices WHERE tenant = $1 AND customer_id = $2 AND invoice_id = $3", key).await?;
    }
    Ok(())
}

/// An invoice in a payment plan, and the plan's name.
pub type Planned = (Id<Invoice>, String);

/// Of each of these customers the first invoice that is in a payment plan, if there is one.
pub async fn planned<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Customer>],
) -> Result<HashMap<Id<Customer>, Planned>, AppError> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, values) = rows::among(conn, "customer_id", 2, &ids);
    let select = format!(
        "SELECT customer_id, invoice_id, plan FROM planned_invoices WHERE tenant = $1 AND {among} ORDER BY invoice_id"
    );
    let mut first = HashMap::new();
    for row in conn.query_all_raw(rows::of_tenant(conn, &select, tenant, values)).await? {
        let planned = (Id::from_uuid(row.try_get("", "invoice_id")?), row.try_get("", "plan")?);
        first.entry(Id::from_uuid(row.try_get("", "customer_id")?)).or_insert(planned);
    }
    Ok(first)
}
