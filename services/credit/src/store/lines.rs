//! Table `credit_lines`.

use super::line_history;
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    columns::{date, money, side, term, term_columns, unknown},
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    rows::{self, Rows},
};
use payterms_credit_domain::{
    Customer, Line, LineState, Suspension, Verb, line::PendingTransition,
};
use payterms_kernel::{Actor, Currency, Id, TenantId};
use sea_orm::{
    IntoSimpleExpr, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Query, SelectStatement},
};

payterms_chassis::table! {
    /// A row. Suspensions have a blank between, reasons a line break; `moving` is a verb's name, or
    /// empty.
    entity "credit_lines"
    key { id: Uuid, }
    fixed {
        customer_id: Uuid,
        programme_id: Uuid,
        application_id: Option<Uuid>,
        currency: String,
        created_at: ChronoDateTimeUtc,
    }
    changing {
        state: String,
        state_before: Option<String>,
        suspensions: String,
        credit_limit: i64,
        authorized: i64,
        captured: i64,
        repaid: i64,
        term_kind: String,
        term_days: i64,
        expires_at: ChronoDateTimeUtc,
        explanation: String,
        limit_reasons: String,
        next_due: Option<String>,
        first_due: Option<String>,
        moving: String,
        moving_side: String,
        moving_subject: String,
        moving_explanation: String,
        moves: i64,
        entries: i64,
        live: bool,
        version: i64,
        updated_at: ChronoDateTimeUtc,
    }
    unread {}
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A state by its name.
pub(super) fn state(name: &str) -> Result<LineState, AppError> {
    LineState::named(name).ok_or_else(|| unknown("line state", name))
}

fn suspension(name: &str) -> Result<Suspension, AppError> {
    Suspension::named(name).ok_or_else(|| unknown("suspension", name))
}

fn pending_transition(row: &Model) -> Result<Option<PendingTransition>, AppError> {
    if row.moving.is_empty() {
        return Ok(None);
    }
    let verb = Verb::named(&row.moving).ok_or_else(|| unknown("verb", &row.moving))?;
    let by = Actor { side: side(&row.moving_side)?, subject: row.moving_subject.clone() };
    Ok(Some(PendingTransition { verb, by, explanation: row.moving_explanation.clone() }))
}

fn line(row: Model) -> Result<Line, AppError> {
    let id = row.id;
    read(row).map_err(|error| error.in_row(Model::TABLE, id))
}

fn read(row: Model) -> Result<Line, AppError> {
    Ok(Line {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        programme: Id::from_uuid(row.programme_id),
        application: row.application_id,
        state: state(&row.state)?,
        before: row.state_before.as_deref().map(state).transpose()?,
        suspensions: row
            .suspensions
            .split_whitespace()
            .map(suspension)
            .collect::<Result<_, _>>()?,
        limit: money(&row.currency, row.credit_limit)?,
        authorized: money(&row.currency, row.authorized)?,
        captured: money(&row.currency, row.captured)?,
        repaid: money(&row.currency, row.repaid)?,
        term: term(&row.term_kind, row.term_days)?,
        expires_at: row.expires_at,
        limit_reasons: row.limit_reasons.lines().map(str::to_owned).collect(),
        next_due: row.next_due.as_deref().map(date).transpose()?,
        first_due: row.first_due.as_deref().map(date).transpose()?,
        pending_transition: pending_transition(&row)?,
        moves: row.moves,
        entries: row.entries,
        taken: Vec::new(),
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
        explanation: row.explanation,
    })
}

/// One line.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Line>,
) -> Result<Option<Line>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(line).transpose()
}

/// Lines by their ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Line>],
) -> Result<Vec<Line>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    query.all(conn).await?.into_iter().map(line).collect()
}

/// One line, its row locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Line>,
) -> Result<Option<Line>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(line)
        .transpose()
}

/// Lines by their ids, their rows locked in the order of their ids.
pub async fn lock_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Line>],
) -> Result<Vec<Line>, AppError> {
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let ((among, values), lock) = (rows::among(conn, "id", 2, &ids), rows::for_update(conn));
    let select =
        format!("SELECT * FROM credit_lines WHERE tenant = $1 AND {among} ORDER BY id{lock}");
    let found = Entity::find()
        .from_raw_sql(rows::of_tenant(conn, &select, tenant, values))
        .all(conn)
        .await?;
    found.into_iter().map(line).collect()
}

