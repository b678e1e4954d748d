//! Table `draws`.

use super::{
    lines,
    purchase_column::{purchase, purchase_text},
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    columns::{currency, date, money, unknown},
    filter::{Comparison, Operator, Value},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    rows::{self, Rows},
};
use payterms_credit_domain::{Customer, Draw, DrawState, Invoice, Line};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ExprTrait, IntoSimpleExpr, QueryOrder, entity::prelude::*};
use std::collections::HashMap;

payterms_chassis::table! {
    /// A row. `falls_due` is the day after which it is past due, where something is owed or was
    /// given up.
    entity "draws"
    key { id: Uuid, }
    fixed {
        line_id: Uuid,
        currency: String,
        created_at: ChronoDateTimeUtc,
    }
    changing {
        state: String,
        amount: i64,
        captured: i64,
        repaid: i64,
        invoice_id: Option<Uuid>,
        payment_id: Option<Uuid>,
        purchase: String,
        expires_at: Option<ChronoDateTimeUtc>,
        purchased_on: Option<String>,
        due_on: Option<String>,
        falls_due: Option<String>,
        blocked: bool,
        written_off: bool,
        no_consequence_before: Option<String>,
        updated_at: ChronoDateTimeUtc,
    }
    unread {}
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn draw(row: &Model) -> Result<Draw, AppError> {
    read(row).map_err(|error| error.in_row(Model::TABLE, row.id))
}

fn read(row: &Model) -> Result<Draw, AppError> {
    let state = DrawState::named(&row.state);
    Ok(Draw {
        id: Id::from_uuid(row.id),
        state: state.ok_or_else(|| unknown("draw state", &row.state))?,
        amount: money(&row.currency, row.amount)?,
        captured: money(&row.currency, row.captured)?,
        repaid: money(&row.currency, row.repaid)?,
        invoice: row.invoice_id.map(Id::from_uuid),
        payment: row.payment_id,
        purchase: purchase(&row.purchase, currency(&row.currency)?, row.expires_at)?,
        purchased_on: row.purchased_on.as_deref().map(date).transpose()?,
        due_on: row.due_on.as_deref().map(date).transpose()?,
        blocked: row.blocked,
        written_off: row.written_off,
        no_consequence_before: row.no_consequence_before.as_deref().map(date).transpose()?,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One draw of a line.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: Id<Line>,
    id: Id<Draw>,
) -> Result<Option<Draw>, AppError> {
    let query =
        Entity::find_by_id((tenant.to_string(), id.uuid())).filter(Column::LineId.eq(line.uuid()));
    query.one(conn).await?.as_ref().map(draw).transpose()
}

/// Draws by their ids, each with its line.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Draw>],
) -> Result<Vec<(Id<Line>, Draw)>, AppError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = ids.iter().map(|id| id.uuid()).collect();
    let (among, ids) = rows::among(conn, "id", 2, &ids);
    let select = format!("SELECT * FROM draws WHERE tenant = $1 AND {among}");
    Entity::find()
        .from_raw_sql(rows::of_tenant(conn, &select, tenant, ids))
        .all(conn)
        .await?
        .iter()
        .map(|row| Ok((Id::from_uuid(row.line_id), draw(row)?)))
        .collect()
}

/// A page of draws, each with its line: on a line, of a customer, or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    line: Option<Id<Line>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<(Id<Line>, Draw)>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(line) = line {
        query = query.filter(Column::LineId.eq(line.uuid()));
    } else if let Some(customer) = customer {
        query =
            query.filter(Column::LineId.in_subquery(lines::of_customer(tenant, customer.uuid())));
    }
    let filter = |comparison: &Comparison| compared(comparison, tenant);
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    let rows = keyset::page(query, listing, after, &columns)?.all(conn).await?;
    rows.iter().map(|row| Ok((Id::from_uuid(row.line_id), draw(row)?))).collect()
}

