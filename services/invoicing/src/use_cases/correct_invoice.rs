//! Puts the present business details on an issued invoice.

use super::{
    create_invoice::{locked, sides},
    read_invoices::visible,
};
use crate::{
    App,
    commands::invoices::InvoiceRef,
    messages,
    store::{series, versions},
};
use payterms_chassis::{Answer, AppError, Call, page::Page};
use payterms_invoicing_domain::{InvoiceVersion, number::CORRECTIONS};
use payterms_kernel::calendar::day_in;
use payterms_proto::invoicing::v1::{CorrectInvoiceResponse, InvoiceCorrected, ListInvoiceVersionsResponse};
use uuid::Uuid;

/// Runs the verb.
///
/// # Errors
/// Those of [`InvoiceVersion::correct`], `RESOURCE_NOT_FOUND`.
pub async fn run(app: &App, call: &Call, named: &InvoiceRef, reason: &str) -> Result<Answer<CorrectInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    visible(tx.conn(), named).await?;
    let (tenant, customer) = sides(&tx, &call.tenant, named.customer).await?;
    let before = versions::last_of(tx.conn(), &call.tenant, &[invoice.id]).await?.pop();
    let mut series = series::lock(tx.conn(), &call.tenant, CORRECTIONS).await?;
    let (id, now, today) = (tx.id(), tx.now(), day_in(tx.time().zone, tx.now()));
    let issue = (&mut series, today, reason.to_owned());
    let version = InvoiceVersion::correct(id, (&invoice, before.as_ref()), (&tenant, &customer), issue, now)?;
    series::save(tx.conn(), &call.tenant, &series).await?;
    versions::insert(tx.conn(), &call.tenant, (&version, invoice.customer)).await?;
    let rendered = messages::invoice_versions::invoice_version(&call.tenant, &invoice, &version);
    tx.emit("invoice_version", &version.id.to_string(), &InvoiceCorrected { invoice_version: Some(rendered.clone()) }).await?;
    tx.commit(CorrectInvoiceResponse { invoice_version: Some(rendered) }).await
}

/// A page of an invoice's later versions, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list(app: &App, named: &InvoiceRef, page: &Page) -> Result<ListInvoiceVersionsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let invoice = visible(&conn, named).await?;
    let mut found = versions::list(&conn, &named.tenant, invoice.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |own| own.id.to_string());
    let invoice_versions = found.iter().map(|own| messages::invoice_versions::invoice_version(&named.tenant, &invoice, own)).collect();
    Ok(ListInvoiceVersionsResponse { invoice_versions, next_page_token })
}
