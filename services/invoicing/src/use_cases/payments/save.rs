//! Saves payments with their invoices.

use crate::{messages, store::payments, use_cases::invoices::save::publish_invoice};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Invoice, Payment};
use payterms_proto::invoicing::v1::{Payment as PaymentMessage, PaymentChanged};

/// Saves a payment with its invoices, and tells of all.
pub async fn publish_payment(
    tx: &mut WriteTx,
    payment: &mut Payment,
    owned: &mut Vec<Invoice>,
) -> Result<PaymentMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    owned.retain(|invoice| {
        payment.allocations.iter().any(|allocation| allocation.invoice == invoice.id)
    });
    payments::save(tx.conn(), &tenant, payment).await?;
    for invoice in owned.iter() {
        publish_invoice(tx, invoice).await?;
    }
    let rendered = messages::payments::payment(&tenant, payment);
    tx.emit(
        "payment",
        &payment.id.to_string(),
        &PaymentChanged { payment: Some(rendered.clone()) },
    )
    .await?;
    Ok(rendered)
}
