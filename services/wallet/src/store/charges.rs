//! Table `charges`.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::{Charge, ChargeState, PaymentMethod, chargeback::ChargedBack};
use sea_orm::{ActiveValue::Set, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "charges")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    step_id: Uuid,
    wallet_id: Uuid,
    payment_id: Uuid,
    method_id: Option<Uuid>,
    state: String,
    amount: i64,
    currency: String,
    decline_code: String,
    provider_charge_id: String,
    charged_back: Option<i64>,
    back_from_invoices: Option<i64>,
    back_from_surplus: Option<i64>,
    dispute_id: Option<Uuid>,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn charge(row: Model) -> Result<Charge, AppError> {
    let state = ChargeState::named(&row.state);
    let charged_back = match (row.charged_back, row.back_from_invoices, row.back_from_surplus) {
        (Some(amount), Some(invoices), Some(surplus)) => Some(ChargedBack {
            amount: money(&row.currency, amount)?,
            from_invoices: money(&row.currency, invoices)?,
            from_surplus: money(&row.currency, surplus)?,
            dispute: row.dispute_id,
        }),
        _ => None,
    };
    Ok(Charge {
        id: Id::from_uuid(row.id),
        step: row.step_id,
        wallet: Id::from_uuid(row.wallet_id),
        payment: row.payment_id,
        method: row.method_id.map(Id::from_uuid),
        state: state.ok_or_else(|| unknown("charge state", &row.state))?,
        amount: money(&row.currency, row.amount)?,
        decline_code: row.decline_code,
        provider_charge_id: row.provider_charge_id,
        charged_back,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// Charges of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Charge>],
) -> Result<Vec<Charge>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(charge).collect()
}

/// One charge.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Charge>,
) -> Result<Option<Charge>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(charge).transpose()
}

/// The charge that a step of a payment made.
pub async fn of_step<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    step: Uuid,
) -> Result<Option<Charge>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::StepId.eq(step));
    query.one(conn).await?.map(charge).transpose()
}

/// The charge with this id at the provider.
pub async fn at_provider<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<Charge>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ProviderChargeId.eq(id));
    query.one(conn).await?.map(charge).transpose()
}

/// All charges of a payment.
pub async fn of_payment<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Uuid,
) -> Result<Vec<Charge>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    query.all(conn).await?.into_iter().map(charge).collect()
}

/// Whether a charge of a method is taken back, with or without a dispute.
pub async fn is_any_taken_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    method: Id<PaymentMethod>,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::MethodId.eq(method.uuid()));
    Ok(query.filter(Column::State.eq(ChargeState::ChargedBack.name())).one(conn).await?.is_some())
}

/// Inserts or updates a charge.
pub async fn save(tx: &WriteTx, charge: &Charge) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(charge.id.uuid()),
        step_id: Set(charge.step),
        wallet_id: Set(charge.wallet.uuid()),
        payment_id: Set(charge.payment),
        method_id: Set(charge.method.map(Id::uuid)),
        state: Set(charge.state.name().to_owned()),
        amount: Set(charge.amount.micros()),
        currency: Set(charge.amount.currency().code().to_owned()),
        decline_code: Set(charge.decline_code.clone()),
        provider_charge_id: Set(charge.provider_charge_id.clone()),
        charged_back: Set(charge.charged_back.map(|back| back.amount.micros())),
        back_from_invoices: Set(charge.charged_back.map(|back| back.from_invoices.micros())),
        back_from_surplus: Set(charge.charged_back.map(|back| back.from_surplus.micros())),
        dispute_id: Set(charge.charged_back.and_then(|back| back.dispute)),
        created_at: Set(charge.created_at),
        updated_at: Set(charge.updated_at),
    };
    let changing = [
        Column::State,
        Column::DeclineCode,
        Column::ProviderChargeId,
        Column::ChargedBack,
        Column::BackFromInvoices,
        Column::BackFromSurplus,
        Column::DisputeId,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
