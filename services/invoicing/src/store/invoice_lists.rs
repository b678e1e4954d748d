//! Lists of invoices: table `invoices` by customer, by day, by service, by state, and by what a
//! caller compares.

use super::invoices::{Column, Entity, whole};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    filter::{Comparison, Operator, Value},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks,
};
use payterms_invoicing_domain::{
    BlockReason, CollectionState, Customer, Invoice, InvoiceState, metered::Billed,
};
use payterms_kernel::{Id, TenantId};
use sea_orm::{
    ExprTrait, IntoSimpleExpr, QueryOrder, QuerySelect, entity::prelude::*, sea_query::Expr,
};
use std::collections::HashMap;

/// Which invoices are listed.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Only those of this customer.
    pub customer: Option<Id<Customer>>,
    /// Only those of this state.
    pub state: Option<InvoiceState>,
    /// Only those that are blocked for this reason.
    pub blocked_for: Option<BlockReason>,
    /// Whether drafts are left out.
    pub issued_only: bool,
    /// The day on which they are past due or not.
    pub today: NaiveDate,
}

/// Invoices by their own ids.
pub const NAMED: marks::Named =
    marks::Named { table: "invoices", path: &[("customer_id", "customers"), ("id", "invoices")] };

/// What is open of an invoice; of a draft nothing is.
const OPEN: &str =
    "CASE WHEN state = 'DRAFT' THEN 0 ELSE total - paid - credited - written_off END";

/// What may be open: the index over due dates of such invoices holds no others. A part that was
/// written off is open while a payment of it is under way.
const OWING: &str = "state IN ('OPEN', 'UNCOLLECTIBLE')";

/// Dates as their indexes have them: the databases disagree about where NULL comes.
const DUE_DATE: &str = "coalesce(due_date, '')";
const ISSUE_DATE: &str = "coalesce(issue_date, '')";

/// A page of invoices after a position.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    listed: &Listed,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Invoice>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = listed.customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if let Some(state) = listed.state {
        query = query.filter(Column::State.eq(state.name()));
    }
    if let Some(reason) = listed.blocked_for {
        query = query.filter(blocked_for(reason.name()));
    }
    if listed.issued_only {
        query = query.filter(Column::State.ne(InvoiceState::Draft.name()));
    }
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison, listed.today))
    };
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &ordered };
    let rows = keyset::page(query, listing, after, &columns)?.all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Blocked for a reason; the index over reasons holds blocked invoices only.
fn blocked_for(reason: &str) -> Expr {
    Column::BlockReason.eq(reason).and(Expr::cust("block_reason <> ''"))
}

/// Past due on a day, as [`Invoice::past_due`] has it, or not.
fn past_due(is: bool, today: NaiveDate) -> Expr {
    let late = Expr::cust(DUE_DATE).lt(today.to_string());
    let late =
        Expr::cust(OWING).and(late).and(Expr::cust(OPEN).gt(0)).and(Expr::cust("top_up = ''"));
    if is { late } else { late.not() }
}

/// A date of an issued invoice, as the index over it has it; a draft has none, and is unequal to
/// each.
fn issued_day(day: &'static str, comparison: &Comparison) -> Compared {
    let expr = keyset::compared(Expr::cust(day), comparison);
    Compared::Whole(if comparison.operator == Operator::NotEqual {
        expr
    } else {
        expr.and(Expr::cust(day).gt(""))
    })
}

fn compared(comparison: &Comparison, today: NaiveDate) -> Option<Compared> {
    let column = |column: Column| Some(Compared::As(column.into_simple_expr()));
    match comparison.field {
        "number" => column(Column::Number),
        "state" => column(Column::State),
        "block_reason" => match (&comparison.value, comparison.operator) {
            (Value::Text(reason), Operator::Equal) => Some(Compared::Whole(blocked_for(reason))),
            _ => column(Column::BlockReason),
        },
        "collection_state"
            if comparison.is_equal_to("OFF") || comparison.operator != Operator::Equal =>
        {
            column(Column::CollectionState)
        }
        "collection_state" => {
            let scheduled =
                keyset::compared(Column::CollectionState.into_simple_expr(), comparison);
            Some(Compared::Whole(scheduled.and(Expr::cust("collection_state <> 'OFF'"))))
        }
        "past_due" => {
            let asked = comparison.value == Value::Flag(true);
            Some(Compared::Whole(past_due(
                asked == (comparison.operator == Operator::Equal),
                today,
            )))
        }
        "customer" => column(Column::CustomerId),
        "metered_service" => column(Column::ServiceId),
        "currency" => column(Column::Currency),
        "total" => column(Column::Total),
        "open" => Some(Compared::As(Expr::cust(OPEN))),
        "issue_date" => Some(issued_day(ISSUE_DATE, comparison)),
        "due_date" => Some(issued_day(DUE_DATE, comparison)),
        "create_time" => column(Column::CreatedAt),
        UPDATE_TIME => column(Column::UpdatedAt),
        _ => None,
    }
}

