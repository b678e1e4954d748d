//! Table `invoice_versions`: written once, never changed.

use super::{
    date,
    parties::{party, party_text},
};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Invoice, InvoiceVersion};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoice_versions")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    invoice_id: Uuid,
    customer_id: Uuid,
    version: i64,
    number: String,
    issue_date: String,
    seller: String,
    buyer: String,
    mentions: String,
    reason: String,
    open_amount: i64,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn version(row: Model) -> Result<InvoiceVersion, AppError> {
    Ok(InvoiceVersion {
        id: Id::from_uuid(row.id),
        invoice: Id::from_uuid(row.invoice_id),
        version: u32::try_from(row.version).unwrap_or_default(),
        number: row.number,
        issue_date: date(&row.issue_date)?,
        seller: party(&row.seller)?,
        buyer: party(&row.buyer)?,
        mentions: row.mentions,
        open_micros: row.open_amount,
        explanation: row.reason,
        created_at: row.created_at,
    })
}

/// One version.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<InvoiceVersion>,
) -> Result<Option<InvoiceVersion>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(version).transpose()
}

/// The invoices of corrective documents with these numbers.
pub async fn invoices_of_numbers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    numbers: &[String],
) -> Result<Vec<(String, Id<Invoice>)>, AppError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Number.is_in(numbers.to_vec()));
    Ok(query
        .all(conn)
        .await?
        .into_iter()
        .map(|row| (row.number, Id::from_uuid(row.invoice_id)))
        .collect())
}

/// The last versions of invoices, by invoice.
pub async fn last_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Id<Invoice>],
) -> Result<Vec<InvoiceVersion>, AppError> {
    let ids = invoices.iter().map(|id| id.uuid());
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.is_in(ids));
    let mut found: Vec<InvoiceVersion> = Vec::new();
    for row in
        query.order_by_asc(Column::InvoiceId).order_by_desc(Column::Version).all(conn).await?
    {
        if found
            .last()
            .is_none_or(|invoice_version| invoice_version.invoice.uuid() != row.invoice_id)
        {
            found.push(version(row)?);
        }
    }
    Ok(found)
}

/// Versions of an invoice after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: Id<Invoice>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<InvoiceVersion>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::InvoiceId.eq(invoice.uuid()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(version).collect()
}

/// Versions of a customer's invoices that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<InvoiceVersion>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(version).collect()
}

/// Inserts a version.
pub async fn insert<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice_version: &InvoiceVersion,
    customer: Id<Customer>,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(invoice_version.id.uuid()),
        invoice_id: Set(invoice_version.invoice.uuid()),
        customer_id: Set(customer.uuid()),
        version: Set(invoice_version.version.into()),
        number: Set(invoice_version.number.clone()),
        issue_date: Set(invoice_version.issue_date.to_string()),
        seller: Set(party_text(Some(&invoice_version.seller))?),
        buyer: Set(party_text(Some(&invoice_version.buyer))?),
        mentions: Set(invoice_version.mentions.clone()),
        reason: Set(invoice_version.explanation.clone()),
        open_amount: Set(invoice_version.open_micros),
        created_at: Set(invoice_version.created_at),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}
