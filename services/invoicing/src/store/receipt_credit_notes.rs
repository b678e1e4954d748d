//! Table `receipt_credit_notes`: written once, never changed.

use super::{currency, date, decimal, millionths};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Rate, Receipt, ReceiptCreditNote, TaxAmount};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipt_credit_notes")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    receipt_id: Uuid,
    refund_id: Uuid,
    number: String,
    issue_date: String,
    rate_millionths: i64,
    sentence: String,
    net: i64,
    tax: i64,
    amount: i64,
    currency: String,
    explanation: String,
    created_at: ChronoDateTimeUtc,
    of_dispute: bool,
    further_of: Option<Uuid>,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn note(row: Model) -> Result<ReceiptCreditNote, AppError> {
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    Ok(ReceiptCreditNote {
        id: Id::from_uuid(row.id),
        receipt: Id::from_uuid(row.receipt_id),
        customer: Id::from_uuid(row.customer_id),
        refund: row.further_of.unwrap_or(row.refund_id),
        of_dispute: row.of_dispute,
        number: row.number,
        issue_date: date(&row.issue_date)?,
        tax: TaxAmount {
            rate: Rate { percent: decimal(row.rate_millionths), sentence: row.sentence },
            net: money(row.net),
            tax: money(row.tax),
            credited_net: money(0),
            credited_tax: money(0),
        },
        amount: money(row.amount),
        explanation: row.explanation,
        created_at: row.created_at,
    })
}

/// One credit note.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<ReceiptCreditNote>,
) -> Result<Option<ReceiptCreditNote>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(note).transpose()
}

/// Whether a refund or a dispute has its credit note.
pub async fn is_issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    refund: Uuid,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::RefundId.eq(refund));
    Ok(query.one(conn).await?.is_some())
}

/// The credit notes of receipts, oldest first.
pub async fn of_receipts<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    receipts: &[Id<Receipt>],
) -> Result<Vec<ReceiptCreditNote>, AppError> {
    let ids = receipts.iter().map(|id| id.uuid());
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ReceiptId.is_in(ids));
    query
        .order_by_asc(Column::IssueDate)
        .order_by_asc(Column::Number)
        .all(conn)
        .await?
        .into_iter()
        .map(note)
        .collect()
}

/// Credit notes of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<ReceiptCreditNote>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(note).collect()
}

/// Inserts a credit note. One refund or dispute has one first note, whatever comes twice.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    note: &ReceiptCreditNote,
    is_first: bool,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(note.id.uuid()),
        customer_id: Set(note.customer.uuid()),
        receipt_id: Set(note.receipt.uuid()),
        refund_id: Set(if is_first { note.refund } else { note.id.uuid() }),
        further_of: Set((!is_first).then_some(note.refund)),
        number: Set(note.number.clone()),
        issue_date: Set(note.issue_date.to_string()),
        rate_millionths: Set(millionths(note.tax.rate.percent)),
        sentence: Set(note.tax.rate.sentence.clone()),
        net: Set(note.tax.net.micros()),
        tax: Set(note.tax.tax.micros()),
        amount: Set(note.amount.micros()),
        currency: Set(note.amount.currency().code().to_owned()),
        explanation: Set(note.explanation.clone()),
        created_at: Set(note.created_at),
        of_dispute: Set(note.of_dispute),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}