fn ordered(field: &str) -> Option<Expr> {
    match field {
        "issue_date" => Some(Expr::cust(ISSUE_DATE)),
        "due_date" => Some(Expr::cust(DUE_DATE)),
        "total" => Some(Column::Total.into_simple_expr()),
        UPDATE_TIME => Some(Column::UpdatedAt.into_simple_expr()),
        _ => None,
    }
}

/// Where an invoice is in a list of this order.
#[must_use]
pub fn position(invoice: &Invoice, order: Order) -> Position {
    let issue = invoice.issue.as_ref();
    let text = |text: Option<String>| Key::Text(text.unwrap_or_default());
    let key = match order.field {
        "issue_date" => text(issue.map(|issue| issue.issue_date.to_string())),
        "due_date" => text(issue.map(|issue| issue.due_date.to_string())),
        UPDATE_TIME => Key::Instant(invoice.updated_at),
        "total" => Key::Number(invoice.amounts.total.micros()),
        _ => Key::Id,
    };
    Position { key, id: invoice.id.uuid() }
}

/// Invoices of a customer that were issued between two days, after an id, oldest first.
pub async fn issued<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    from: NaiveDate,
    to: NaiveDate,
    after: Uuid,
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
pub async fn by_numbers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    numbers: &[String],
) -> Result<Vec<Invoice>, AppError> {
    if numbers.is_empty() {
        return Ok(Vec::new());
    }
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Number.is_in(numbers.to_vec()));
    whole(conn, tenant, query.all(conn).await?).await
}

/// Customers and numbers of invoices.
pub async fn numbers<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    ids: &[Id<Invoice>],
) -> Result<HashMap<Id<Invoice>, (Id<Customer>, String)>, AppError> {
    let rows: Vec<(Uuid, Uuid, Option<String>)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::CustomerId, Column::Number])
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .into_tuple()
        .all(conn)
        .await?;
    let known = |(id, customer, number): (Uuid, Uuid, Option<String>)| {
        (Id::from_uuid(id), (Id::from_uuid(customer), number.unwrap_or_default()))
    };
    Ok(rows.into_iter().map(known).collect())
}

/// Whether a service's month is billed.
pub async fn is_billed<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    billed: Billed,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::ServiceId.eq(billed.service.uuid()))
        .filter(Column::ServiceMonth.eq(billed.month.to_string()));
    Ok(query.one(conn).await?.is_some())
}

/// Whether what a closing told is billed.
pub async fn is_of_closing<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    closing: Uuid,
) -> Result<bool, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::UsageClosing.eq(closing));
    Ok(query.one(conn).await?.is_some())
}

/// Unblocked open invoices of a customer whose collection has stopped, locked in the order of their
/// ids.
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
        .filter(Column::CollectionState.is_in(
            [CollectionState::Failed, CollectionState::RequiresAction].map(CollectionState::name),
        ))
        .filter(Column::BlockReason.eq(""));
    let rows = query.order_by_asc(Column::Id).limit(limit).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}

/// The open invoices of a customer, the earliest due first; offers of credit are no debts, and not
/// among them.
pub async fn open_of_customer<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::State.eq(InvoiceState::Open.name()))
        .filter(Column::TopUp.eq(""));
    let rows =
        query.order_by_asc(Column::DueDate).order_by_asc(Column::Id).limit(limit).all(conn).await?;
    whole(conn, tenant, rows).await
}

/// What waits for a dispute that had not taken what had paid it.
fn waiting(tenant: &TenantId, customer: Id<Customer>) -> Select<Entity> {
    Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()))
        .filter(Column::BlockReason.eq(BlockReason::Disputed.name()))
        .filter(Column::BlockOwner.ne(""))
        .filter(Expr::col(Column::BlockOwner).ne(Expr::col(Column::DisputedBy)))
}

/// Whether the collection of an invoice of a customer waits for a dispute.
pub async fn is_any_waiting<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<bool, AppError> {
    Ok(waiting(tenant, customer).one(conn).await?.is_some())
}

/// The invoices of a customer whose collection waits for a dispute that is not `but`, locked in the
/// order of their ids.
pub async fn lock_waiting<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    but: &str,
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let query = waiting(tenant, customer).filter(Column::BlockOwner.ne(but));
    let rows = query.order_by_asc(Column::Id).limit(limit).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}

/// Open invoices of a tenant after an id, locked in the order of their ids.
pub async fn lock_open_after<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    after: Uuid,
    limit: u64,
) -> Result<Vec<Invoice>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.eq(InvoiceState::Open.name()))
        .filter(Column::Id.gt(after));
    let rows = query.order_by_asc(Column::Id).limit(limit).lock_exclusive().all(conn).await?;
    whole(conn, tenant, rows).await
}
