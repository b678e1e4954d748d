//! Names the payment under way for which something is refused: its end is what the caller waits
//! for.

use crate::{
    messages::{invoices::invoice_name, payments::name_of_payment},
    store::payments,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Customer, Invoice, Payment};
use payterms_kernel::{Id, Reason, Refusal, TenantId};
use sea_orm::ConnectionTrait;

/// Passes a result on; a refusal about one of these invoices names it, and `PAYMENT_PENDING` the
/// oldest payment that has reserved it.
///
/// # Errors
/// The refusal.
pub async fn name_pending<T>(
    tx: &WriteTx,
    invoices: &[Invoice],
    result: Result<T, Refusal>,
) -> Result<T, AppError> {
    name_pending_of(tx.conn(), &tx.call().tenant, invoices, result).await
}

/// As [`name_pending`], outside a transaction.
///
/// # Errors
/// The refusal.
pub async fn name_pending_of<T, C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &[Invoice],
    result: Result<T, Refusal>,
) -> Result<T, AppError> {
    let mut refusal = match result {
        Ok(value) => return Ok(value),
        Err(refusal) => refusal,
    };
    let text =
        refusal.metadata.iter().find(|(name, _)| *name == "invoice").map(|(_, id)| id.clone());
    let about: Vec<_> = invoices
        .iter()
        .filter(|invoice| text.as_ref().is_none_or(|id| *id == invoice.id.to_string()))
        .collect();
    if refusal.reason == Reason::PAYMENT_PENDING {
        let ids: Vec<_> = about.iter().map(|invoice| invoice.id).collect();
        if let Some(payment) = payments::oldest_pending(conn, tenant, &ids).await? {
            refusal = refusal.with("payment", name_of_payment(tenant, payment.0, payment.1));
        }
    }
    if let (Some(invoice), Some((_, id))) =
        (about.first(), refusal.metadata.iter_mut().find(|(name, _)| *name == "invoice"))
    {
        *id = invoice_name(tenant, invoice);
    }
    Err(refusal.into())
}

/// Passes a result on; `PAYMENT_PENDING` names the payment, if there is one yet.
///
/// # Errors
/// The refusal.
pub fn name_payment<T>(
    tenant: &TenantId,
    payment: Option<(Id<Customer>, Id<Payment>)>,
    result: Result<T, Refusal>,
) -> Result<T, Refusal> {
    result.map_err(|refusal| match payment {
        Some((customer, payment)) if refusal.reason == Reason::PAYMENT_PENDING => {
            refusal.with("payment", name_of_payment(tenant, customer, payment))
        }
        _ => refusal,
    })
}
