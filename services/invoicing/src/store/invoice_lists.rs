//! Lists of invoices: table `invoices` by customer, by day, by service, by state.

use super::invoices::{Column, Entity, whole};
use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{BlockReason, CollectionState, Customer, Invoice, InvoiceState, metered::Billed};
use payterms_kernel::{Id, TenantId};
use sea_orm::{QueryOrder, QuerySelect, entity::prelude::*};

/// Which invoices of a customer are listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Only those of this state.
    pub state: Option<InvoiceState>,
    /// Only those that are blocked for this reason.
    pub blocked_for: Option<BlockReason>,
    /// Whether drafts are left out.
    pub issued_only: bool,
    /// Only ids below this one.
    pub before: Uuid,
}

/// Invoices of a customer, newest first.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    listed: Listed,
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let mut query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::Id.lt(listed.before));
    if let Some(state) = listed.state {
        query = query.filter(Column::State.eq(state.name()));
    }
    if let Some(reason) = listed.blocked_for {
        query = query.filter(Column::BlockReason.eq(reason.name()));
    }
    if listed.issued_only {
        query = query.filter(Column::State.ne(InvoiceState::Draft.name()));
    }
    let rows = query.order_by_desc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Invoices of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    (from, to, after): (NaiveDate, NaiveDate, Uuid),
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::IssueDate.between(from.to_string(), to.to_string()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// The issued invoices with these numbers.
pub async fn by_numbers<C: ConnectionTrait>(conn: &C, tenant: &TenantId, numbers: &[String]) -> Result<Vec<Invoice>, AppError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::Number.is_in(numbers.to_vec()));
    whole(conn, tenant, query.all(conn).await?).await
}

/// Whether a service's month is billed.
pub async fn is_billed<C: ConnectionTrait>(conn: &C, tenant: &TenantId, billed: Billed) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ServiceId.eq(billed.service.uuid()))
        .filter(Column::ServiceMonth.eq(billed.month.to_string()));
    Ok(query.one(conn).await?.is_some())
}

/// Whether what a closing told is billed.
pub async fn is_of_closing<C: ConnectionTrait>(conn: &C, tenant: &TenantId, closing: Uuid) -> Result<bool, AppError> {
    let query = Entity::find().filter(Column::Tenant.eq(tenant.as_str())).filter(Column::UsageClosing.eq(closing));
    Ok(query.one(conn).await?.is_some())
}

/// Unblocked open invoices of a customer whose collection has stopped, locked in the order of their ids.
pub async fn lock_stopped<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::State.eq(InvoiceState::Open.name()))
        .filter(Column::CollectionState.is_in([CollectionState::Failed, CollectionState::RequiresAction].map(CollectionState::name)))
        .filter(Column::BlockReason.eq(""));
    let rows = query.order_by_asc(Column::Id).limit(limit).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Open invoices of a tenant after an id, locked in the order of their ids.
pub async fn lock_open_after<C: ConnectionTrait>(conn: &C, tenant: &TenantId, after: Uuid, limit: u64) -> Result<Vec<Invoice>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(InvoiceState::Open.name()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}
