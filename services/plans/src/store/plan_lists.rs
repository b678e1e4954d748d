//! Lists of plans: table `plans` by customer, by state, by invoice, by the next due date, and by
//! what a caller compares.

use super::{
    covered_invoices,
    plans::{Column, Entity, load_parts, next_due},
};
use payterms_chassis::{
    AppError,
    filter::{Comparison, Operator},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks,
};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Customer, DateRange, Invoice, Plan, PlanState};
use sea_orm::{ExprTrait, IntoSimpleExpr, entity::prelude::*, sea_query::Expr};

/// The filter of a list of plans.
#[derive(Debug, Clone)]
pub struct PlanFilter<'a> {
    /// Only plans of this customer; `None`: of all.
    pub customer: Option<Id<Customer>>,
    /// Only plans in one of these states; empty: in any.
    pub states: &'a [PlanState],
    /// Only plans that cover this invoice.
    pub invoice: Option<Id<Invoice>>,
    /// Only plans whose next instalment falls due between these dates.
    pub next_due: DateRange,
}

/// The next due date as its index has it: the databases disagree about where NULL comes.
const NEXT_DUE: &str = "coalesce(next_due, '')";

/// A page of plans. A pending plan is not listed, because it disappears if its invoices cannot be
/// blocked.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    filter: &PlanFilter<'_>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Plan>, AppError> {
    let mut query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::State.ne(PlanState::Pending.name()));
    if let Some(customer) = filter.customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    if !filter.states.is_empty() {
        query = query.filter(Column::State.is_in(filter.states.iter().map(|state| state.name())));
    }
    if let Some(invoice) = filter.invoice {
        let covering = covered_invoices::plans_of(conn, tenant, invoice).await?;
        query = query.filter(Column::Id.is_in(covering.iter().map(|id| id.uuid())));
    }
    if let Some(from) = filter.next_due.from {
        query = query.filter(Column::NextDue.gte(from.to_string()));
    }
    if let Some(to) = filter.next_due.to {
        query = query.filter(Column::NextDue.lte(to.to_string()));
    }
    let order = |field: &str| match field {
        "next_due_date" => Some(Expr::cust(NEXT_DUE)),
        UPDATE_TIME => Some(Column::UpdatedAt.into_simple_expr()),
        _ => None,
    };
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison))
    };
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    load_parts(conn, tenant, keyset::page(query, listing, after, &columns)?.all(conn).await?).await
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = match comparison.field {
        "state" => Column::State,
        "customer" => Column::CustomerId,
        "currency" => Column::Currency,
        "next_due_date" => {
            let expr = keyset::compared(Expr::cust(NEXT_DUE), comparison);
            let is_unequal = comparison.operator == Operator::NotEqual;
            return Some(Compared::Whole(if is_unequal {
                expr
            } else {
                expr.and(Expr::cust(NEXT_DUE).gt(""))
            }));
        }
        "create_time" => Column::CreatedAt,
        UPDATE_TIME => Column::UpdatedAt,
        _ => return None,
    };
    Some(Compared::As(column.into_simple_expr()))
}

/// Where a plan is in a list of this order.
#[must_use]
pub fn position(plan: &Plan, order: Order) -> Position {
    let key = match order.field {
        "next_due_date" => Key::Text(next_due(plan).map(|day| day.to_string()).unwrap_or_default()),
        UPDATE_TIME => Key::Instant(plan.updated_at),
        _ => Key::Id,
    };
    Position { key, id: plan.id.uuid() }
}
