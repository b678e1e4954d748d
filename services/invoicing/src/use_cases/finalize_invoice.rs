//! Issues a draft: its number is taken last, and rolls back with everything else.

use super::{
    collect_invoice,
    create_invoice::{locked, sides},
    metered_services, remind, turn_month,
};
use crate::{
    App,
    commands::invoices::InvoiceRef,
    messages,
    store::{invoice_parts, invoices, receivables, series},
};
use chrono::NaiveDate;
use payterms_chassis::{Answer, AppError, Call, WriteTx, etag};
use payterms_invoicing_domain::{Customer, Invoice, Series, Tenant, number::INVOICES};
use payterms_kernel::{
    Refusal,
    calendar::{day_in, start_of_day},
};
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
    etag::check(etag, invoice.version)?;
    let (tenant, customer) = sides(&tx, &call.tenant, named.customer).await?;
    issue(&tx, &mut invoice, (&tenant, &customer)).await?;
    collect_invoice::schedule_next(&tx, std::slice::from_ref(&invoice)).await?;
    let rendered = publish(&mut tx, &invoice).await?;
    tx.commit(FinalizeInvoiceResponse { invoice: Some(rendered) }).await
}

/// Gives a draft its number, dates and parties, and its collection a date.
///
/// # Errors
/// Those of [`Invoice::finalize`].
pub async fn issue(tx: &WriteTx, invoice: &mut Invoice, sides: (&Tenant, &Customer)) -> Result<(), AppError> {
    let (now, zone) = (tx.now(), tx.time().zone);
    number_from(tx, |series, today| invoice.finalize(sides, series, today, now)).await?;
    if let Some(due) = invoice.issue.as_ref().map(|issue| issue.due_date) {
        invoice.schedule_collection(start_of_day(zone, due).max(now));
    }
    invoice_parts::save_taxes(tx.conn(), &tx.call().tenant, invoice).await
}

/// Lets an invoice take the next number of its series, today in the tenant's zone.
///
/// # Errors
/// Those of `take`, and the database's.
pub(super) async fn number_from<T>(tx: &WriteTx, take: impl FnOnce(&mut Series, NaiveDate) -> Result<T, Refusal>) -> Result<T, AppError> {
    let tenant = &tx.call().tenant;
    let mut series = series::lock(tx.conn(), tenant, INVOICES).await?;
    let taken = take(&mut series, day_in(tx.time().zone, tx.now()))?;
    series::save(tx.conn(), tenant, &series).await?;
    turn_month::schedule_first(tx).await?;
    Ok(taken)
}

/// Saves an issued invoice and tells how it stands; its reminders, what is owed, and the service that it
/// bills follow.
///
/// # Errors
/// The database's.
pub async fn publish(tx: &mut WriteTx, invoice: &Invoice) -> Result<InvoiceMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    invoices::save_many(tx.conn(), &tenant, std::slice::from_ref(invoice)).await?;
    let rendered = messages::invoices::invoice(&tenant, invoice, day_in(tx.time().zone, tx.now()))?;
    tx.emit("invoice", &invoice.id.to_string(), &InvoiceChanged { invoice: Some(rendered.clone()) }).await?;
    remind::plan(tx, std::slice::from_ref(invoice)).await?;
    receivables::post(tx.conn(), &tenant, invoice, day_in(tx.time().zone, tx.now())).await?;
    if let Some(billed) = invoice.billed {
        metered_services::judge(tx, billed.service).await?;
    }
    Ok(rendered)
}
