//! Table `customers`: copies of invoicing's customers.

use payterms_chassis::AppError;
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Customer, customer::Tax};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use sea_orm::{ActiveValue::Set, Iterable, entity::prelude::*, sea_query::OnConflict};

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
    has_legal_name: bool,
    has_billing_address: bool,
    has_billing_email: bool,
    tax_rate_millionths: Option<i64>,
    tax_sentence: String,
    tax_version: i64,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The copy of a customer; `None` if none has arrived yet.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Customer>,
) -> Result<Option<Customer>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(row.map(|row| Customer {
        id,
        country: row.country,
        tier: row.tier,
        has_legal_name: row.has_legal_name,
        has_billing_address: row.has_billing_address,
        has_billing_email: row.has_billing_email,
        tax: row.tax_rate_millionths.map(|rate| Tax {
            rate_percent: Decimal::new(rate, 6).normalize(),
            sentence: row.tax_sentence,
            version: row.tax_version,
        }),
    }))
}

/// Saves the copy of a customer.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: &Customer,
) -> Result<(), AppError> {
    let rate = |tax: &Tax| {
        tax.rate_percent.checked_mul(Decimal::from(1_000_000)).and_then(|rate| rate.to_i64())
    };
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(customer.id.uuid()),
        country: Set(customer.country.clone()),
        tier: Set(customer.tier.clone()),
        has_legal_name: Set(customer.has_legal_name),
        has_billing_address: Set(customer.has_billing_address),
        has_billing_email: Set(customer.has_billing_email),
        tax_rate_millionths: Set(customer.tax.as_ref().and_then(rate)),
        tax_sentence: Set(customer
            .tax
            .as_ref()
            .map(|tax| tax.sentence.clone())
            .unwrap_or_default()),
        tax_version: Set(customer.tax.as_ref().map_or(0, |tax| tax.version)),
    };
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::Id));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
