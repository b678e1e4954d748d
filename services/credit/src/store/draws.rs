//! Table `draws`.

use super::purchases::{purchase, purchase_text};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError, WriteTx,
    columns::{currency, date, money, unknown},
    sql,
};
use payterms_credit_domain::{Draw, DrawState, Invoice, Line};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ActiveValue::Set, Iterable, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "draws")]
/// A row. `falls_due` is the due date where something is owed, or was given up.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    line_id: Uuid,
    state: String,
    currency: String,
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
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn draw(row: &Model) -> Result<Draw, AppError> {
    let state = DrawState::ALL.into_iter().find(|state| state.name() == row.state);
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
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One draw of a line.
///
/// # Errors
/// The database's.
pub async fn find<C: ConnectionTrait>(conn: &C, tenant: &TenantId, (line, id): (Id<Line>, Id<Draw>)) -> Result<Option<Draw>, AppError> {
    let query = Entity::find_by_id((tenant.to_string(), id.uuid())).filter(Column::LineId.eq(line.uuid()));
    query.one(conn).await?.as_ref().map(draw).transpose()
}

/// Draws by their ids, each with its line.
///
/// # Errors
/// The database's.
pub async fn find_many<C: ConnectionTrait>(conn: &C, tenant: &TenantId, ids: &[Id<Draw>]) -> Result<Vec<(Id<Line>, Draw)>, AppError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())));
    query.all(conn).await?.iter().map(|row| Ok((Id::from_uuid(row.line_id), draw(row)?))).collect()
}

/// Draws of a line below an id, newest first.
///
/// # Errors
/// The database's.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    line: Id<Line>,
    before: Uuid,
    limit: u64,
) -> Result<Vec<Draw>, AppError> {
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::LineId.eq(line.uuid()));
    let query = query.filter(Column::Id.lt(before)).order_by_desc(Column::Id).limit(limit);
    query.all(conn).await?.iter().map(draw).collect()
}

/// The draws of a payment on a line, in the order of their ids.
///
/// # Errors
/// The database's.
pub async fn of_payment<C: ConnectionTrait>(conn: &C, tenant: &TenantId, (line, payment): (Id<Line>, Uuid)) -> Result<Vec<Draw>, AppError> {
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::PaymentId.eq(payment));
    let query = query.filter(Column::LineId.eq(line.uuid())).order_by_asc(Column::Id);
    query.all(conn).await?.iter().map(draw).collect()
}

/// The captured draw that defers an invoice, and its line.
///
/// # Errors
/// The database's.
pub async fn of_invoice<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
) -> Result<Option<(Id<Line>, Draw)>, AppError> {
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::InvoiceId.eq(invoice.uuid()));
    let row = query.filter(Column::State.eq(DrawState::Captured.name())).one(conn).await?;
    row.map(|row| Ok((Id::from_uuid(row.line_id), draw(&row)?))).transpose()
}

/// The earliest day on which something of a line falls due: of what is not blocked, and of all.
///
/// # Errors
/// The database's.
pub async fn earliest_due<C: ConnectionTrait>(conn: &C, tenant: &TenantId, line: Id<Line>) -> Result<[Option<NaiveDate>; 2], AppError> {
    let select = "SELECT min(CASE WHEN blocked THEN NULL ELSE falls_due END) AS next_due, min(falls_due) AS first_due FROM draws \
                  WHERE tenant = $1 AND line_id = $2 AND falls_due IS NOT NULL";
    let Some(row) = sql::one(conn, select, vec![tenant.as_str().into(), line.uuid().into()]).await? else { return Ok([None; 2]) };
    let day = |column: &str| row.try_get::<Option<String>>("", column)?.as_deref().map(date).transpose();
    Ok([day("next_due")?, day("first_due")?])
}

/// Inserts draws or saves their changes.
///
/// # Errors
/// The database's.
pub async fn save_many(tx: &WriteTx, line: Id<Line>, draws: &[Draw]) -> Result<(), AppError> {
    if draws.is_empty() {
        return Ok(());
    }
    let row = |own: &Draw| {
        Ok::<_, AppError>(ActiveModel {
            tenant: Set(tx.call().tenant.to_string()),
            id: Set(own.id.uuid()),
            line_id: Set(line.uuid()),
            state: Set(own.state.name().to_owned()),
            currency: Set(own.amount.currency().code().to_owned()),
            amount: Set(own.amount.micros()),
            captured: Set(own.captured.micros()),
            repaid: Set(own.repaid.micros()),
            invoice_id: Set(own.invoice.map(Id::uuid)),
            payment_id: Set(own.payment),
            purchase: Set(purchase_text(own.purchase.as_ref())?),
            expires_at: Set(own.purchase.as_ref().map(|own| own.expires_at)),
            purchased_on: Set(own.purchased_on.map(|day| day.to_string())),
            due_on: Set(own.due_on.map(|day| day.to_string())),
            falls_due: Set(own.falls_due().map_err(payterms_kernel::Refusal::from)?.map(|day| day.to_string())),
            blocked: Set(own.blocked),
            written_off: Set(own.written_off),
            created_at: Set(own.created_at),
            updated_at: Set(own.updated_at),
        })
    };
    let rows = draws.iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let changing = Column::iter().filter(|column| !matches!(column, Column::Tenant | Column::Id));
    let upsert = OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(tx.conn()).await?;
    Ok(())
}
