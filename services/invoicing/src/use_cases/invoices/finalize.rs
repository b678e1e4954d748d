//! Issues a draft: its number is taken last, and rolls back with everything else.

use super::{
    announce_usage::announce_usage_invoice,
    load::{find_sides, lock_invoice, must_show},
    save::{issue_draft, publish_invoice},
};
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    use_cases::{
        collections::schedule::schedule_collections, mails::invoice_notices::mail_issued_invoice,
    },
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::FinalizeInvoiceResponse;

/// Issues a draft.
///
/// # Errors
/// Those of [`payterms_invoicing_domain::Invoice::finalize`], `RESOURCE_NOT_FOUND`,
/// `ETAG_MISMATCH`.
pub async fn finalize_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    etag: &str,
) -> Result<Answer<FinalizeInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (tenant, customer) = find_sides(&tx, &call.tenant, named.customer).await?;
    must_show(&tx, &mut invoice, &tenant, &customer, etag)?;
    issue_draft(&tx, &mut invoice, &tenant, &customer).await?;
    schedule_collections(&tx, std::slice::from_ref(&invoice)).await?;
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    announce_usage_invoice(&mut tx, &invoice).await?;
    mail_issued_invoice(&mut tx, &invoice).await?;
    tx.commit(FinalizeInvoiceResponse { invoice: Some(rendered) }).await
}
