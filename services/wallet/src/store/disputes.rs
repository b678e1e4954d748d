//! Table `disputes`.

use super::{money, unknown};
use payterms_chassis::{
    AppError, WriteTx,
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{
    Customer, Dispute, DisputeState, PaymentMethod,
    chargeback::{LotParts, TakenBack},
    dispute::{Disputed, DisputesOfCharge, Outcome},
};
use sea_orm::{
    ActiveValue::Set, IntoSimpleExpr, QueryOrder, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::HashSet;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "disputes")]
/// A row; it is written under the lock of its wallet.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    wallet_id: Uuid,
    method_id: Option<Uuid>,
    top_up_id: Option<Uuid>,
    charge_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    step_id: Option<Uuid>,
    state: String,
    is_final: bool,
    amount: i64,
    currency: String,
    credit: i64,
    tax: i64,
    from_invoices: i64,
    from_surplus: i64,
    reason: String,
    evidence_due: Option<String>,
    told: String,
    note: String,
    provider_charge_id: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    ended_at: Option<ChronoDateTimeUtc>,
    lots: String,
    provider_dispute_id: String,
    unmoved: i64,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn disputed(row: &Model) -> Result<Disputed, AppError> {
    match (row.top_up_id, row.charge_id, row.payment_id, row.step_id) {
        (Some(top_up), ..) => Ok(Disputed::TopUp(Id::from_uuid(top_up))),
        (None, Some(charge), Some(payment), Some(step)) => {
            Ok(Disputed::Charge { charge: Id::from_uuid(charge), payment, step })
        }
        _ => Err(AppError::Fault(format!("dispute {} of nothing", row.id))),
    }
}

fn lots(text: &str, currency: &str) -> Result<LotParts, AppError> {
    let read: Vec<(Uuid, i64)> = serde_json::from_str(text)
        .map_err(|error| AppError::Fault(format!("a dispute: {error}")))?;
    read.into_iter()
        .map(|(lot, micros)| Ok((Id::from_uuid(lot), money(currency, micros)?)))
        .collect()
}

fn lots_text(dispute: &Dispute) -> Result<String, AppError> {
    let parts: Vec<_> =
        dispute.lots.iter().map(|(lot, part)| (lot.uuid(), part.micros())).collect();
    serde_json::to_string(&parts).map_err(|error| AppError::Fault(error.to_string()))
}

fn dispute(row: Model) -> Result<Dispute, AppError> {
    let state = DisputeState::named(&row.state);
    let taken = |micros| money(&row.currency, micros);
    Ok(Dispute {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        wallet: Id::from_uuid(row.wallet_id),
        disputed: disputed(&row)?,
        method: row.method_id.map(Id::from_uuid),
        state: state.ok_or_else(|| unknown("dispute state", &row.state))?,
        is_final: row.is_final,
        taken: TakenBack {
            amount: taken(row.amount)?,
            credit: taken(row.credit)?,
            tax: taken(row.tax)?,
            from_invoices: taken(row.from_invoices)?,
            from_surplus: taken(row.from_surplus)?,
        },
        evidence_due: row.evidence_due.as_deref().and_then(|day| day.parse().ok()),
        told: [Outcome::Won, Outcome::Lost].into_iter().find(|outcome| outcome.name() == row.told),
        provider_reason: row.reason,
        explanation: row.note,
        unmoved: money(&row.currency, row.unmoved)?,
        provider_charge_id: row.provider_charge_id,
        provider_dispute_id: row.provider_dispute_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
        ended_at: row.ended_at,
        lots: lots(&row.lots, &row.currency)?,
    })
}

/// One dispute.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Dispute>,
) -> Result<Option<Dispute>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(dispute).transpose()
}

/// The disputes of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Dispute>],
) -> Result<Vec<Dispute>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(dispute).collect()
}

/// The disputes of the charge with this id at the provider: each but the last was won, so they are
/// few.
pub async fn of_charge<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    charge_id: &str,
) -> Result<DisputesOfCharge, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ProviderChargeId.eq(charge_id));
    let rows = query.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id).all(conn).await?;
    let mut known = rows.into_iter().map(dispute).collect::<Result<Vec<_>, AppError>>()?;
    // Of two of one instant, as on a test clock, the one that was won is the earlier.
    known.sort_by_key(|dispute| (dispute.created_at, dispute.state != DisputeState::Won));
    Ok(DisputesOfCharge(known))
}

