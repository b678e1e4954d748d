//! Table `metered_services`, and the usage of metered services.

use super::{currency, unknown};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx, rows, sql};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Customer, MeteredService, metered::Access};
use rust_decimal::Decimal;
use sea_orm::{ActiveValue::Set, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "metered_services")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    currency: String,
    product: String,
    access: String,
    open_month: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn service(row: Model) -> Result<MeteredService, AppError> {
    let access = Access::named(&row.access);
    Ok(MeteredService {
        id: row.id,
        customer: Id::from_uuid(row.customer_id),
        currency: currency(&row.currency)?,
        product: row.product,
        access: access.ok_or_else(|| unknown("access", &row.access))?,
        open_month: row.open_month.parse().map_err(|_| unknown("month", &row.open_month))?,
    })
}

/// The services of customers that meter these products.
pub async fn of_products<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customers: Vec<Id<Customer>>,
    products: &[&str],
) -> Result<Vec<MeteredService>, AppError> {
    if products.is_empty() {
        return Ok(Vec::new());
    }
    let customers: Vec<_> = customers.into_iter().map(Id::uuid).collect();
    let (among, ids) = rows::among(conn, "customer_id", 2, &customers);
    let select = format!("SELECT * FROM metered_services WHERE tenant = $1 AND {among}");
    let rows =
        Entity::find().from_raw_sql(rows::of_tenant(conn, &select, tenant, ids)).all(conn).await?;
    rows.into_iter().filter(|row| products.contains(&row.product.as_str())).map(service).collect()
}

/// One service.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<MeteredService>, AppError> {
    Entity::find_by_id((tenant.to_string(), id)).one(conn).await?.map(service).transpose()
}

/// Locks one service: an event and the closing of a month may change it at once.
pub async fn lock(tx: &WriteTx, id: Uuid) -> Result<Option<MeteredService>, AppError> {
    Entity::find_by_id((tx.call().tenant.to_string(), id))
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .map(service)
        .transpose()
}

/// Inserts or saves a service.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    service: &MeteredService,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(service.id),
        customer_id: Set(service.customer.uuid()),
        currency: Set(service.currency.code().to_owned()),
        product: Set(service.product.clone()),
        access: Set(service.access.name().to_owned()),
        open_month: Set(service.open_month.to_string()),
    };
    let upsert = OnConflict::columns([Column::Tenant, Column::Id])
        .update_columns([Column::Access, Column::OpenMonth])
        .to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// The usage of a month: quantity by unit price, less what was reversed.
pub async fn used<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    service: &MeteredService,
    month: NaiveDate,
) -> Result<Vec<(Money, Decimal)>, AppError> {
    let select = "SELECT unit_price, CAST(SUM(quantity / 1000000) AS bigint) AS whole, CAST(SUM(quantity % 1000000) AS bigint) AS millionths \
                  FROM (SELECT unit_price, quantity_millionths AS quantity FROM usage_records \
                  WHERE tenant = $1 AND service_id = $2 AND billing_month = $3 UNION ALL \
                  SELECT unit_price, -quantity_millionths FROM reversals WHERE tenant = $1 AND service_id = $2 AND billing_month = $3) AS used \
                  GROUP BY unit_price HAVING SUM(quantity / 1000000) <> 0 OR SUM(quantity % 1000000) <> 0 ORDER BY unit_price";
    let values = vec![tenant.as_str().into(), service.id.into(), month.to_string().into()];
    let rows = sql::all(conn, select, values).await?;
    rows.iter()
        .map(|row| {
            let price = Money::from_micros(service.currency, row.try_get("", "unit_price")?);
            let whole: i64 = row.try_get("", "whole")?;
            let millionths: i64 = row.try_get("", "millionths")?;
            let quantity = Decimal::from(whole).checked_add(Decimal::new(millionths, 6));
            Ok((
                price,
                quantity.ok_or_else(|| AppError::Fault("a month's quantity".into()))?.normalize(),
            ))
        })
        .collect()
}
