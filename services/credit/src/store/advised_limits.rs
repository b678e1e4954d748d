//! Table `advised_limits`.

use super::json::{of_json, to_json};
use payterms_chassis::{
    AppError,
    columns::{money, unknown},
};
use payterms_credit_domain::{AdvisedLimit, AdvisedState, Customer, Line};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "advised_limits")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    line_id: Uuid,
    customer_id: Uuid,
    application_id: Uuid,
    applicant: String,
    state: String,
    currency: String,
    offered: i64,
    advised: i64,
    granted: Option<i64>,
    reasons: String,
    explanation: String,
    decider: String,
    expires_at: ChronoDateTimeUtc,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn advised_limit(row: &Model) -> Result<AdvisedLimit, AppError> {
    let state = AdvisedState::named(&row.state);
    Ok(AdvisedLimit {
        id: Id::from_uuid(row.id),
        line: Id::from_uuid(row.line_id),
        customer: Id::from_uuid(row.customer_id),
        application: row.application_id,
        applicant: row.applicant.clone(),
        state: state.ok_or_else(|| unknown("state of an advised limit", &row.state))?,
        offered: money(&row.currency, row.offered)?,
        advised: money(&row.currency, row.advised)?,
        granted: row.granted.map(|micros| money(&row.currency, micros)).transpose()?,
        reasons: of_json(&row.reasons, "the reasons of an advised limit")?,
        explanation: row.explanation.clone(),
        decider: row.decider.clone(),
        expires_at: row.expires_at,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One advised limit.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<AdvisedLimit>,
) -> Result<Option<AdvisedLimit>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .one(conn)
        .await?
        .as_ref()
        .map(advised_limit)
        .transpose()
}

/// Advised limits by their ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<AdvisedLimit>],
) -> Result<Vec<AdvisedLimit>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    query.all(conn).await?.iter().map(advised_limit).collect()
}

/// One advised limit, its row locked; its line is locked before it.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<AdvisedLimit>,
) -> Result<Option<AdvisedLimit>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .as_ref()
        .map(advised_limit)
        .transpose()
}

/// The open one of a line that is locked, its row locked.
pub async fn lock_open<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: Id<Line>,
) -> Result<Option<AdvisedLimit>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::LineId.eq(line.uuid()));
    let query = query.filter(Column::State.eq(AdvisedState::Open.name()));
    query.lock_exclusive().one(conn).await?.as_ref().map(advised_limit).transpose()
}

/// Advised limits below an id, newest first: of a customer or of all, in one of these states or in
/// any.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    states: &[AdvisedState],
    before: Uuid,
    limit: u64,
) -> Result<Vec<AdvisedLimit>, AppError> {
    let mut query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if !states.is_empty() {
        query = query.filter(Column::State.is_in(states.iter().map(|state| state.name())));
    }
    query
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .iter()
        .map(advised_limit)
        .collect()
}

/// Inserts an advised limit or saves its changes.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    advised_limit: &AdvisedLimit,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(advised_limit.id.uuid()),
        line_id: Set(advised_limit.line.uuid()),
        customer_id: Set(advised_limit.customer.uuid()),
        application_id: Set(advised_limit.application),
        applicant: Set(advised_limit.applicant.clone()),
        state: Set(advised_limit.state.name().to_owned()),
        currency: Set(advised_limit.advised.currency().code().to_owned()),
        offered: Set(advised_limit.offered.micros()),
        advised: Set(advised_limit.advised.micros()),
        granted: Set(advised_limit.granted.map(Money::micros)),
        reasons: Set(to_json(&advised_limit.reasons)?),
        explanation: Set(advised_limit.explanation.clone()),
        decider: Set(advised_limit.decider.clone()),
        expires_at: Set(advised_limit.expires_at),
        version: Set(advised_limit.version),
        created_at: Set(advised_limit.created_at),
        updated_at: Set(advised_limit.updated_at),
    };
    let changing = [
        Column::State,
        Column::Granted,
        Column::Reasons,
        Column::Explanation,
        Column::Decider,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
