//! Blocks an invoice for the tenant's people, and lifts the block.

use super::schedule::schedule_collections;
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    use_cases::invoices::{load::lock_invoice, save::publish_invoice},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{Block, BlockReason};
use payterms_proto::invoicing::v1::{BlockInvoiceResponse, UnblockInvoiceResponse};

/// Blocks an invoice for the tenant's people.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::set_block`], `RESOURCE_NOT_FOUND`.
pub async fn block_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    reason: BlockReason,
) -> Result<Answer<BlockInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let since = tx.today();
    invoice.set_block(Block { reason, owner: String::new(), since }, tx.now())?;
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    tx.commit(BlockInvoiceResponse { invoice: Some(rendered) }).await
}

/// Lifts a block of the tenant's people.
///
/// # Errors
/// `INVOICE_BLOCKED` by another owner, `RESOURCE_NOT_FOUND`.
pub async fn unblock_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
) -> Result<Answer<UnblockInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    invoice.lift_block("", tx.today(), tx.now())?;
    schedule_collections(&tx, std::slice::from_ref(&invoice)).await?;
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    tx.commit(UnblockInvoiceResponse { invoice: Some(rendered) }).await
}
