//! Table `method_setups`.

use super::{methods, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{MethodSetup, method_setup::SetupState};
use sea_orm::{ActiveValue::Set, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "method_setups")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    kind: String,
    state: String,
    provider: String,
    provider_setup_id: String,
    hosted_url: String,
    method_id: Option<Uuid>,
    failure_reason: String,
    expires_at: ChronoDateTimeUtc,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn setup(row: Model) -> Result<MethodSetup, AppError> {
    let state = SetupState::named(&row.state);
    Ok(MethodSetup {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        kind: methods::kind(&row.kind)?,
        state: state.ok_or_else(|| unknown("set-up state", &row.state))?,
        provider: row.provider,
        provider_setup_id: row.provider_setup_id,
        hosted_url: row.hosted_url,
        method: row.method_id.map(Id::from_uuid),
        failure_reason: row.failure_reason,
        expires_at: row.expires_at,
        created_at: row.created_at,
    })
}

/// One set-up.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<MethodSetup>,
) -> Result<Option<MethodSetup>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(setup).transpose()
}

/// Locks one set-up.
pub async fn lock(tx: &WriteTx, id: Id<MethodSetup>) -> Result<Option<MethodSetup>, AppError> {
    Entity::find_by_id((tx.call().tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(tx.conn())
        .await?
        .map(setup)
        .transpose()
}

/// The set-up with this id at the provider.
pub async fn at_provider<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    provider: &str,
    provider_setup_id: &str,
) -> Result<Option<MethodSetup>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Provider.eq(provider))
        .filter(Column::ProviderSetupId.eq(provider_setup_id));
    query.one(conn).await?.map(setup).transpose()
}

/// Inserts or updates a set-up.
pub async fn save(tx: &WriteTx, setup: &MethodSetup) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(setup.id.uuid()),
        customer_id: Set(setup.customer.uuid()),
        kind: Set(setup.kind.name().to_owned()),
        state: Set(setup.state.name().to_owned()),
        provider: Set(setup.provider.clone()),
        provider_setup_id: Set(setup.provider_setup_id.clone()),
        hosted_url: Set(setup.hosted_url.clone()),
        method_id: Set(setup.method.map(Id::uuid)),
        failure_reason: Set(setup.failure_reason.clone()),
        expires_at: Set(setup.expires_at),
        created_at: Set(setup.created_at),
    };
    let changing = [
        Column::State,
        Column::ProviderSetupId,
        Column::HostedUrl,
        Column::MethodId,
        Column::FailureReason,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
