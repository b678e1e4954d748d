//! Lists of payments, by what a caller compares.

use super::{
    payment_allocations,
    payments::{Column, Entity, whole},
};
use chrono::NaiveDate;
use payterms_chassis::{
    AppError,
    filter::{Comparison, Operator, Value},
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
    marks, sql,
};
use payterms_invoicing_domain::{Customer, Invoice, Payment};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{
    ExprTrait, IntoSimpleExpr, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

/// The effective day as its index has it: the databases disagree about where NULL comes.
const EFFECTIVE_DATE: &str = "coalesce(effective_on, '')";
/// What was to be paid with all its tenders.
const AMOUNT: &str = "(SELECT coalesce(sum(t.amount), 0) FROM payment_tenders t WHERE t.tenant = payments.tenant AND t.payment_id = payments.id)";

/// A page of payments after a position, of one customer or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<Payment>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    let backend = conn.get_database_backend();
    let filter = |comparison: &Comparison| {
        marks::compared(backend, comparison).or_else(|| compared(comparison, tenant))
    };
    let order = |field: &str| match field {
        "effective_date" => Some(Expr::cust(EFFECTIVE_DATE)),
        UPDATE_TIME => Some(Column::UpdatedAt.into_simple_expr()),
        _ => None,
    };
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &filter, order: &order };
    let rows = keyset::page(query, listing, after, &columns)?.all(conn).await?;
    whole(conn, tenant, rows).await
}

/// The newest payment that a plan, by its name, has begun for a customer.
pub async fn last_of_owner<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
    owner: &str,
) -> Result<Option<Payment>, AppError> {
    let query = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::CustomerId.eq(customer.uuid()));
    let row = query.filter(Column::Owner.eq(owner)).order_by_desc(Column::Id).one(conn).await?;
    Ok(whole(conn, tenant, row.into_iter().collect()).await?.pop())
}

fn compared(comparison: &Comparison, tenant: &TenantId) -> Option<Compared> {
    let column = |column: Column| Some(Compared::As(column.into_simple_expr()));
    match comparison.field {
        "state" => column(Column::State),
        "customer" => column(Column::CustomerId),
        "invoice" => of_invoice(comparison, tenant),
        // A constant, so that the index, which holds no payment without one, is used.
        "reference" if comparison.operator == Operator::Equal => {
            let expr = keyset::compared(Column::Reference.into_simple_expr(), comparison);
            Some(Compared::Whole(expr.and(Expr::cust("reference <> ''"))))
        }
        "reference" => column(Column::Reference),
        "automatic" => column(Column::Automatic),
        "currency" => column(Column::Currency),
        "amount" => Some(Compared::As(Expr::cust(AMOUNT))),
        // What is under way has not taken effect, though the day of a bank line is known.
        "effective_date" if comparison.operator == Operator::NotEqual => {
            let expr = keyset::compared(Expr::cust(EFFECTIVE_DATE), comparison);
            Some(Compared::Whole(expr.or(Column::State.eq("PROCESSING"))))
        }
        "effective_date" => {
            let expr = keyset::compared(Expr::cust(EFFECTIVE_DATE), comparison);
            Some(Compared::Whole(
                expr.and(Expr::cust(EFFECTIVE_DATE).gt("")).and(Column::State.ne("PROCESSING")),
            ))
        }
        "create_time" => column(Column::CreatedAt),
        UPDATE_TIME => column(Column::UpdatedAt),
        _ => None,
    }
}

/// Whether a payment is allocated to an invoice, or is not.
fn of_invoice(comparison: &Comparison, tenant: &TenantId) -> Option<Compared> {
    let Value::Id(invoice) = &comparison.value else { return None };
    let payments = Query::select()
        .column(payment_allocations::Column::PaymentId)
        .from(payment_allocations::Entity)
        .and_where(payment_allocations::Column::Tenant.eq(tenant.as_str()))
        .and_where(payment_allocations::Column::InvoiceId.eq(*invoice))
        .to_owned();
    let among = Column::Id.in_subquery(payments);
    Some(Compared::Whole(if comparison.operator == Operator::Equal { among } else { among.not() }))
}

/// Where a payment is in a list of this order.
#[must_use]
pub fn position(payment: &Payment, order: Order) -> Position {
    let key = match order.field {
        "effective_date" => {
            Key::Text(payment.effective_on.map(|day| day.to_string()).unwrap_or_default())
        }
        UPDATE_TIME => Key::Instant(payment.updated_at),
        _ => Key::Id,
    };
    Position { key, id: payment.id.uuid() }
}

/// What was paid of an invoice by itself from the collection method, effective from a day on, and
/// stands; none: nothing was.
pub async fn collected_since<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoice: &Invoice,
    since: NaiveDate,
) -> Result<Option<Money>, AppError> {
    let select = "SELECT CAST(coalesce(sum(a.paid - a.refunded), 0) AS bigint) AS collected FROM payment_allocations a \
                  JOIN payments p ON p.tenant = a.tenant AND p.id = a.payment_id \
                  WHERE a.tenant = $1 AND a.invoice_id = $2 AND p.automatic AND p.state IN ('SUCCEEDED', 'PARTIAL') AND p.effective_on >= $3";
    let values = vec![tenant.as_str().into(), invoice.id.uuid().into(), since.to_string().into()];
    let Some(row) = sql::one(conn, select, values).await? else { return Ok(None) };
    let collected: i64 = row.try_get("", "collected")?;
    Ok((collected > 0).then(|| Money::from_micros(invoice.currency, collected)))
}
