//! Table `bank_imports`: a row for each tenant, locked while a file is taken in.

use payterms_chassis::AppError;
use payterms_kernel::TenantId;
use sea_orm::{ActiveValue::Set, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_imports")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    payer_secret: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Locks the tenant's row, which the first import makes, and answers the secret under which payers'
/// accounts are hashed.
pub async fn lock<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<String, AppError> {
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let row = ActiveModel { tenant: Set(tenant.to_string()), payer_secret: Set(secret) };
    let once = OnConflict::column(Column::Tenant).do_nothing().to_owned();
    Entity::insert(row).on_conflict(once).exec_without_returning(conn).await?;
    let found = Entity::find_by_id(tenant.as_str()).lock_exclusive().one(conn).await?;
    Ok(found
        .ok_or_else(|| AppError::Fault("the row of bank imports is missing".to_owned()))?
        .payer_secret)
}

/// The secret under which payers' accounts are hashed; none before the first import.
pub async fn secret<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<String>, AppError> {
    Ok(Entity::find_by_id(tenant.as_str()).one(conn).await?.map(|row| row.payer_secret))
}
