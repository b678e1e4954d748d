//! Tables `credit_notes` and `credit_note_taxes`: written once, never changed.

use super::{currency, date, decimal, invoices, millionths};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{CreditNote, Customer, Invoice, Rate, TaxAmount};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Query};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credit_notes")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    invoice_id: Uuid,
    number: String,
    issue_date: String,
    amount: i64,
    currency: String,
    reason: String,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Table `credit_note_taxes`.
mod taxes {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "credit_note_taxes")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub tenant: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub credit_note_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub place: i64,
        pub rate_millionths: i64,
        pub sentence: String,
        pub net: i64,
        pub tax: i64,
        pub currency: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Inserts a note.
pub async fn insert<C: ConnectionTrait>(conn: &C, tenant: &TenantId, note: &CreditNote) -> Result<(), AppError> {
    let code = note.amount.currency().code();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(note.id.uuid()),
        invoice_id: Set(note.invoice.uuid()),
        number: Set(note.number.clone()),
        issue_date: Set(note.issue_date.to_string()),
        amount: Set(note.amount.micros()),
        currency: Set(code.to_owned()),
        reason: Set(note.reason.clone()),
        created_at: Set(note.created_at),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    let rows = (1_i64..).zip(&note.taxes).map(|(place, own)| taxes::ActiveModel {
        tenant: Set(tenant.to_string()),
        credit_note_id: Set(note.id.uuid()),
        place: Set(place),
        rate_millionths: Set(millionths(own.rate.percent)),
        sentence: Set(own.rate.sentence.clone()),
        net: Set(own.net.micros()),
        tax: Set(own.tax.micros()),
        currency: Set(code.to_owned()),
    });
    taxes::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// One note of an invoice.
pub async fn find<C: ConnectionTrait>(conn: &C, tenant: &TenantId, id: Id<CreditNote>) -> Result<Option<CreditNote>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(whole(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// Notes of an invoice after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<CreditNote>, AppError> {
    let query =
        Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::InvoiceId.eq(invoice.uuid())).filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Notes of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    (from, to, after): (NaiveDate, NaiveDate, Uuid),
    limit: u64,
) -> Result<Vec<CreditNote>, AppError> {
    let own = Query::select()
        .column(invoices::Column::Id)
        .from(invoices::Entity)
        .and_where(invoices::Column::Tenant.eq(tenant.as_str()))
        .and_where(invoices::Column::CustomerId.eq(customer.uuid()))
        .to_owned();
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.in_subquery(own))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

async fn whole<C: ConnectionTrait>(conn: &C, tenant: &TenantId, rows: Vec<Model>) -> Result<Vec<CreditNote>, AppError> {
    let mut by_note: HashMap<Uuid, Vec<TaxAmount>> = HashMap::new();
    let found = taxes::Entity::find()
        .filter(taxes::Column::Tenant.eq(tenant.as_str()))
        .filter(taxes::Column::CreditNoteId.is_in(rows.iter().map(|row| row.id)))
        .order_by_asc(taxes::Column::Place);
    for own in found.all(conn).await? {
        let currency = currency(&own.currency)?;
        let zero = Money::zero(currency);
        by_note.entry(own.credit_note_id).or_default().push(TaxAmount {
            rate: Rate { percent: decimal(own.rate_millionths), sentence: own.sentence },
            net: Money::from_micros(currency, own.net),
            tax: Money::from_micros(currency, own.tax),
            credited_net: zero,
            credited_tax: zero,
        });
    }
    let note = |row: Model| {
        Ok(CreditNote {
            id: Id::from_uuid(row.id),
            invoice: Id::from_uuid(row.invoice_id),
            number: row.number,
            issue_date: date(&row.issue_date)?,
            amount: Money::from_micros(currency(&row.currency)?, row.amount),
            taxes: by_note.remove(&row.id).unwrap_or_default(),
            reason: row.reason,
            created_at: row.created_at,
        })
    };
    rows.into_iter().map(note).collect()
}
