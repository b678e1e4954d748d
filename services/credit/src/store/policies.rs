//! Table `policies`.

use super::json::{of_json, to_json};
use payterms_chassis::{
    AppError,
    columns::{currency, unknown},
    sql,
};
use payterms_credit_domain::{
    Policy, PolicyState,
    policy::{Case, Terms},
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "policies")]
/// A row. Terms and cases are JSON, whole numbers alone.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    title: String,
    state: String,
    currency: String,
    number: i64,
    terms: String,
    cases: String,
    version: i64,
    created_at: ChronoDateTimeUtc,
    published_at: Option<ChronoDateTimeUtc>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn policy(row: &Model) -> Result<Policy, AppError> {
    let state = PolicyState::named(&row.state);
    Ok(Policy {
        id: Id::from_uuid(row.id),
        title: row.title.clone(),
        state: state.ok_or_else(|| unknown("policy state", &row.state))?,
        currency: currency(&row.currency)?,
        number: row.number,
        terms: of_json::<Terms>(&row.terms, "a policy's terms")?,
        cases: of_json::<Vec<Case>>(&row.cases, "a policy's cases")?,
        version: row.version,
        created_at: row.created_at,
        published_at: row.published_at,
    })
}

/// One policy.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Policy>,
) -> Result<Option<Policy>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .one(conn)
        .await?
        .as_ref()
        .map(policy)
        .transpose()
}

/// One policy, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Policy>,
) -> Result<Option<Policy>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .as_ref()
        .map(policy)
        .transpose()
}

/// Policies below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Policy>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.iter().map(policy).collect()
}

/// The number of the tenant's last publication.
pub async fn last_number<C: ConnectionTrait>(conn: &C, tenant: &TenantId) -> Result<i64, AppError> {
    let select = "SELECT coalesce(max(number), 0) AS number FROM policies WHERE tenant = $1";
    let row = sql::one(conn, select, vec![tenant.as_str().into()]).await?;
    Ok(row.map(|row| row.try_get("", "number")).transpose()?.unwrap_or_default())
}

/// Inserts a policy or saves its changes.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    policy: &Policy,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(policy.id.uuid()),
        title: Set(policy.title.clone()),
        state: Set(policy.state.name().to_owned()),
        currency: Set(policy.currency.code().to_owned()),
        number: Set(policy.number),
        terms: Set(to_json(&policy.terms)?),
        cases: Set(to_json(&policy.cases)?),
        version: Set(policy.version),
        created_at: Set(policy.created_at),
        published_at: Set(policy.published_at),
    };
    let changing = [
        Column::Title,
        Column::State,
        Column::Number,
        Column::Terms,
        Column::Cases,
        Column::Version,
        Column::PublishedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
