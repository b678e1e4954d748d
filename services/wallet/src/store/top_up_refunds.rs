//! Table `top_up_refunds`.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{TopUp, TopUpRefund, TopUpRefundState};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "top_up_refunds")]
/// A row; it is read and written under the lock of its wallet.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    top_up_id: Uuid,
    wallet_id: Uuid,
    state: String,
    credit: i64,
    tax: i64,
    currency: String,
    explanation: String,
    provider_refund_id: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn refund(row: Model) -> Result<TopUpRefund, AppError> {
    let state = TopUpRefundState::named(&row.state);
    Ok(TopUpRefund {
        id: Id::from_uuid(row.id),
        top_up: Id::from_uuid(row.top_up_id),
        wallet: Id::from_uuid(row.wallet_id),
        state: state.ok_or_else(|| unknown("refund state", &row.state))?,
        credit: money(&row.currency, row.credit)?,
        tax: money(&row.currency, row.tax)?,
        explanation: row.explanation,
        provider_refund_id: row.provider_refund_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One refund.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<TopUpRefund>,
) -> Result<Option<TopUpRefund>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(refund).transpose()
}

/// Whether a refund of a top-up is under way.
pub async fn is_open<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    top_up: Id<TopUp>,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::TopUpId.eq(top_up.uuid()))
        .filter(Column::State.eq(TopUpRefundState::Processing.name()));
    Ok(query.one(conn).await?.is_some())
}

/// The refunds of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<TopUpRefund>],
) -> Result<Vec<TopUpRefund>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(refund).collect()
}

/// Refunds of a top-up below the id `before`, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    top_up: Id<TopUp>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<TopUpRefund>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::TopUpId.eq(top_up.uuid()))
        .filter(Column::Id.lt(before));
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.into_iter().map(refund).collect()
}

/// Inserts or updates a refund.
pub async fn save(tx: &WriteTx, refund: &TopUpRefund) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(refund.id.uuid()),
        top_up_id: Set(refund.top_up.uuid()),
        wallet_id: Set(refund.wallet.uuid()),
        state: Set(refund.state.name().to_owned()),
        credit: Set(refund.credit.micros()),
        tax: Set(refund.tax.micros()),
        currency: Set(refund.credit.currency().code().to_owned()),
        explanation: Set(refund.explanation.clone()),
        provider_refund_id: Set(refund.provider_refund_id.clone()),
        created_at: Set(refund.created_at),
        updated_at: Set(refund.updated_at),
    };
    let changing = [Column::State, Column::ProviderRefundId, Column::UpdatedAt];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
