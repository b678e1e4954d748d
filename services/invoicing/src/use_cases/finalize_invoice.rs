//! Issues a draft: its number is taken last, and rolls back with everything else.

use super::{
    check_etag, collect_invoice,
    create_invoice::{locked, sides},
};
use crate::{
    App,
    parse_invoices::InvoiceRef,
    render_invoices as render,
    store::{invoice_parts, invoices, series},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{Invoice, number::INVOICES};
use payterms_kernel::calendar::{day_in, start_of_day};
use payterms_proto::invoicing::v1::{FinalizeInvoiceResponse, Invoice as InvoiceMessage, InvoiceChanged};

/// Runs the verb.
///
/// # Errors
/// Those of [`Invoice::finalize`], `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`.
pub async fn run(app: &App, call: &Call, named: &InvoiceRef, etag: &str) -> Result<Answer<FinalizeInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    check_etag(etag, invoice.version)?;
    let (tenant, customer) = sides(&tx, &call.tenant, named.customer).await?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    let mut series = series::lock(tx.conn(), &call.tenant, INVOICES).await?;
    invoice.finalize((&tenant, &customer), &mut series, today, now)?;
    series::save(tx.conn(), &call.tenant, &series).await?;
    if let Some(due) = invoice.issue.as_ref().map(|issue| issue.due_date) {
        invoice.schedule_collection(start_of_day(tx.time().zone, due).max(now));
        collect_invoice::schedule_next(&tx, std::slice::from_ref(&invoice)).await?;
    }
    invoice_parts::save_taxes(tx.conn(), &call.tenant, &invoice).await?;
    let rendered = publish(&mut tx, &invoice).await?;
    tx.commit(FinalizeInvoiceResponse { invoice: Some(rendered) }).await
}

/// Saves an issued invoice and tells how it stands.
///
/// # Errors
/// The database's.
pub async fn publish(tx: &mut WriteTx, invoice: &Invoice) -> Result<InvoiceMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    invoices::save_many(tx.conn(), &tenant, std::slice::from_ref(invoice)).await?;
    let rendered = render::invoice(&tenant, invoice, day_in(tx.time().zone, tx.now()))?;
    tx.emit("invoice", &invoice.id.to_string(), &InvoiceChanged { invoice: Some(rendered.clone()) }).await?;
    Ok(rendered)
}