/// The live line of a customer in a currency; in any currency where none is named, the newest
/// first.
pub async fn live<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Option<Currency>,
) -> Result<Vec<Line>, AppError> {
    let mut query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Live.eq(true));
    if let Some(currency) = currency {
        query = query.filter(Column::Currency.eq(currency.code()));
    }
    query.order_by_desc(Column::Id).all(conn).await?.into_iter().map(line).collect()
}

/// A line of a customer in a currency that is over and on which something is owed again.
pub async fn owed_again<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Currency,
) -> Result<Option<Line>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()));
    let query = query
        .filter(Column::Currency.eq(currency.code()))
        .filter(Column::Live.eq(false))
        .filter(Expr::cust("captured > repaid"));
    query.limit(1).one(conn).await?.map(line).transpose()
}

/// Lines below an id, newest first: of a customer or of all, in one of these states or in any.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    states: &[LineState],
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Line>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if !states.is_empty() {
        query = query.filter(Column::State.is_in(states.iter().map(|state| state.name())));
    }
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &compared, order: &order };
    keyset::page(query, listing, after, &columns)?.all(conn).await?.into_iter().map(line).collect()
}

/// The ids of a customer's lines.
pub(super) fn of_customer(tenant: &TenantId, customer: Uuid) -> SelectStatement {
    Query::select()
        .column(Column::Id)
        .from(Entity)
        .and_where(Column::Tenant.eq(tenant.as_str()))
        .and_where(Column::CustomerId.eq(customer))
        .to_owned()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "state" => Column::State,
        "customer" => Column::CustomerId,
        "programme" => Column::ProgrammeId,
        "currency" => Column::Currency,
        "limit" => Column::CreditLimit,
        "expire_time" => Column::ExpiresAt,
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a line is in a list of this order.
#[must_use]
pub fn position(line: &Line, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(line.updated_at) } else { Key::Id };
    Position { key, id: line.id.uuid() }
}

fn row(tenant: &TenantId, line: &Line) -> Model {
    let (term_kind, term_days) = term_columns(line.term);
    let pending = line.pending_transition.as_ref();
    Model {
        tenant: tenant.to_string(),
        id: line.id.uuid(),
        customer_id: line.customer.uuid(),
        programme_id: line.programme.uuid(),
        application_id: line.application,
        currency: line.currency().code().to_owned(),
        created_at: line.created_at,
        state: line.state.name().to_owned(),
        state_before: line.before.map(|state| state.name().to_owned()),
        suspensions: line
            .suspensions
            .iter()
            .map(|suspension| suspension.name())
            .collect::<Vec<_>>()
            .join(" "),
        credit_limit: line.limit.micros(),
        authorized: line.authorized.micros(),
        captured: line.captured.micros(),
        repaid: line.repaid.micros(),
        term_kind: term_kind.to_owned(),
        term_days,
        expires_at: line.expires_at,
        explanation: line.explanation.clone(),
        limit_reasons: line.limit_reasons.join("\n"),
        next_due: line.next_due.map(|day: NaiveDate| day.to_string()),
        first_due: line.first_due.map(|day: NaiveDate| day.to_string()),
        moving: pending.map(|pending| pending.verb.name().to_owned()).unwrap_or_default(),
        moving_side: pending.map(|pending| pending.by.side.name().to_owned()).unwrap_or_default(),
        moving_subject: pending.map(|pending| pending.by.subject.clone()).unwrap_or_default(),
        moving_explanation: pending.map(|pending| pending.explanation.clone()).unwrap_or_default(),
        moves: line.moves,
        entries: line.entries,
        live: line.state.is_live(),
        version: line.version,
        updated_at: line.updated_at,
    }
}

/// Inserts lines or saves their changes, and appends the edges that were taken since they were
/// loaded.
pub async fn save_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lines: &[&Line],
) -> Result<(), AppError> {
    let (mut new, mut changed) = (Rows::new(Model::COLUMNS), Rows::new(Model::CHANGING));
    for line in lines {
        // A line that was offered in this transaction, or has not changed since it was offered, may
        // not have its row yet.
        if line.version <= 1 {
            new.push(row(tenant, line).inserted());
        } else {
            changed.push(row(tenant, line).changed());
        }
    }
    new.upsert(conn, Model::TABLE, Model::KEYS).await?;
    let expected = changed.len() as u64;
    let found = changed.update(conn, Model::TABLE, Model::KEYS).await?;
    if found != expected {
        return Err(AppError::Fault(format!("{found} lines are there of {expected} that changed")));
    }
    for line in lines.iter().filter(|line| !line.taken.is_empty()) {
        line_history::append(conn, tenant, line).await?;
    }
    Ok(())
}
