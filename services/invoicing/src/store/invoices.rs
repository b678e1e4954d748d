//! Table `invoices`, and the invoice as a whole with its lines and taxes.

mod rows;

use super::invoice_parts as parts;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Invoice, InvoiceState};
use payterms_kernel::{Currency, Id, TenantId};
use rows::{invoice, row};
use sea_orm::{Iterable, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
#[expect(clippy::struct_excessive_bools, reason = "each is a column")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    state: String,
    currency: String,
    prices_include_tax: bool,
    term_kind: String,
    term_days: i64,
    supply_date: Option<String>,
    memo: String,
    number: Option<String>,
    issue_date: Option<String>,
    due_date: Option<String>,
    seller: String,
    buyer: String,
    net: i64,
    total: i64,
    paid: i64,
    credited: i64,
    written_off: i64,
    pending: i64,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
    collect_automatically: bool,
    collection_state: String,
    failed_attempts: i64,
    first_failed_at: Option<ChronoDateTimeUtc>,
    next_try_is_last: bool,
    next_attempt_at: Option<ChronoDateTimeUtc>,
    collection_reason: String,
    block_reason: String,
    block_owner: String,
    mentions: String,
    service_id: Option<Uuid>,
    service_month: Option<String>,
    blocked_since: Option<String>,
    blocked_days: i64,
    reminded: String,
    reminded_from: Option<String>,
    reminded_on: Option<String>,
    closed_on: Option<String>,
    top_up: String,
    notice_account: Option<Uuid>,
    notice_amount: i64,
    notice_at: Option<ChronoDateTimeUtc>,
    usage_closing: Option<Uuid>,
    usage_wallet: Option<Uuid>,
    usage_month: Option<String>,
    usage_agreement: Option<Uuid>,
    deferral_line: Option<Uuid>,
    deferral_draw: Option<Uuid>,
    deferral_amount: i64,
    purchased_on: Option<String>,
    deferral_plans: bool,
    paid_by_day: String,
    no_consequence_before: Option<String>,
    disputed_by: String,
    discount_millionths: Option<i64>,
    discount_amount: Option<i64>,
    discount_description: String,
    announcement: String,
    collection_put_off: bool,
    external_id: Option<String>,
    labels: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

pub(super) async fn whole<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut parts = parts::of(conn, tenant, &ids).await?;
    rows.into_iter()
        .map(|row| {
            let its_parts = parts.remove(&row.id).unwrap_or_default();
            invoice(row, its_parts)
        })
        .collect()
}

/// Invoices of these ids, locked in the order of their ids.
pub async fn lock_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Invoice>],
) -> Result<Vec<Invoice>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    let rows = query.order_by_asc(Column::Id).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}

/// The most invoices that one payment of all that is open takes.
const MOST_OPEN: u64 = 100;

/// Open invoices of a customer in a currency but those of top-ups, the oldest due first chosen,
/// locked in the order of their ids.
pub async fn lock_open<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    currency: Currency,
) -> Result<Vec<Invoice>, AppError> {
    let ids: Vec<Uuid> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Currency.eq(currency.code()))
        .filter(Column::State.eq(InvoiceState::Open.name()))
        .filter(Column::TopUp.eq(""))
        .filter(Expr::cust("total - paid - credited - written_off - pending > 0"))
        .order_by_asc(Column::DueDate)
        .order_by_asc(Column::Id)
        .limit(MOST_OPEN)
        .into_tuple()
        .all(conn)
        .await?;
    lock_many(conn, tenant, &ids.into_iter().map(Id::from_uuid).collect::<Vec<_>>()).await
}

/// One invoice of a customer, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    id: Id<Invoice>,
) -> Result<Option<Invoice>, AppError> {
    Ok(lock_many(conn, tenant, &[id]).await?.pop().filter(|invoice| invoice.customer == customer))
}

/// Invoices of these ids.
pub async fn find_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Invoice>],
) -> Result<Vec<Invoice>, AppError> {
    let ids = ids.iter().map(|id| id.uuid());
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.is_in(ids));
    let rows = query.order_by_asc(Column::Id).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Inserts or replaces a draft with its lines and taxes.
pub async fn save_draft<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
) -> Result<(), AppError> {
    save_many(conn, tenant, std::slice::from_ref(invoice)).await?;
    parts::delete(conn, tenant, invoice.id.uuid()).await?;
    parts::insert_lines(conn, tenant, invoice, 0).await?;
    parts::save_taxes(conn, tenant, invoice).await
}

/// Saves the rows of invoices; taxes are saved where a verb changes them.
pub async fn save_many<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Invoice],
) -> Result<(), AppError> {
    if invoices.is_empty() {
        return Ok(());
    }
    let rows =
        invoices.iter().map(|invoice| row(tenant, invoice)).collect::<Result<Vec<_>, _>>()?;
    let fixed = |column: &Column| {
        matches!(
            column,
            Column::Tenant | Column::Id | Column::CustomerId | Column::Currency | Column::CreatedAt
        )
    };
    let changing = Column::iter().filter(|column| !fixed(column));
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// Deletes a draft.
pub async fn delete<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<Invoice>,
) -> Result<(), AppError> {
    parts::delete(conn, tenant, id.uuid()).await?;
    Entity::delete_by_id((tenant.to_string(), id.uuid())).exec(conn).await?;
    Ok(())
}