/// The open disputes of a customer that may bring their methods back, with these, the oldest first:
/// none of a method that has a lost one.
pub async fn that_may_bring_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<(Id<PaymentMethod>, Id<Dispute>)>, AppError> {
    let standing = [DisputeState::Open.name(), DisputeState::Lost.name()];
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()));
    let query = query
        .filter(Column::State.is_in(standing))
        .order_by_asc(Column::CreatedAt)
        .order_by_asc(Column::Id);
    let rows = query.all(conn).await?;
    let of = |state: DisputeState| rows.iter().filter(move |row| row.state == state.name());
    let lost: HashSet<_> = of(DisputeState::Lost).filter_map(|row| row.method_id).collect();
    let open = of(DisputeState::Open)
        .filter_map(|row| Some((row.method_id.filter(|id| !lost.contains(id))?, row.id)));
    Ok(open.map(|(method, dispute)| (Id::from_uuid(method), Id::from_uuid(dispute))).collect())
}

/// A page of disputes of a customer, or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Dispute>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &compared, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .into_iter()
        .map(dispute)
        .collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "state" => Column::State,
        "final" => Column::IsFinal,
        "customer" => Column::CustomerId,
        "wallet" => Column::WalletId,
        "payment_method" => Column::MethodId,
        "payment" => Column::PaymentId,
        "provider_reason" => Column::Reason,
        "currency" => Column::Currency,
        "amount" => Column::Amount,
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a dispute is in a list of this order.
#[must_use]
pub fn position(dispute: &Dispute, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(dispute.updated_at) } else { Key::Id };
    Position { key, id: dispute.id.uuid() }
}

/// Inserts or updates a dispute.
pub async fn save(tx: &WriteTx, dispute: &Dispute) -> Result<(), AppError> {
    let (top_up, charge) = match dispute.disputed {
        Disputed::TopUp(top_up) => (Some(top_up), None),
        Disputed::Charge { charge, payment, step } => (None, Some((charge, payment, step))),
    };
    let micros = |part: Money| part.micros();
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(dispute.id.uuid()),
        customer_id: Set(dispute.customer.uuid()),
        wallet_id: Set(dispute.wallet.uuid()),
        method_id: Set(dispute.method.map(Id::uuid)),
        top_up_id: Set(top_up.map(Id::uuid)),
        charge_id: Set(charge.map(|(charge, ..)| charge.uuid())),
        payment_id: Set(charge.map(|(_, payment, _)| payment)),
        step_id: Set(charge.map(|(.., step)| step)),
        state: Set(dispute.state.name().to_owned()),
        is_final: Set(dispute.is_final),
        amount: Set(micros(dispute.taken.amount)),
        currency: Set(dispute.taken.amount.currency().code().to_owned()),
        credit: Set(micros(dispute.taken.credit)),
        tax: Set(micros(dispute.taken.tax)),
        from_invoices: Set(micros(dispute.taken.from_invoices)),
        from_surplus: Set(micros(dispute.taken.from_surplus)),
        reason: Set(dispute.provider_reason.clone()),
        evidence_due: Set(dispute.evidence_due.map(|day| day.to_string())),
        told: Set(dispute.told.map(Outcome::name).unwrap_or_default().to_owned()),
        note: Set(dispute.explanation.clone()),
        provider_charge_id: Set(dispute.provider_charge_id.clone()),
        created_at: Set(dispute.created_at),
        updated_at: Set(dispute.updated_at),
        ended_at: Set(dispute.ended_at),
        lots: Set(lots_text(dispute)?),
        provider_dispute_id: Set(dispute.provider_dispute_id.clone()),
        unmoved: Set(micros(dispute.unmoved)),
    };
    let changing = [
        Column::State,
        Column::Credit,
        Column::FromInvoices,
        Column::FromSurplus,
        Column::Told,
        Column::Note,
        Column::UpdatedAt,
        Column::EndedAt,
        Column::Lots,
        Column::Unmoved,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
