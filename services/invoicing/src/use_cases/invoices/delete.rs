//! Drops drafts.

use crate::{app::App, commands::invoices::InvoiceRef, store::invoices};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::InvoiceState;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::DeleteInvoiceResponse;

/// Drops a draft.
///
/// # Errors
/// `INVOICE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn delete_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
) -> Result<Answer<DeleteInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = invoices::lock(tx.conn(), &named.tenant, named.customer, named.invoice).await?;
    // The answer outlives the draft.
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let invoice = invoice.ok_or_else(Refusal::not_found)?;
    invoice.must_be(&[InvoiceState::Draft])?;
    invoices::delete(tx.conn(), &call.tenant, invoice.id).await?;
    tx.commit(DeleteInvoiceResponse {}).await
}
