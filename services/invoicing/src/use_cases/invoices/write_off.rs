//! Gives up what is open of an invoice.

use super::{load::lock_invoice, save::publish_invoice};
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    use_cases::{approvals::limit::must_be_within_limit, payments::pending::name_pending},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{Invoice, approval::Together};
use payterms_proto::invoicing::v1::{Invoice as InvoiceMessage, WriteOffInvoiceResponse};
use std::slice::from_ref;

/// Gives up what is open.
///
/// # Errors
/// Those of [`Invoice::write_off`], `RESOURCE_NOT_FOUND`.
pub async fn write_off_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
) -> Result<Answer<WriteOffInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    must_be_within_limit(&tx, Together::of_invoice(&invoice, invoice.open()?, "ProposeWriteOff"))
        .await?;
    let rendered = give_up_invoice(&mut tx, &mut invoice).await?;
    tx.commit(WriteOffInvoiceResponse { invoice: Some(rendered) }).await
}

/// Gives up what is open, whoever decided that.
///
/// # Errors
/// Those of [`Invoice::write_off`].
pub async fn give_up_invoice(
    tx: &mut WriteTx,
    invoice: &mut Invoice,
) -> Result<InvoiceMessage, AppError> {
    let given_up = invoice.write_off(tx.now());
    name_pending(tx, from_ref(invoice), given_up).await?;
    publish_invoice(tx, invoice).await
}
