//! Puts the present business details on an issued invoice.

use super::load::{find_sides, find_visible_invoice, lock_invoice};
use crate::{
    app::App,
    commands::invoices::InvoiceRef,
    messages,
    store::{series, versions},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{InvoiceVersion, number::CORRECTIONS};
use payterms_proto::invoicing::v1::{CorrectInvoiceResponse, InvoiceCorrected};

/// Puts the present details on an invoice as a later version.
///
/// # Errors
/// Those of [`InvoiceVersion::correct`], `RESOURCE_NOT_FOUND`.
pub async fn correct_invoice(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    explanation: &str,
) -> Result<Answer<CorrectInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = lock_invoice(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    find_visible_invoice(tx.conn(), named).await?;
    let (tenant, customer) = find_sides(&tx, &call.tenant, named.customer).await?;
    let before = versions::last_of(tx.conn(), &call.tenant, &[invoice.id]).await?.pop();
    let mut series = series::lock(tx.conn(), &call.tenant, CORRECTIONS).await?;
    let (id, now, today) = (tx.id(), tx.now(), tx.today());
    let issue = (&mut series, today, explanation.to_owned());
    let version =
        InvoiceVersion::correct(id, (&invoice, before.as_ref()), (&tenant, &customer), issue, now)?;
    series::save(tx.conn(), &call.tenant, &series).await?;
    versions::insert(tx.conn(), &call.tenant, &version, invoice.customer).await?;
    let rendered = messages::invoice_versions::invoice_version(&call.tenant, &invoice, &version);
    tx.emit(
        "invoice_version",
        &version.id.to_string(),
        &InvoiceCorrected { invoice_version: Some(rendered.clone()) },
    )
    .await?;
    tx.commit(CorrectInvoiceResponse { invoice_version: Some(rendered) }).await
}
