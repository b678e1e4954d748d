//! Table `bank_lines`.

use super::{currency, date, unknown};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    BankLine, Invoice,
    bank::{LineState, Shown},
};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "bank_lines")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    account: String,
    reference: String,
    booked_on: String,
    amount: i64,
    currency: String,
    payer: String,
    text: String,
    state: String,
    invoice_id: Option<Uuid>,
    customer_id: Option<Uuid>,
    payment_id: Option<Uuid>,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn line(row: Model) -> Result<BankLine, AppError> {
    let state = LineState::ALL.into_iter().find(|state| state.name() == row.state);
    Ok(BankLine {
        id: Id::from_uuid(row.id),
        shown: Shown {
            booked_on: date(&row.booked_on)?,
            amount: Money::from_micros(currency(&row.currency)?, row.amount),
            account: row.account,
            reference: row.reference,
            payer: row.payer,
            text: row.text,
        },
        state: state.ok_or_else(|| unknown("bank line state", &row.state))?,
        invoice: row.invoice_id.map(Id::from_uuid),
        customer: row.customer_id.map(Id::from_uuid),
        payment: row.payment_id.map(Id::from_uuid),
        created_at: row.created_at,
    })
}

/// One line.
pub async fn find<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<BankLine>) -> Result<Option<BankLine>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(line).transpose()
}

/// One line, locked.
pub async fn lock<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<BankLine>) -> Result<Option<BankLine>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).lock_exclusive().one(conn).await?.map(line).transpose()
}

/// Which of these references of an account are stored.
pub async fn stored_references<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    account: &str,
    references: &[&str],
) -> Result<Vec<String>, AppError> {
    let query = Entity::find()
        .select_only()
        .column(Column::Reference)
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Account.eq(account))
        .filter(Column::Reference.is_in(references.iter().copied()));
    Ok(query.into_tuple().all(conn).await?)
}

/// Whether a line is matched to an invoice whose payment is not made yet.
pub async fn is_awaited<C: ConnectionTrait>(conn: &C, tenant: &TenantId, invoice: Id<Invoice>) -> Result<bool, AppError> {
    let matched = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::InvoiceId.eq(invoice.uuid()));
    Ok(matched.filter(Column::PaymentId.is_null()).one(conn).await?.is_some())
}

/// Lines below an id, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    (state, before): (Option<LineState>, Uuid),
    limit: u64,
) -> Result<Vec<BankLine>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Id.lt(before));
    if let Some(state) = state {
        query = query.filter(Column::State.eq(state.name()));
    }
    query.order_by_desc(Column::Id).limit(limit).all(conn).await?.into_iter().map(line).collect()
}

/// Inserts lines, or saves what they pay.
pub async fn save_many<C: ConnectionTrait>(conn: &C, tenant: &TenantId, lines: &[BankLine]) -> Result<(), AppError> {
    let rows = lines.iter().map(|own| ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(own.id.uuid()),
        account: Set(own.shown.account.clone()),
        reference: Set(own.shown.reference.clone()),
        booked_on: Set(own.shown.booked_on.to_string()),
        amount: Set(own.shown.amount.micros()),
        currency: Set(own.shown.amount.currency().code().to_owned()),
        payer: Set(own.shown.payer.clone()),
        text: Set(own.shown.text.clone()),
        state: Set(own.state.name().to_owned()),
        invoice_id: Set(own.invoice.map(Id::uuid)),
        customer_id: Set(own.customer.map(Id::uuid)),
        payment_id: Set(own.payment.map(Id::uuid)),
        created_at: Set(own.created_at),
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return Ok(());
    }
    let changing = [Column::State, Column::InvoiceId, Column::CustomerId, Column::PaymentId];
    let upsert = OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}
