//! Lists of refunds by transfer, by what a caller compares.

use super::transfer_refunds::{Column, Entity, refund};
use payterms_chassis::{
    AppError,
    filter::Comparison,
    keyset::{self, Columns, Compared, Key, Position},
    listing::{Listing, Order, UPDATE_TIME},
};
use payterms_invoicing_domain::{Customer, TransferRefund};
use payterms_kernel::{Id, TenantId};
use sea_orm::{IntoSimpleExpr, entity::prelude::*};

/// A page of refunds after a position, of one customer or of all.
pub async fn list<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Option<Id<Customer>>,
    listing: &Listing,
    after: Option<Position>,
) -> Result<Vec<TransferRefund>, AppError> {
    let mut query = Entity::find().filter(Column::Tenant.eq(tenant.as_str()));
    if let Some(customer) = customer {
        query = query.filter(Column::CustomerId.eq(customer.uuid()));
    }
    let order = |field: &str| (field == UPDATE_TIME).then(|| Column::UpdatedAt.into_simple_expr());
    let columns = Columns { id: Column::Id.into_simple_expr(), filter: &compared, order: &order };
    keyset::page(query, listing, after, &columns)?
        .all(conn)
        .await?
        .into_iter()
        .map(refund)
        .collect()
}

fn compared(comparison: &Comparison) -> Option<Compared> {
    let column = |column: Column| Some(Compared::As(column.into_simple_expr()));
    match comparison.field {
        "state" => column(Column::State),
        "customer" => column(Column::CustomerId),
        "payment" => column(Column::PaymentId),
        "from" => column(Column::CreditFrom),
        "reference" => column(Column::Reference),
        "currency" => column(Column::Currency),
        "amount" => Some(Compared::As(Expr::cust("credit + tax"))),
        "sent_date" => column(Column::SentOn),
        "create_time" => column(Column::CreatedAt),
        UPDATE_TIME => column(Column::UpdatedAt),
        _ => None,
    }
}

/// Where a refund is in a list of this order.
#[must_use]
pub fn position(transfer_refund: &TransferRefund, order: Order) -> Position {
    let key =
        if order.field == UPDATE_TIME { Key::Instant(transfer_refund.updated_at) } else { Key::Id };
    Position { key, id: transfer_refund.id.uuid() }
}
