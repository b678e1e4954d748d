//! Table `provider_differences`; a row is written under the lock of the tenant's settings.

use super::{money, unknown};
use payterms_chassis::{AppError, WriteTx};
use payterms_kernel::TenantId;
use payterms_wallet_domain::{
    DisputeState,
    provider_difference::{DifferenceState, Finding, Place, ProviderDifference, RecordKind, Side},
};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, QueryTrait, entity::prelude::*,
    sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "provider_differences")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    provider: String,
    kind: String,
    provider_record_id: String,
    provider_charge_id: String,
    provider_amount: Option<i64>,
    provider_currency: String,
    provider_outcome: String,
    ledger_amount: Option<i64>,
    ledger_currency: String,
    ledger_outcome: String,
    step_id: Option<Uuid>,
    settles_itself: bool,
    state: String,
    explanation: String,
    settled_by: String,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn side(amount: Option<i64>, currency: &str, outcome: &str) -> Result<Option<Side>, AppError> {
    let Some(micros) = amount else { return Ok(None) };
    Ok(Some(Side { amount: money(currency, micros)?, outcome: DisputeState::named(outcome) }))
}

fn difference(row: Model) -> Result<ProviderDifference, AppError> {
    let kind = RecordKind::named(&row.kind);
    let state = DifferenceState::named(&row.state);
    let kind = kind.ok_or_else(|| unknown("record", &row.kind))?;
    Ok(ProviderDifference {
        id: row.id,
        provider: row.provider,
        finding: Finding {
            place: Place { kind, id: row.provider_record_id, charge: row.provider_charge_id },
            at_provider: side(row.provider_amount, &row.provider_currency, &row.provider_outcome)?,
            in_ledger: side(row.ledger_amount, &row.ledger_currency, &row.ledger_outcome)?,
        },
        step: row.step_id,
        settles_itself: row.settles_itself,
        state: state.ok_or_else(|| unknown("difference state", &row.state))?,
        explanation: row.explanation,
        settled_by: row.settled_by,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One difference.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<ProviderDifference>, AppError> {
    Entity::find_by_id((tenant.to_string(), id)).one(conn).await?.map(difference).transpose()
}

/// Differences above the id `after`, by their ids.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    state: Option<DifferenceState>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<ProviderDifference>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.gt(after))
        .apply_if(state, |query, state| query.filter(Column::State.eq(state.name())));
    query
        .order_by_asc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(difference)
        .collect()
}

/// Inserts or updates a difference.
pub async fn save(tx: &WriteTx, provider_difference: &ProviderDifference) -> Result<(), AppError> {
    let Finding { place, at_provider, in_ledger } = &provider_difference.finding;
    let amount = |side: &Option<Side>| side.map(|side| side.amount.micros());
    let currency = |side: &Option<Side>| {
        side.map(|side| side.amount.currency().code().to_owned()).unwrap_or_default()
    };
    let outcome = |side: &Option<Side>| {
        side.and_then(|side| side.outcome).map(DisputeState::name).unwrap_or_default().to_owned()
    };
    let row = ActiveModel {
        tenant: Set(tx.call().tenant.to_string()),
        id: Set(provider_difference.id),
        provider: Set(provider_difference.provider.clone()),
        kind: Set(place.kind.name().to_owned()),
        provider_record_id: Set(place.id.clone()),
        provider_charge_id: Set(place.charge.clone()),
        provider_amount: Set(amount(at_provider)),
        provider_currency: Set(currency(at_provider)),
        provider_outcome: Set(outcome(at_provider)),
        ledger_amount: Set(amount(in_ledger)),
        ledger_currency: Set(currency(in_ledger)),
        ledger_outcome: Set(outcome(in_ledger)),
        step_id: Set(provider_difference.step),
        settles_itself: Set(provider_difference.settles_itself),
        state: Set(provider_difference.state.name().to_owned()),
        explanation: Set(provider_difference.explanation.clone()),
        settled_by: Set(provider_difference.settled_by.clone()),
        created_at: Set(provider_difference.created_at),
        updated_at: Set(provider_difference.updated_at),
    };
    let changing = [
        Column::ProviderAmount,
        Column::ProviderCurrency,
        Column::ProviderOutcome,
        Column::LedgerAmount,
        Column::LedgerCurrency,
        Column::LedgerOutcome,
        Column::SettlesItself,
        Column::State,
        Column::Explanation,
        Column::SettledBy,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
