//! Table `payment_allocations`: which invoices a payment is for.

use super::currency;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Allocation, Payment};
use payterms_kernel::{Id, Money, TenantId};
use sea_orm::{ActiveValue::Set, QueryOrder, entity::prelude::*, sea_query::OnConflict};
use std::collections::HashMap;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_allocations")]
/// A row.
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub tenant: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i64,
    pub invoice_id: Uuid,
    pub amount: i64,
    pub reversed: i64,
    pub paid: i64,
    pub refunded: i64,
    pub deferred: i64,
    pub repays_line: bool,
    pub currency: String,
}

/// No relations: other tables are read by their own modules.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn allocation(row: &Model) -> Result<(Uuid, Allocation), AppError> {
    let currency = currency(&row.currency)?;
    let money = |micros| Money::from_micros(currency, micros);
    let invoice = Id::from_uuid(row.invoice_id);
    let (paid, refunded, deferred) = (money(row.paid), money(row.refunded), money(row.deferred));
    let (amount, reversed, repays_line) = (money(row.amount), money(row.reversed), row.repays_line);
    Ok((
        row.payment_id,
        Allocation { invoice, amount, reversed, paid, refunded, deferred, repays_line },
    ))
}

/// The allocations of payments, in their order.
pub(super) async fn of_payments<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payments: Vec<Uuid>,
) -> Result<HashMap<Uuid, Vec<Allocation>>, AppError> {
    let found = Entity::find()
        .filter(Column::Tenant.eq(tenant.as_str()))
        .filter(Column::PaymentId.is_in(payments))
        .order_by_asc(Column::Place);
    let mut allocated: HashMap<Uuid, Vec<Allocation>> = HashMap::new();
    for row in found.all(conn).await? {
        let (payment, this_allocation) = allocation(&row)?;
        allocated.entry(payment).or_default().push(this_allocation);
    }
    Ok(allocated)
}

/// Saves the allocations of a payment.
pub(super) async fn save<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    payment: &Payment,
) -> Result<(), AppError> {
    let code = payment.currency.code();
    let rows = (1_i64..).zip(&payment.allocations).map(|(place, allocation)| ActiveModel {
        tenant: Set(tenant.to_string()),
        payment_id: Set(payment.id.uuid()),
        place: Set(place),
        invoice_id: Set(allocation.invoice.uuid()),
        amount: Set(allocation.amount.micros()),
        reversed: Set(allocation.reversed.micros()),
        paid: Set(allocation.paid.micros()),
        refunded: Set(allocation.refunded.micros()),
        deferred: Set(allocation.deferred.micros()),
        repays_line: Set(allocation.repays_line),
        currency: Set(code.to_owned()),
    });
    let rows: Vec<_> = rows.collect();
    let key = [Column::Tenant, Column::PaymentId, Column::Place];
    let changing = [
        // What was announced again reserves when it comes.
        Column::Amount,
        Column::Reversed,
        Column::Paid,
        Column::Refunded,
        Column::Deferred,
        Column::RepaysLine,
    ];
    let upsert = OnConflict::columns(key).update_columns(changing).to_owned();
    if !rows.is_empty() {
        Entity::insert_many(rows).on_conflict(upsert).exec_without_returning(conn).await?;
    }
    Ok(())
}
