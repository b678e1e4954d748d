//! Writes drafts.

use super::load::find_sides;
use crate::{
    app::App,
    commands::invoices::CreateInvoice,
    messages,
    store::{invoice_lists, invoices},
};
use payterms_chassis::{Answer, AppError, Call, marks::must_be_free};
use payterms_invoicing_domain::Invoice;
use payterms_proto::invoicing::v1::CreateInvoiceResponse;

/// Writes a draft.
///
/// # Errors
/// Those of [`Invoice::draft`], `EXTERNAL_ID_TAKEN`, and `RESOURCE_NOT_FOUND`.
pub async fn create_invoice(
    app: &App,
    call: &Call,
    new: &CreateInvoice,
) -> Result<Answer<CreateInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (tenant, customer) = find_sides(&tx, &call.tenant, new.customer).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let mut invoice =
        Invoice::draft(tx.id(), &tenant, &customer, new.currency, new.content.clone(), now)?;
    must_be_free(&tx, invoice_lists::NAMED, invoice.id.uuid(), new.marks.external_id.as_deref())
        .await?;
    invoice.marks.clone_from(&new.marks);
    invoices::save_draft(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = messages::invoices::invoice(&call.tenant, &invoice, tx.today())?;
    tx.commit(CreateInvoiceResponse { invoice: Some(rendered) }).await
}
