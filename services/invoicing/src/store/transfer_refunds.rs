//! Table `transfer_refunds`.

use super::{currency, date, unknown};
use chrono::NaiveDate;
use payterms_chassis::{AppError, sql};
use payterms_invoicing_domain::{
    Customer, Payment, TransferRefund,
    statement::GivenBack,
    transfer_refund::{Credit, PayeeAccount, RefundState},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "transfer_refunds")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    customer_id: Uuid,
    payment_id: Uuid,
    bank_line_id: Uuid,
    credit_from: String,
    state: String,
    credit: i64,
    tax: i64,
    currency: String,
    account_key: String,
    account_end: String,
    reference: String,
    explanation: String,
    refusal: String,
    sent_on: Option<String>,
    bank_reference: String,
    ending_id: Option<Uuid>,
    account_evidence: String,
    asked_by: String,
    recorded_on: Option<String>,
    returned_by_line_id: Option<Uuid>,
    returned_on: Option<String>,
    credit_note_id: Option<Uuid>,
    invoice_id: Option<Uuid>,
    ended_at: Option<ChronoDateTimeUtc>,
    version: i64,
    created_at: ChronoDateTimeUtc,
    updated_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is compared at once of a bank's file.
const COMPARED_AT_ONCE: usize = 500;

pub(super) fn refund(row: Model) -> Result<TransferRefund, AppError> {
    let currency = currency(&row.currency)?;
    let from = Credit::named(&row.credit_from);
    let state = RefundState::ALL.into_iter().find(|state| state.name() == row.state);
    let note = row.credit_note_id.zip(row.invoice_id);
    let returned_on = row.returned_on.as_deref().map(date).transpose()?;
    let returned = row.returned_by_line_id.map(Id::from_uuid).zip(returned_on);
    Ok(TransferRefund {
        id: Id::from_uuid(row.id),
        customer: Id::from_uuid(row.customer_id),
        payment: Id::from_uuid(row.payment_id),
        line: Id::from_uuid(row.bank_line_id),
        from: from.ok_or_else(|| unknown("credit", &row.credit_from))?,
        state: state.ok_or_else(|| unknown("state", &row.state))?,
        credit: Money::from_micros(currency, row.credit),
        tax: Money::from_micros(currency, row.tax),
        account: PayeeAccount { key: row.account_key, end: row.account_end },
        account_evidence: row.account_evidence,
        asked_by: row.asked_by,
        reference: row.reference,
        explanation: row.explanation,
        refusal: row.refusal,
        sent_on: row.sent_on.as_deref().map(date).transpose()?,
        bank_reference: row.bank_reference,
        recorded_on: row.recorded_on.as_deref().map(date).transpose()?,
        returned,
        ending: row.ending_id,
        note: note.map(|(note, invoice)| (Id::from_uuid(note), Id::from_uuid(invoice))),
        ended_at: row.ended_at,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}

/// One refund.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<TransferRefund>,
) -> Result<Option<TransferRefund>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(refund).transpose()
}

/// One refund, locked.
pub async fn lock<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<TransferRefund>,
) -> Result<Option<TransferRefund>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid()))
        .lock_exclusive()
        .one(conn)
        .await?
        .map(refund)
        .transpose()
}

/// The refund that a flow ends.
pub async fn find_by_ending<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ending: Uuid,
) -> Result<Option<TransferRefund>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::EndingId.eq(ending));
    query.one(conn).await?.map(refund).transpose()
}

/// All refunds of a payment, oldest first: each takes a part of its credit, so they are few.
pub async fn of_payment<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: Id<Payment>,
) -> Result<Vec<TransferRefund>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.eq(payment.uuid()));
    query.order_by_asc(Column::Id).all(conn).await?.into_iter().map(refund).collect()
}

/// Refunds with one of these references or to one of these accounts, oldest first, locked. Whatever
/// became of one, it may have been made.
pub async fn lock_sent<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    references: &BTreeSet<String>,
    accounts: &BTreeSet<String>,
) -> Result<Vec<TransferRefund>, AppError> {
    with_reference_or_account(conn, references, accounts, |column, some| {
        of_values(tenant, column, some).order_by_asc(Column::Id).lock_exclusive()
    })
    .await
}

