//! Numbers, issues and publishes invoices.

use crate::{
    documents::wording::Language,
    messages,
    store::{invoice_parts, invoices, receivables, series},
    use_cases::{
        approvals::save::supersede_approvals, metered_services::evaluate::evaluate_metered_service,
        reminders::plan::plan_reminders, statements::turn_month::schedule_month_turn,
    },
};
use chrono::NaiveDate;
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{Customer, Discount, Invoice, Series, Tenant, number::INVOICES};
use payterms_kernel::{Refusal, calendar::start_of_day};
use payterms_proto::invoicing::v1::{Invoice as InvoiceMessage, InvoiceChanged};
use rust_decimal::Decimal;

/// Gives a draft its number, dates and parties, and its collection a date; what its discount became
/// is added to its lines.
///
/// # Errors
/// Those of [`Invoice::finalize`].
pub async fn issue_draft(
    tx: &WriteTx,
    invoice: &mut Invoice,
    tenant: &Tenant,
    customer: &Customer,
) -> Result<(), AppError> {
    let (now, zone) = (tx.now(), tx.time().zone);
    let (written, language) = (invoice.content.lines.len(), Language::of(&customer.locale));
    let name_discount =
        |discount: &Discount, rate: Option<Decimal>| language.discount_line(discount, rate);
    take_number(tx, |series, today| {
        invoice.finalize(tenant, customer, &name_discount, series, today, now)
    })
    .await?;
    invoice_parts::insert_lines(tx.conn(), &tx.call().tenant, invoice, written).await?;
    if let Some(due) = invoice.issue.as_ref().map(|issue| issue.due_date) {
        invoice.schedule_collection(start_of_day(zone, due).max(now));
    }
    invoice_parts::save_taxes(tx.conn(), &tx.call().tenant, invoice).await
}

/// Lets an invoice take the next number of its series, today in the tenant's zone.
///
/// # Errors
/// Those of `take`.
pub async fn take_number<T>(
    tx: &WriteTx,
    take: impl FnOnce(&mut Series, NaiveDate) -> Result<T, Refusal>,
) -> Result<T, AppError> {
    let tenant = &tx.call().tenant;
    let mut series = series::lock(tx.conn(), tenant, INVOICES).await?;
    let taken = take(&mut series, tx.today())?;
    series::save(tx.conn(), tenant, &series).await?;
    schedule_month_turn(tx).await?;
    Ok(taken)
}

/// Saves an issued invoice and tells how it stands; its reminders, what is owed, the service that
/// it bills, and what is proposed of it follow.
pub async fn publish_invoice(
    tx: &mut WriteTx,
    invoice: &Invoice,
) -> Result<InvoiceMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    // On the heap: the futures of all verbs that publish hold it.
    let with_clock = invoice.with_clock(tx.today()).map(Box::new);
    let invoice = with_clock.as_deref().unwrap_or(invoice);
    invoices::save_many(tx.conn(), &tenant, std::slice::from_ref(invoice)).await?;
    let rendered = messages::invoices::invoice(&tenant, invoice, tx.today())?;
    tx.emit(
        "invoice",
        &invoice.id.to_string(),
        &InvoiceChanged { invoice: Some(rendered.clone()) },
    )
    .await?;
    plan_reminders(tx, std::slice::from_ref(invoice)).await?;
    receivables::post(tx.conn(), &tenant, invoice, tx.today()).await?;
    if let Some(billed) = invoice.billed {
        evaluate_metered_service(tx, billed.service).await?;
    }
    Box::pin(supersede_approvals(tx, invoice)).await?;
    Ok(rendered)
}
