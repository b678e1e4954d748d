//! Tables `credit_notes` and `credit_note_taxes`: written once, never changed.

use super::{currency, date, decimal, invoices, millionths};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    filter::{Comparison, Operator, Value},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order},
};
use payterms_invoicing_domain::{CreditNote, Customer, Invoice, Rate, TaxAmount};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ActiveValue::Set,
    ExprTrait, IntoSimpleExpr, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Query, SelectStatement},
};
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
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    note: &CreditNote,
) -> Result<(), AppError> {
    let code = note.amount.currency().code();
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(note.id.uuid()),
        invoice_id: Set(note.invoice.uuid()),
        number: Set(note.number.clone()),
        issue_date: Set(note.issue_date.to_string()),
        amount: Set(note.amount.micros()),
        currency: Set(code.to_owned()),
        reason: Set(note.explanation.clone()),
        created_at: Set(note.created_at),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    let rows = (1_i64..).zip(&note.taxes).map(|(place, tax_amount)| taxes::ActiveModel {
        tenant: Set(tenant.to_string()),
        credit_note_id: Set(note.id.uuid()),
        place: Set(place),
        rate_millionths: Set(millionths(tax_amount.rate.percent)),
        sentence: Set(tax_amount.rate.sentence.clone()),
        net: Set(tax_amount.net.micros()),
        tax: Set(tax_amount.tax.micros()),
        currency: Set(code.to_owned()),
    });
    taxes::Entity::insert_many(rows).exec_without_returning(conn).await?;
    Ok(())
}

/// One note of an invoice.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<CreditNote>,
) -> Result<Option<CreditNote>, AppError> {
    let row = Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?;
    Ok(whole(conn, tenant, row.into_iter().collect()).await?.pop())
}

/// Which notes are listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Only those of this customer.
    pub customer: Option<Id<Customer>>,
    /// Only those of this invoice.
    pub invoice: Option<Id<Invoice>>,
}

/// A page of notes after a position.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    listed: Listed,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<CreditNote>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(invoice) = listed.invoice {
        query = query.filter(Column::InvoiceId.eq(invoice.uuid()));
    } else if let Some(customer) = listed.customer {
        query = query.filter(Column::InvoiceId.in_subquery(invoices_of(tenant, customer.uuid())));
    }
    let filter = |comparison: &Comparison| compared(comparison, tenant);
    let order = |field: &str| (field == "issue_date").then(|| Column::IssueDate.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    let rows = keyset::page(query, listing, after, &columns)?.all(conn).await?;
    whole(conn, tenant, rows).await
}

/// The ids of a customer's invoices.
fn invoices_of(tenant: &TenantId, customer: Uuid) -> SelectStatement {
    Query::select()
        .column(invoices::Column::Id)
        .from(invoices::Entity)
        .and_where(invoices::Column::Tenant.eq(tenant.as_str()))
        .and_where(invoices::Column::CustomerId.eq(customer))
        .to_owned()
}

fn compared(comparison: &Comparison, tenant: &TenantId) -> Option<Compared> {
    let column = match (comparison.field, &comparison.value) {
        ("customer", Value::Id(customer)) => {
            let expr = Column::InvoiceId.in_subquery(invoices_of(tenant, *customer));
            return Some(Compared::Whole(if comparison.operator == Operator::Equal {
                expr
            } else {
                expr.not()
            }));
        }
        ("number", _) => Column::Number,
        ("invoice", _) => Column::InvoiceId,
        ("currency", _) => Column::Currency,
        ("amount", _) => Column::Amount,
        ("issue_date", _) => Column::IssueDate,
        ("create_time", _) => Column::CreatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a note is in a list of this order.
#[must_use]
pub fn position(note: &CreditNote, order: Order) -> Position {
    let key =
        if order.field == "issue_date" { Key::Text(note.issue_date.to_string()) } else { Key::Id };
    Position { key, id: note.id.uuid() }
}

/// Notes of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<CreditNote>, AppError> {
    let select_statement = invoices_of(tenant, customer.uuid());
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.in_subquery(select_statement))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

async fn whole<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    rows: Vec<Model>,
) -> Result<Vec<CreditNote>, AppError> {
    let mut by_note: HashMap<Uuid, Vec<TaxAmount>> = HashMap::new();
    let found = taxes::Entity::find()
        .filter(taxes::Column::Tenant.eq(tenant.as_str()))
        .filter(taxes::Column::CreditNoteId.is_in(rows.iter().map(|row| row.id)))
        .order_by_asc(taxes::Column::Place);
    for this_row in found.all(conn).await? {
        let currency = currency(&this_row.currency)?;
        let zero = Money::zero(currency);
        by_note.entry(this_row.credit_note_id).or_default().push(TaxAmount {
            rate: Rate { percent: decimal(this_row.rate_millionths), sentence: this_row.sentence },
            net: Money::from_micros(currency, this_row.net),
            tax: Money::from_micros(currency, this_row.tax),
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
            explanation: row.reason,
            created_at: row.created_at,
        })
    };
    rows.into_iter().map(note).collect()
}