/// Refunds that are to be made, were made, or came back, with one of these references or to one of
/// these accounts, oldest first. One that came back is among them: its line may stand in another
/// file too.
pub async fn to_return<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    references: &BTreeSet<String>,
    accounts: &BTreeSet<String>,
) -> Result<Vec<TransferRefund>, AppError> {
    let states =
        [RefundState::Pending, RefundState::Sending, RefundState::Sent, RefundState::Returned]
            .map(RefundState::name);
    with_reference_or_account(conn, references, accounts, |column, some| {
        of_values(tenant, column, some).filter(Column::State.is_in(states))
    })
    .await
}

fn of_values(tenant: &TenantId, column: Column, values: &[&String]) -> Select<Entity> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(column.is_in(values.iter().copied()))
}

async fn with_reference_or_account<C: ConnectionTrait>(
    conn: &C,
    references: &BTreeSet<String>,
    accounts: &BTreeSet<String>,
    query: impl Fn(Column, &[&String]) -> Select<Entity>,
) -> Result<Vec<TransferRefund>, AppError> {
    let mut found: BTreeMap<Uuid, TransferRefund> = BTreeMap::new();
    for (column, values) in [(Column::Reference, references), (Column::AccountKey, accounts)] {
        let values: Vec<&String> = values.iter().collect();
        for some in values.chunks(COMPARED_AT_ONCE) {
            for row in query(column, some).all(conn).await? {
                found.insert(row.id, refund(row)?);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Inserts a refund, or saves what became of it.
pub async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    transfer_refund: &TransferRefund,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(transfer_refund.id.uuid()),
        customer_id: Set(transfer_refund.customer.uuid()),
        payment_id: Set(transfer_refund.payment.uuid()),
        bank_line_id: Set(transfer_refund.line.uuid()),
        credit_from: Set(transfer_refund.from.name().to_owned()),
        state: Set(transfer_refund.state.name().to_owned()),
        credit: Set(transfer_refund.credit.micros()),
        tax: Set(transfer_refund.tax.micros()),
        currency: Set(transfer_refund.credit.currency().code().to_owned()),
        account_key: Set(transfer_refund.account.key.clone()),
        account_end: Set(transfer_refund.account.end.clone()),
        account_evidence: Set(transfer_refund.account_evidence.clone()),
        asked_by: Set(transfer_refund.asked_by.clone()),
        reference: Set(transfer_refund.reference.clone()),
        explanation: Set(transfer_refund.explanation.clone()),
        refusal: Set(transfer_refund.refusal.clone()),
        sent_on: Set(transfer_refund.sent_on.map(|day| day.to_string())),
        bank_reference: Set(transfer_refund.bank_reference.clone()),
        ending_id: Set(transfer_refund.ending),
        recorded_on: Set(transfer_refund.recorded_on.map(|day| day.to_string())),
        returned_by_line_id: Set(transfer_refund.returned.map(|(line, _)| line.uuid())),
        returned_on: Set(transfer_refund.returned.map(|(_, day)| day.to_string())),
        credit_note_id: Set(transfer_refund.note.map(|(note, _)| note.uuid())),
        invoice_id: Set(transfer_refund.note.map(|(_, invoice)| invoice.uuid())),
        ended_at: Set(transfer_refund.ended_at),
        version: Set(transfer_refund.version),
        created_at: Set(transfer_refund.created_at),
        updated_at: Set(transfer_refund.updated_at),
    };
    let changing = [
        Column::State,
        Column::Refusal,
        Column::SentOn,
        Column::BankReference,
        Column::EndingId,
        Column::RecordedOn,
        Column::ReturnedByLineId,
        Column::ReturnedOn,
        Column::CreditNoteId,
        Column::InvoiceId,
        Column::EndedAt,
        Column::Version,
        Column::UpdatedAt,
    ];
    let upsert =
        OnConflict::columns([Column::Tenant, Column::Id]).update_columns(changing).to_owned();
    Entity::insert(row).on_conflict(upsert).exec_without_returning(conn).await?;
    Ok(())
}

/// What was transferred back from one day on until before another, oldest first: what an invoice
/// had sold by the day of its credit note, other credit by the day on which it was recorded. What
/// the bank sent back is there once more, below zero: as much as came. Where there is no credit
/// note, the day that is shown is the bank's, as mails say it.
pub async fn given_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
    limit: u64,
) -> Result<Vec<GivenBack>, AppError> {
    let select = "SELECT * FROM (SELECT r.id, coalesce(n.number, '') AS note, coalesce(i.number, '') AS invoice, \
                  coalesce(n.issue_date, r.recorded_on) AS day, coalesce(n.issue_date, r.sent_on) AS shown, r.credit + r.tax AS amount, r.currency AS currency, r.account_end AS account \
                  FROM transfer_refunds r LEFT JOIN invoices i ON i.tenant = r.tenant AND i.id = r.invoice_id \
                  LEFT JOIN credit_notes n ON n.tenant = r.tenant AND n.id = r.credit_note_id \
                  WHERE r.tenant = $1 AND r.customer_id = $2 AND r.state IN ('SENT', 'RETURNED') \
                  UNION ALL SELECT r.id, '', '', r.returned_on, l.booked_on, -l.amount, r.currency, r.account_end FROM transfer_refunds r \
                  JOIN bank_lines l ON l.tenant = r.tenant AND l.id = r.returned_by_line_id \
                  WHERE r.tenant = $1 AND r.customer_id = $2 AND r.state = 'RETURNED') AS own \
                  WHERE day >= $3 AND day < $4 ORDER BY day, id LIMIT $5";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
        limit.into(),
    ];
    let one = |row: &sea_orm::QueryResult| {
        let code: String = row.try_get("", "currency")?;
        let amount = Money::from_micros(currency(&code)?, row.try_get("", "amount")?);
        Ok(GivenBack {
            note: row.try_get("", "note")?,
            invoice: row.try_get("", "invoice")?,
            on: date(&row.try_get::<String>("", "shown")?)?,
            amount,
            to_account: row.try_get("", "account")?,
        })
    };
    sql::all(conn, select, values).await?.iter().map(one).collect()
}

