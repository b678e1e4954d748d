//! Table `refunds`: refunds of payments of invoices.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_wallet_domain::{Charge, Refund, RefundState};
use sea_orm::{
    ActiveValue::Set,
    ExprTrait, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    step_id: Uuid,
    wallet_id: Uuid,
    payment_id: Uuid,
    charge_id: Option<Uuid>,
    state: String,
    amount: i64,
    unmoved: i64,
    currency: String,
    provider_refund_id: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn refund(row: Model) -> Result<Refund, AppError> {
    let state = RefundState::named(&row.state);
    Ok(Refund {
        id: Id::from_uuid(row.id),
        step: row.step_id,
        wallet: Id::from_uuid(row.wallet_id),
        payment: row.payment_id,
        charge: row.charge_id.map(Id::from_uuid),
        state: state.ok_or_else(|| unknown("refund state", &row.state))?,
        amount: money(&row.currency, row.amount)?,
        unmoved: money(&row.currency, row.unmoved)?,
        provider_refund_id: row.provider_refund_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One refund.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Refund>,
) -> Result<Option<Refund>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(refund).transpose()
}

/// The refund that a step made.
pub async fn of_step<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    step: Uuid,
) -> Result<Option<Refund>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::StepId.eq(step));
    query.one(conn).await?.map(refund).transpose()
}

/// The sum of a payment's refunds, open ones too: of one of its charges, or of its credit.
pub async fn sum_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
    charge: Option<Id<Charge>>,
    currency: Currency,
) -> Result<Money, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    let query = match charge {
        Some(charge) => query.filter(Column::ChargeId.eq(charge.uuid())),
        None => query.filter(Column::ChargeId.is_null()),
    };
    let sum: Option<Option<i64>> = query
        .select_only()
        .column_as(Column::Amount.sum().cast_as("bigint"), "sum")
        .into_tuple()
        .one(conn)
        .await?;
    Ok(Money::from_micros(currency, sum.flatten().unwrap_or_default()))
}

/// The sum of the parts of a charge's refunds that nobody moved, because the issuer had taken the
/// charge back before.
pub async fn unmoved_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    charge: Id<Charge>,
    currency: Currency,
) -> Result<Money, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ChargeId.eq(charge.uuid()));
    let sum: Option<Option<i64>> = query
        .select_only()
        .column_as(Column::Unmoved.sum().cast_as("bigint"), "sum")
        .into_tuple()
        .one(conn)
        .await?;
    Ok(Money::from_micros(currency, sum.flatten().unwrap_or_default()))
}

/// Notes that these parts have become credit, so that another dispute of the charge does not make
/// them credit again.
pub async fn credit_unmoved(tx: &WriteTx, charge: Id<Charge>) -> Result<(), AppError> {
    let update = Entity::update_many()
        .col_expr(Column::Unmoved, Expr::value(0_i64))
        .col_expr(Column::State, Expr::value(RefundState::Credited.name()))
        .col_expr(Column::UpdatedAt, Expr::value(tx.now()))
        .filter(Column::Tenant.eq(tx.call().tenant.as_str()))
        .filter(Column::ChargeId.eq(charge.uuid()))
        .filter(Column::Unmoved.gt(0));
    update.exec(tx.conn()).await?;
    Ok(())
}

/// Inserts or updates a refund.
pub async fn save(tx: &WriteTx, refund: &Refund) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(refund.id.uuid()),
        step_id: Set(refund.step),
        wallet_id: Set(refund.wallet.uuid()),
        payment_id: Set(refund.payment),
        charge_id: Set(refund.charge.map(Id::uuid)),
        state: Set(refund.state.name().to_owned()),
        amount: Set(refund.amount.micros()),
        unmoved: Set(refund.unmoved.micros()),
        currency: Set(refund.amount.currency().code().to_owned()),
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
