//! Locks payments.

use crate::store::{invoices, payments};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, Payment};
use payterms_kernel::Id;

/// Locks the invoices of a payment, and the payment as it is under their locks.
pub async fn lock_payment(
    tx: &WriteTx,
    id: Id<Payment>,
) -> Result<Option<(Payment, Vec<Invoice>)>, AppError> {
    let tenant = &tx.call().tenant;
    let Some(found) = payments::find(tx.conn(), tenant, id).await? else { return Ok(None) };
    let ids: Vec<_> = found.allocations.iter().map(|allocation| allocation.invoice).collect();
    let owned = invoices::lock_many(tx.conn(), tenant, &ids).await?;
    Ok(payments::find(tx.conn(), tenant, id).await?.map(|payment| (payment, owned)))
}
