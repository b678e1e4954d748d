//! Table `applications`.

use super::json::{of_json, to_json};
use payterms_chassis::{
    AppError,
    columns::{money, unknown},
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks, sql,
};
use payterms_credit_domain::{
    Application, ApplicationState, Customer, decision::PrincipalReason, programme::Programme,
};
use payterms_kernel::{Currency, Id, TenantId};
use sea_orm::{
    ActiveValue::Set, IntoSimpleExpr, Iterable, QueryResult, QuerySelect, entity::prelude::*,
    sea_query::OnConflict,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "applications")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    programme_id: Uuid,
    applicant: String,
    state: String,
    open: bool,
    files: i64,
    attachments: i64,
    decisions: i64,
    reviewer: String,
    currency: String,
    granted: Option<i64>,
    reasons: String,
    explanation: String,
    line_id: Option<Uuid>,
    reapply_at: Option<ChronoDateTimeUtc>,
    expires_at: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    external_id: Option<String>,
    labels: String,
}

/// Applications by their own ids.
pub const NAMED: marks::Named = marks::Named {
    table: "applications",
    path: &[("customer_id", "customers"), ("id", "creditApplications")],
};

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn application(row: &Model) -> Result<Application, AppError> {
    let state = ApplicationState::named(&row.state);
    Ok(Application {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        programme: Id::from_uuid(row.programme_id),
        applicant: row.applicant.clone(),
        state: state.ok_or_else(|| unknown("application state", &row.state))?,
        files: usize::try_from(row.files).unwrap_or_default(),
        attachments: usize::try_from(row.attachments).unwrap_or_default(),
        decisions: row.decisions,
        reviewer: row.reviewer.clone(),
        limit: row.granted.map(|micros| money(&row.currency, micros)).transpose()?,
        reasons: of_json::<Vec<PrincipalReason>>(&row.reasons, "an application's reasons")?,
        explanation: row.explanation.clone(),
        line: row.line_id,
        reapply_at: row.reapply_at,
        expires_at: row.expires_at,
        information_requested: false,
        marks: marks::stored(row.external_id.clone(), &row.labels)?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One application.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
) -> Result<Option<Application>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .one(conn)
        .await?
        .as_ref()
        .map(application)
        .transpose()
}

/// One application, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Application>,
) -> Result<Option<Application>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .as_ref()
        .map(application)
        .transpose()
}

/// A page of applications after a position: of a customer or of all, in one of these states or in
/// any.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    states: &[ApplicationState],
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Application>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if !states.is_empty() {
        query = query.filter(Column::State.is_in(states.iter().map(|state| state.name())));
    }
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison))
    };
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .iter()
        .map(application)
        .collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "state" => Column::State,
        "customer" => Column::CustomerId,
        "programme" => Column::ProgrammeId,
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where an application is in a list of this order.
#[must_use]
pub fn position(application: &Application, order: Order) -> Position {
    let key =
        if order.field == UPDATE_TIME { Key::Instant(application.updated_at) } else { Key::Id };
    Position { key, id: application.id.uuid() }
}

/// The open applications of a customer, by currency, and until when a cool-down of a programme
/// runs.
pub async fn standing<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<(Vec<(Id<Application>, String)>, Vec<(Id<Programme>, ChronoDateTimeUtc)>), AppError> {
    let select =
        "SELECT id, currency FROM applications WHERE tenant = $1 AND customer_id = $2 AND open";
    let values = || vec![tenant.as_str().into(), customer.uuid().into()];
    let rows = sql::all(conn, select, values()).await?;
    let open = rows
        .iter()
        .map(|row| Ok((Id::from_uuid(row.try_get("", "id")?), row.try_get("", "currency")?)));
    let open = open.collect::<Result<Vec<_>, DbErr>>()?;
    let select = "SELECT programme_id, max(reapply_at) AS until FROM applications WHERE tenant = $1 AND customer_id = $2 \
                  AND reapply_at IS NOT NULL GROUP BY programme_id";
    let rows = sql::all(conn, select, values()).await?;
    let until = |row: &QueryResult| {
        Ok((Id::from_uuid(row.try_get("", "programme_id")?), row.try_get("", "until")?))
    };
    Ok((open, rows.iter().map(until).collect::<Result<Vec<_>, DbErr>>()?))
}

/// Inserts an application or saves its changes.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    application: &Application,
    currency: Currency,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(application.id.uuid()),
        customer_id: Set(application.customer.uuid()),
        programme_id: Set(application.programme.uuid()),
        applicant: Set(application.applicant.clone()),
        state: Set(application.state.name().to_owned()),
        open: Set(application.state.is_open()),
        files: Set(i64::try_from(application.files).unwrap_or(i64::MAX)),
        attachments: Set(i64::try_from(application.attachments).unwrap_or(i64::MAX)),
        decisions: Set(application.decisions),
        reviewer: Set(application.reviewer.clone()),
        currency: Set(currency.code().to_owned()),
        granted: Set(application.limit.map(payterms_kernel::Money::micros)),
        reasons: Set(to_json(&application.reasons)?),
        explanation: Set(application.explanation.clone()),
        line_id: Set(application.line),
        reapply_at: Set(application.reapply_at),
        expires_at: Set(application.expires_at),
        version: Set(application.version),
        created_at: Set(application.created_at),
        updated_at: Set(application.updated_at),
        external_id: Set(application.marks.external_id.clone()),
        labels: Set(marks::labels_text(&application.marks.labels)),
    };
    let changing = Column::iter().filter(|column| {
        !matches!(column, Column::Tenant | Column::Id | Column::CustomerId | Column::Currency)
    });
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
