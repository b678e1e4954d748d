//! Tells the wallet which invoice bills a month of use that it has closed.

use crate::messages;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::Invoice;

/// Publishes which month of use an issued invoice bills; nothing for other invoices.
pub async fn announce_usage_invoice(tx: &mut WriteTx, invoice: &Invoice) -> Result<(), AppError> {
    let Some(event) = messages::invoices::usage_invoiced(&tx.call().tenant, invoice) else {
        return Ok(());
    };
    tx.emit("usage_invoice", &invoice.id.to_string(), &event).await
}
