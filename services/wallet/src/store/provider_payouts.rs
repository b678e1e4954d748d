//! Table `provider_payouts`; a row is written by the reconciliation that runs, of which a tenant
//! has one.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::TenantId;
use payterms_wallet_domain::provider_payout::{PayoutState, ProviderPayout};
use sea_orm::{
    ActiveValue::Set, Condition, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_payouts")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    provider: String,
    provider_payout_id: String,
    state: String,
    automatic: bool,
    is_listed: bool,
    amount: i64,
    currency: String,
    arrives_on: String,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn payout(row: Model) -> Result<ProviderPayout, AppError> {
    let state = PayoutState::named(&row.state);
    Ok(ProviderPayout {
        id: row.id,
        provider: row.provider,
        provider_id: row.provider_payout_id,
        state: state.ok_or_else(|| unknown("payout state", &row.state))?,
        automatic: row.automatic,
        is_listed: row.is_listed,
        amount: money(&row.currency, row.amount)?,
        arrives_on: row.arrives_on.parse().map_err(|_| unknown("date", &row.arrives_on))?,
        created_at: row.created_at,
    })
}

/// One payout.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<ProviderPayout>, AppError> {
    Entity::find_by_id((tenant.to_string(), id)).one(conn).await?.map(payout).transpose()
}

/// Payouts, newest first, after one.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Option<(ChronoDateTimeUtc, Uuid)>,
    limit: u64,
) -> Result<Vec<ProviderPayout>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some((at, id)) = after {
        let same = Condition::all().add(Column::CreatedAt.eq(at)).add(Column::Id.lt(id));
        query = query.filter(Condition::any().add(Column::CreatedAt.lt(at)).add(same));
    }
    let query = query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id);
    query.limit(limit).all(conn).await?.into_iter().map(payout).collect()
}

/// Inserts or updates a payout.
pub async fn save(tx: &WriteTx, payout: &ProviderPayout) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(payout.id),
        provider: Set(payout.provider.clone()),
        provider_payout_id: Set(payout.provider_id.clone()),
        state: Set(payout.state.name().to_owned()),
        automatic: Set(payout.automatic),
        is_listed: Set(payout.is_listed),
        amount: Set(payout.amount.micros()),
        currency: Set(payout.amount.currency().code().to_owned()),
        arrives_on: Set(payout.arrives_on.to_string()),
        created_at: Set(payout.created_at),
    };
    let changing = [Column::State, Column::IsListed, Column::Amount, Column::ArrivesOn];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