fn compared(comparison: &Comparison, tenant: &TenantId) -> Option<Compared> {
    let column = match (comparison.field, &comparison.value) {
        ("customer", Value::Id(customer)) => {
            let expr = Column::LineId.in_subquery(lines::of_customer(tenant, *customer));
            return Some(Compared::Whole(if comparison.operator == Operator::Equal {
                expr
            } else {
                expr.not()
            }));
        }
        ("state", _) => Column::State,
        ("credit_line", _) => Column::LineId,
        ("invoice", _) => Column::InvoiceId,
        ("payment", _) => Column::PaymentId,
        ("currency", _) => Column::Currency,
        ("amount", _) => Column::Amount,
        ("purchase_date", _) => Column::PurchasedOn,
        ("due_date", _) => Column::DueOn,
        ("create_time", _) => Column::CreatedAt,
        (UPDATE_TIME, _) => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a draw is in a list of this order.
#[must_use]
pub fn position(draw: &Draw, order: Order) -> Position {
    let key = if order.field == UPDATE_TIME { Key::Instant(draw.updated_at) } else { Key::Id };
    Position { key, id: draw.id.uuid() }
}

/// The draws of a payment on a line, in the order of their ids.
pub async fn of_payment<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: Id<Line>,
    payment: Uuid,
) -> Result<Vec<Draw>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment));
    let query = query.filter(Column::LineId.eq(line.uuid())).order_by_asc(Column::Id);
    query.all(conn).await?.iter().map(draw).collect()
}

/// The captured draw that defers an invoice, and its line.
pub async fn of_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Option<(Id<Line>, Draw)>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.eq(invoice.uuid()));
    let row = query.filter(Column::State.eq(DrawState::Captured.name())).one(conn).await?;
    row.map(|row| Ok((Id::from_uuid(row.line_id), draw(&row)?))).transpose()
}

/// The days on which the next and the first draw of each of these lines falls due; lines on which
/// nothing does are not among them.
pub async fn earliest_due<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    lines: &[Uuid],
) -> Result<HashMap<Uuid, [Option<NaiveDate>; 2]>, AppError> {
    let (among, values) = rows::among(conn, "line_id", 2, lines);
    let select = format!(
        "SELECT line_id, min(CASE WHEN blocked THEN NULL ELSE falls_due END) AS next_due, min(falls_due) AS first_due FROM draws \
         WHERE tenant = $1 AND {among} AND falls_due IS NOT NULL GROUP BY line_id"
    );
    let rows = conn.query_all_raw(rows::of_tenant(conn, &select, tenant, values)).await?;
    let mut found = HashMap::new();
    for row in rows {
        let day = |column: &str| {
            row.try_get::<Option<String>>("", column)?.as_deref().map(date).transpose()
        };
        found.insert(row.try_get("", "line_id")?, [day("next_due")?, day("first_due")?]);
    }
    Ok(found)
}

fn row(tenant: &TenantId, line: Id<Line>, draw: &Draw) -> Result<Model, AppError> {
    let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
    Ok(Model {
        tenant: tenant.to_string(),
        id: draw.id.uuid(),
        line_id: line.uuid(),
        state: draw.state.name().to_owned(),
        currency: draw.amount.currency().code().to_owned(),
        amount: draw.amount.micros(),
        captured: draw.captured.micros(),
        repaid: draw.repaid.micros(),
        invoice_id: draw.invoice.map(Id::uuid),
        payment_id: draw.payment,
        purchase: purchase_text(draw.purchase.as_ref())?,
        expires_at: draw.purchase.as_ref().map(|purchase| purchase.expires_at),
        purchased_on: day(draw.purchased_on),
        due_on: day(draw.due_on),
        falls_due: day(draw.falls_due()?),
        blocked: draw.blocked,
        written_off: draw.written_off,
        no_consequence_before: day(draw.no_consequence_before),
        created_at: draw.created_at,
        updated_at: draw.updated_at,
    })
}

/// Inserts draws of lines or saves their changes: all columns in one statement, since a batch has
/// both.
pub async fn save_many(tx: &WriteTx, draws: &[(Id<Line>, Draw)]) -> Result<(), AppError> {
    let mut rows = Rows::new(Model::COLUMNS);
    for (line, draw) in draws {
        rows.push(row(&tx.call().tenant, *line, draw)?.inserted());
    }
    rows.upsert(tx.conn(), Model::TABLE, Model::KEYS).await?;
    Ok(())
}
