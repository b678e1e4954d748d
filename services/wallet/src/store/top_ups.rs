//! Table `top_ups`.

use super::{lots, money, unknown, wallets};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx,
    filter::{Comparison, Operator, Value},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks,
};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet_domain::{Customer, PaymentMethod, TopUp, TopUpState, Wallet, top_up::Source};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use sea_orm::{
    ActiveValue::Set, ExprTrait, IntoSimpleExpr, QuerySelect, entity::prelude::*,
    sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "top_ups")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    wallet_id: Uuid,
    method_id: Uuid,
    source: String,
    state: String,
    amount: i64,
    tax: i64,
    currency: String,
    tax_kind: String,
    tax_rate_millionths: i64,
    tax_version: i64,
    decline_code: String,
    provider_charge_id: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    tax_sentence: String,
    lot_id: Option<Uuid>,
    refunded_credit: i64,
    refunded_tax: i64,
    expires_at: Option<ChronoDateTimeUtc>,
    external_id: Option<String>,
    labels: String,
}

/// Top-ups by their own ids.
pub const NAMED: marks::Named = marks::Named {
    table: "(SELECT t.tenant, t.id, t.external_id, t.wallet_id, w.customer_id FROM top_ups t JOIN wallets w ON w.tenant = t.tenant AND w.id = t.wallet_id) own",
    path: &[("customer_id", "customers"), ("wallet_id", "wallets"), ("id", "topUps")],
};

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn source_name(source: Source) -> &'static str {
    match source {
        Source::Customer => "CUSTOMER",
        Source::AutoRecharge => "AUTO_RECHARGE",
    }
}

fn top_up(row: Model) -> Result<TopUp, AppError> {
    let state = TopUpState::named(&row.state);
    let source = [Source::Customer, Source::AutoRecharge]
        .into_iter()
        .find(|source| source_name(*source) == row.source);
    Ok(TopUp {
        id: Id::from_uuid(row.id),
        wallet: Id::from_uuid(row.wallet_id),
        method: Id::from_uuid(row.method_id),
        lot: row.lot_id.map(Id::from_uuid),
        expires_at: row.expires_at,
        source: source.ok_or_else(|| unknown("source", &row.source))?,
        state: state.ok_or_else(|| unknown("top-up state", &row.state))?,
        amount: money(&row.currency, row.amount)?,
        tax: money(&row.currency, row.tax)?,
        refunded_credit: money(&row.currency, row.refunded_credit)?,
        refunded_tax: money(&row.currency, row.refunded_tax)?,
        tax_kind: lots::tax_kind(&row.tax_kind)?,
        tax_rate: Decimal::new(row.tax_rate_millionths, 6).normalize(),
        tax_version: row.tax_version,
        tax_sentence: row.tax_sentence,
        decline_code: row.decline_code,
        provider_charge_id: row.provider_charge_id,
        marks: marks::stored(row.external_id, &row.labels)?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One top-up.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<TopUp>,
) -> Result<Option<TopUp>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(top_up).transpose()
}

/// The top-up whose charge has this id at the provider.
pub async fn at_provider<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: &str,
) -> Result<Option<TopUp>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ProviderChargeId.eq(id));
    query.one(conn).await?.map(top_up).transpose()
}

/// The top-ups of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<TopUp>],
) -> Result<Vec<TopUp>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    query.all(conn).await?.into_iter().map(top_up).collect()
}

/// A page of top-ups: into a wallet, of a customer, or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    wallet: Option<Id<Wallet>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<TopUp>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(wallet) = wallet {
        query = query.filter(Column::WalletId.eq(wallet.uuid()));
    } else if let Some(customer) = customer {
        query = query
            .filter(Column::WalletId.in_subquery(wallets::of_customer(tenant, customer.uuid())));
    }
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison, tenant))
    };
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .into_iter()
        .map(top_up)
        .collect()
}

