//! Tables `programmes` and `invitations`.

use payterms_chassis::{
    AppError,
    columns::{money, term, term_columns, unknown},
    sql,
};
use payterms_credit_domain::{Customer, Programme, ProgrammeState};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ActiveValue::Set, Iterable, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "programmes")]
/// A row. Countries have a blank between, tiers a line break.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    title: String,
    state: String,
    currency: String,
    cap: i64,
    term_kind: String,
    term_days: i64,
    countries: String,
    tiers: String,
    invitation_only: bool,
    cool_down_days: i64,
    plans_allowed: bool,
    draws_during_plans: bool,
    policy_id: Uuid,
    offer_days: i64,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn programme(row: Model) -> Result<Programme, AppError> {
    let state = ProgrammeState::named(&row.state);
    let small = |number: i64| u32::try_from(number).unwrap_or_default();
    let cap = money(&row.currency, row.cap)?;
    Ok(Programme {
        id: Id::from_uuid(row.id),
        title: row.title,
        state: state.ok_or_else(|| unknown("programme state", &row.state))?,
        currency: cap.currency(),
        cap,
        term: term(&row.term_kind, row.term_days)?,
        countries: row.countries.split_whitespace().map(str::to_owned).collect(),
        tiers: row.tiers.lines().map(str::to_owned).collect(),
        invitation_only: row.invitation_only,
        cool_down_days: small(row.cool_down_days),
        plans_allowed: row.plans_allowed,
        draws_during_plans: row.draws_during_plans,
        policy: Id::from_uuid(row.policy_id),
        offer_days: small(row.offer_days),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One programme.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Programme>,
) -> Result<Option<Programme>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(programme).transpose()
}

/// Programmes by their ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Programme>],
) -> Result<Vec<Programme>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    query.all(conn).await?.into_iter().map(programme).collect()
}

/// One programme, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Programme>,
) -> Result<Option<Programme>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(programme)
        .transpose()
}

/// Programmes below an id, newest first; only open ones where that is asked.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    before: Uuid,
    open: bool,
    limit: u64,
) -> Result<Vec<Programme>, AppError> {
    let mut query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if open {
        query = query.filter(Column::State.eq(ProgrammeState::Open.name()));
    }
    query
        .order_by_desc(Column::Id)
        .limit(limit)
        .all(conn)
        .await?
        .into_iter()
        .map(programme)
        .collect()
}

/// Inserts a programme or saves its changes.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    this_programme: &Programme,
) -> Result<(), AppError> {
    let (term_kind, term_days) = term_columns(this_programme.term);
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(this_programme.id.uuid()),
        title: Set(this_programme.title.clone()),
        state: Set(this_programme.state.name().to_owned()),
        currency: Set(this_programme.currency.code().to_owned()),
        cap: Set(this_programme.cap.micros()),
        term_kind: Set(term_kind.to_owned()),
        term_days: Set(term_days),
        countries: Set(this_programme.countries.join(" ")),
        tiers: Set(this_programme.tiers.join("\n")),
        invitation_only: Set(this_programme.invitation_only),
        cool_down_days: Set(this_programme.cool_down_days.into()),
        plans_allowed: Set(this_programme.plans_allowed),
        draws_during_plans: Set(this_programme.draws_during_plans),
        policy_id: Set(this_programme.policy.uuid()),
        offer_days: Set(this_programme.offer_days.into()),
        version: Set(this_programme.version),
        created_at: Set(this_programme.created_at),
        updated_at: Set(this_programme.updated_at),
    };
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::Id));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Invites a customer, or takes that back.
pub async fn invite<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    programme: Id<Programme>,
    customer: Id<Customer>,
    invited: bool,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO invitations (tenant, programme_id, customer_id, invited) VALUES ($1, $2, $3, $4) \
                  ON CONFLICT (tenant, programme_id, customer_id) DO UPDATE SET invited = excluded.invited";
    sql::exec(
        conn,
        upsert,
        vec![
            tenant.as_str().into(),
            programme.uuid().into(),
            customer.uuid().into(),
            invited.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The programmes that a customer is invited to.
pub async fn invited<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Vec<Id<Programme>>, AppError> {
    let select =
        "SELECT programme_id FROM invitations WHERE tenant = $1 AND customer_id = $2 AND invited";
    let rows = sql::all(conn, select, vec![tenant.as_str().into(), customer.uuid().into()]).await?;
    rows.iter().map(|row| Ok(Id::from_uuid(row.try_get("", "programme_id")?))).collect()
}