/// What of it invoices had been paid with, by currency: what a customer owes is not moved by the
/// rest.
pub async fn sum_given_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
) -> Result<Vec<Money>, AppError> {
    let select = "SELECT r.currency AS currency, CAST(SUM(r.credit + r.tax) AS bigint) AS amount FROM transfer_refunds r \
                  JOIN credit_notes n ON n.tenant = r.tenant AND n.id = r.credit_note_id WHERE r.tenant = $1 AND r.customer_id = $2 \
                  AND r.state IN ('SENT', 'RETURNED') AND n.issue_date >= $3 AND n.issue_date < $4 GROUP BY r.currency";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
    ];
    let rows = sql::all(conn, select, values).await?;
    let one = |row: &sea_orm::QueryResult| {
        let code: String = row.try_get("", "currency")?;
        Ok(Money::from_micros(currency(&code)?, row.try_get("", "amount")?))
    };
    rows.iter().map(one).collect()
}

/// The currencies of a customer in which other credit was transferred back, or came back, in these
/// days.
pub async fn currencies_given_back<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    first: NaiveDate,
    next: NaiveDate,
) -> Result<Vec<Currency>, AppError> {
    let select = "SELECT DISTINCT currency FROM transfer_refunds WHERE tenant = $1 AND customer_id = $2 \
                  AND ((recorded_on >= $3 AND recorded_on < $4) OR (returned_on >= $3 AND returned_on < $4))";
    let values = vec![
        tenant.as_str().into(),
        customer.uuid().into(),
        first.to_string().into(),
        next.to_string().into(),
    ];
    sql::all(conn, select, values)
        .await?
        .iter()
        .map(|row| currency(&row.try_get::<String>("", "currency")?))
        .collect()
}
