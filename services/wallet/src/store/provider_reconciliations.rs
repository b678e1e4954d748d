//! Table `provider_reconciliations`; a row is written under the lock of the tenant's settings.

use super::unknown;
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::TenantId;
use payterms_wallet_domain::reconciliation::{
    Listed, Period, ProviderReconciliation, ReconciliationState,
};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_reconciliations")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    provider: String,
    state: String,
    from_at: ChronoDateTimeUtc,
    to_at: ChronoDateTimeUtc,
    nightly: bool,
    charges: i64,
    refunds: i64,
    disputes: i64,
    payouts: i64,
    differences: i64,
    created_at: ChronoDateTimeUtc,
    ended_at: Option<ChronoDateTimeUtc>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn reconciliation(row: Model) -> Result<ProviderReconciliation, AppError> {
    let state = ReconciliationState::named(&row.state);
    Ok(ProviderReconciliation {
        id: row.id,
        provider: row.provider,
        state: state.ok_or_else(|| unknown("reconciliation state", &row.state))?,
        period: Period { from: row.from_at, to: row.to_at },
        nightly: row.nightly,
        listed: Listed {
            charges: row.charges,
            refunds: row.refunds,
            disputes: row.disputes,
            payouts: row.payouts,
        },
        differences: row.differences,
        created_at: row.created_at,
        ended_at: row.ended_at,
    })
}

/// One reconciliation.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<ProviderReconciliation>, AppError> {
    Entity::find_by_id((tenant.to_string(), id)).one(conn).await?.map(reconciliation).transpose()
}

/// The one that is running.
pub async fn running<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<ProviderReconciliation>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(ReconciliationState::Running.name()));
    query.one(conn).await?.map(reconciliation).transpose()
}

/// The last of a night.
pub async fn last_of_night<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<Option<ProviderReconciliation>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Nightly.eq(true));
    query.order_by_desc(Column::ToAt).one(conn).await?.map(reconciliation).transpose()
}

/// Reconciliations below the id `before`, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<ProviderReconciliation>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    query
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(reconciliation)
        .collect()
}

/// Inserts or updates a reconciliation.
pub async fn save(tx: &WriteTx, reconciliation: &ProviderReconciliation) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(reconciliation.id),
        provider: Set(reconciliation.provider.clone()),
        state: Set(reconciliation.state.name().to_owned()),
        from_at: Set(reconciliation.period.from),
        to_at: Set(reconciliation.period.to),
        nightly: Set(reconciliation.nightly),
        charges: Set(reconciliation.listed.charges),
        refunds: Set(reconciliation.listed.refunds),
        disputes: Set(reconciliation.listed.disputes),
        payouts: Set(reconciliation.listed.payouts),
        differences: Set(reconciliation.differences),
        created_at: Set(reconciliation.created_at),
        ended_at: Set(reconciliation.ended_at),
    };
    let changing = [
        Column::State,
        Column::Charges,
        Column::Refunds,
        Column::Disputes,
        Column::Payouts,
        Column::Differences,
        Column::EndedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
