//! Table `receipt_versions`: written once, never changed.

use super::{
    date,
    parties::{party, party_text},
};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Receipt, ReceiptVersion};
use payterms_kernel::{Id, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipt_versions")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    id: Uuid,
    receipt_id: Uuid,
    customer_id: Uuid,
    version: i64,
    number: String,
    issue_date: String,
    seller: String,
    buyer: String,
    mentions: String,
    reason: String,
    created_at: ChronoDateTimeUtc,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn version(row: Model) -> Result<ReceiptVersion, AppError> {
    Ok(ReceiptVersion {
        id: Id::from_uuid(row.id),
        receipt: Id::from_uuid(row.receipt_id),
        version: u32::try_from(row.version).unwrap_or_default(),
        number: row.number,
        issue_date: date(&row.issue_date)?,
        seller: party(&row.seller)?,
        buyer: party(&row.buyer)?,
        mentions: row.mentions,
        explanation: row.reason,
        created_at: row.created_at,
    })
}

/// One version.
pub async fn find<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    id: Id<ReceiptVersion>,
) -> Result<Option<ReceiptVersion>, AppError> {
    Entity::find_by_id((tenant.to_string(), id.uuid())).one(conn).await?.map(version).transpose()
}

/// The last later versions of receipts, by receipt.
pub async fn last_of<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    receipts: &[Id<Receipt>],
) -> Result<Vec<ReceiptVersion>, AppError> {
    let ids = receipts.iter().map(|id| id.uuid());
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ReceiptId.is_in(ids));
    let mut found: Vec<ReceiptVersion> = Vec::new();
    for row in
        query.order_by_asc(Column::ReceiptId).order_by_desc(Column::Version).all(conn).await?
    {
        if found
            .last()
            .is_none_or(|receipt_version| receipt_version.receipt.uuid() != row.receipt_id)
        {
            found.push(version(row)?);
        }
    }
    Ok(found)
}

/// Later versions of a receipt after an id, oldest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    receipt: Id<Receipt>,
    after: Uuid,
    limit: u64,
) -> Result<Vec<ReceiptVersion>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ReceiptId.eq(receipt.uuid()))
        .filter(Column::Id.gt(after));
    query.order_by_asc(Column::Id).limit(limit).all(conn).await?.into_iter().map(version).collect()
}

/// Later versions of a customer's receipts that were issued between two days, after an id, oldest
/// first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
    limit: u64,
) -> Result<Vec<ReceiptVersion>, AppError> {
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
    receipt_version: &ReceiptVersion,
    customer: Id<Customer>,
) -> Result<(), AppError> {
    let row = ActiveModel {
        tenant: Set(tenant.to_string()),
        id: Set(receipt_version.id.uuid()),
        receipt_id: Set(receipt_version.receipt.uuid()),
        customer_id: Set(customer.uuid()),
        version: Set(receipt_version.version.into()),
        number: Set(receipt_version.number.clone()),
        issue_date: Set(receipt_version.issue_date.to_string()),
        seller: Set(party_text(Some(&receipt_version.seller))?),
        buyer: Set(party_text(Some(&receipt_version.buyer))?),
        mentions: Set(receipt_version.mentions.clone()),
        reason: Set(receipt_version.explanation.clone()),
        created_at: Set(receipt_version.created_at),
    };
    Entity::insert(row).exec_without_returning(conn).await?;
    Ok(())
}
