//! Table `disputes`: those of the wallet, as far as they are taken in.

use super::{currency, unknown};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    Customer, Invoice,
    chargeback::Reversed,
    dispute::{Applied, Dispute},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "disputes")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    applied: String,
    parts: String,
    surplus: i64,
    currency: String,
    #[sea_orm(column_name = "told")]
    event: Vec<u8>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The most open disputes of a customer that are looked at.
const MOST_OPEN: u64 = 500;

fn parts(text: &str, currency: Currency) -> Result<Vec<(Id<Invoice>, Money)>, AppError> {
    let read: Vec<(Uuid, i64)> = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("a dispute: {error}")))?;
    Ok(read
        .into_iter()
        .map(|(invoice, micros)| (Id::from_uuid(invoice), Money::from_micros(currency, micros)))
        .collect())
}

fn dispute(row: Model) -> Result<Dispute, AppError> {
    let applied = Applied::named(&row.applied);
    let currency = currency(&row.currency)?;
    Ok(Dispute {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        applied: applied.ok_or_else(|| unknown("step of a dispute", &row.applied))?,
        reversed: Reversed {
            parts: parts(&row.parts, currency)?,
            surplus: (row.surplus > 0).then(|| Money::from_micros(currency, row.surplus)),
        },
        event: row.event,
    })
}

/// A dispute, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Dispute>,
) -> Result<Option<Dispute>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(dispute)
        .transpose()
}

/// The open disputes of a customer that invoices are open because of, the oldest first.
pub async fn open_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Dispute>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()));
    let query = query
        .filter(Column::Applied.eq(Applied::Opened.name()))
        .order_by_asc(Column::Id)
        .limit(MOST_OPEN);
    query.all(conn).await?.into_iter().map(dispute).collect()
}

/// The disputes of a customer, decided or not, the newest first.
pub async fn of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    limit: u64,
) -> Result<Vec<Dispute>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()));
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.into_iter().map(dispute).collect()
}

/// Inserts or updates a dispute.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    dispute: &Dispute,
    currency: Currency,
) -> Result<(), AppError> {
    let parts: Vec<_> = dispute
        .reversed
        .parts
        .iter()
        .map(|(invoice, part)| (invoice.uuid(), part.micros()))
        .collect();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(dispute.id.uuid()),
        customer_id: Set(dispute.customer.uuid()),
        applied: Set(dispute.applied.name().to_owned()),
        parts: Set(
            serde_json::to_string(&parts).map_err(|error| AppError::Fault(error.to_string()))?
        ),
        surplus: Set(dispute.reversed.surplus.map_or(0, Money::micros)),
        currency: Set(currency.code().to_owned()),
        event: Set(dispute.event.clone()),
    };
    let changing = [Column::Applied, Column::Parts, Column::Surplus, Column::Event];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