fn compared(comparison: &Comparison, tenant: &TenantId) -> Option<Compared> {
    let column = match (comparison.field, &comparison.value) {
        ("customer", Value::Id(customer)) => {
            let expr = Column::WalletId.in_subquery(wallets::of_customer(tenant, *customer));
            return Some(Compared::Whole(if comparison.operator == Operator::Equal {
                expr
            } else {
                expr.not()
            }));
        }
        ("state", _) => Column::State,
        ("source", _) => Column::Source,
        ("wallet", _) => Column::WalletId,
        ("payment_method", _) => Column::MethodId,
        ("currency", _) => Column::Currency,
        ("amount", _) => Column::Amount,
        ("create_time", _) => Column::CreatedAt,
        (UPDATE_TIME, _) => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a top-up is in a list of this order.
#[must_use]
pub fn position(top_up: &TopUp, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(top_up.updated_at) } else { Key::Id };
    Position { key, id: top_up.id.uuid() }
}

/// The amount that auto-recharges of a wallet have charged since an instant, open ones too.
pub async fn recharged_since<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    wallet: &Wallet,
    since: DateTime<Utc>,
) -> Result<Money, AppError> {
    let sum: Option<Option<i64>> = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::WalletId.eq(wallet.id.uuid()))
        .filter(Column::Source.eq(source_name(Source::AutoRecharge)))
        .filter(
            Column::State.is_in(
                [TopUpState::Processing, TopUpState::Succeeded, TopUpState::ChargedBack]
                    .map(TopUpState::name),
            ),
        )
        .filter(Column::CreatedAt.gte(since))
        .select_only()
        .column_as(Column::Amount.sum().cast_as("bigint"), "sum")
        .into_tuple()
        .one(conn)
        .await?;
    Ok(Money::from_micros(wallet.currency, sum.flatten().unwrap_or_default()))
}

/// Whether a top-up of a method is taken back, with or without a dispute.
pub async fn is_any_taken_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    method: Id<PaymentMethod>,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::MethodId.eq(method.uuid()));
    Ok(query.filter(Column::State.eq(TopUpState::ChargedBack.name())).one(conn).await?.is_some())
}

/// Inserts or updates a top-up.
pub async fn save(tx: &WriteTx, top_up: &TopUp) -> Result<(), AppError> {
    let rate = top_up
        .tax_rate
        .checked_mul(Decimal::from(1_000_000))
        .and_then(|rate| rate.to_i64())
        .unwrap_or_default();
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(top_up.id.uuid()),
        wallet_id: Set(top_up.wallet.uuid()),
        method_id: Set(top_up.method.uuid()),
        source: Set(source_name(top_up.source).to_owned()),
        state: Set(top_up.state.name().to_owned()),
        amount: Set(top_up.amount.micros()),
        tax: Set(top_up.tax.micros()),
        currency: Set(top_up.amount.currency().code().to_owned()),
        tax_kind: Set(lots::tax_name(top_up.tax_kind).to_owned()),
        tax_rate_millionths: Set(rate),
        tax_version: Set(top_up.tax_version),
        tax_sentence: Set(top_up.tax_sentence.clone()),
        decline_code: Set(top_up.decline_code.clone()),
        provider_charge_id: Set(top_up.provider_charge_id.clone()),
        created_at: Set(top_up.created_at),
        updated_at: Set(top_up.updated_at),
        lot_id: Set(top_up.lot.map(Id::uuid)),
        refunded_credit: Set(top_up.refunded_credit.micros()),
        refunded_tax: Set(top_up.refunded_tax.micros()),
        expires_at: Set(top_up.expires_at),
        external_id: Set(top_up.marks.external_id.clone()),
        labels: Set(marks::labels_text(&top_up.marks.labels)),
    };
    let changing = [
        Column::State,
        Column::DeclineCode,
        Column::ProviderChargeId,
        Column::UpdatedAt,
        Column::LotId,
        Column::RefundedCredit,
        Column::RefundedTax,
        Column::ExpiresAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
