//! Reminds of open invoices after the tenant's schedule.

use super::{finalize_invoice, notices};
use crate::{
    App, jobs,
    store::{invoice_lists, invoices, tenants},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, cancel_many, schedule, schedule_many, take},
    names,
};
use payterms_invoicing_domain::Invoice;
use payterms_kernel::{
    Id,
    calendar::{day_in, start_of_day},
};
use uuid::Uuid;

/// Invoices in one transaction.
const PAGE: u64 = 200;
/// How long a reminder waits for a payment that is under way.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Plans the next reminder of invoices, after each change of them.
///
/// # Errors
/// The database's.
pub async fn plan(tx: &WriteTx, changed: &[Invoice]) -> Result<(), AppError> {
    let days = tenants::reminder_days(tx.conn(), &tx.call().tenant).await?;
    if days.is_empty() {
        return Ok(());
    }
    plan_by(tx, changed, &days).await
}

async fn plan_by(tx: &WriteTx, changed: &[Invoice], days: &[i16]) -> Result<(), AppError> {
    let (zone, today) = (tx.time().zone, day_in(tx.time().zone, tx.now()));
    let (mut due, mut none) = (Vec::new(), Vec::new());
    for invoice in changed {
        match invoice.next_reminder(days, today) {
            Some(day) => due.push((invoice.id.to_string(), start_of_day(zone, day))),
            None => none.push(invoice.id.to_string()),
        }
    }
    schedule_many(tx, jobs::REMIND, &due).await?;
    Ok(cancel_many(tx, jobs::REMIND, &none).await?)
}

/// The day of a reminder has come.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("invoice {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?.pop();
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut invoice) = found else { return Ok(()) };
    let days = tenants::reminder_days(tx.conn(), &row.tenant).await?;
    let (now, today) = (tx.now(), day_in(tx.time().zone, tx.now()));
    if invoice.remind(&days, today)? {
        notices::reminder(&mut tx, &invoice, today).await?;
        invoice.touch(now);
        finalize_invoice::publish(&mut tx, &invoice).await?;
    } else if invoice.next_reminder(&days, today) == Some(today) {
        // A payment under way may fail: it is looked at again.
        schedule(&tx, jobs::REMIND, &row.subject, now + PAUSE).await?;
    } else {
        plan_by(&tx, std::slice::from_ref(&invoice), &days).await?;
    }
    tx.commit_rows().await
}

/// After a change of the schedule: plans all open invoices anew, a page at a time.
///
/// # Errors
/// The database's.
pub async fn plan_anew(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(after) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("page {:?}", row.subject))) };
    let tx = app.db.begin_forward(&row.call("invoicing", after)).await?;
    let page = invoice_lists::lock_open_after(tx.conn(), &row.tenant, after, PAGE).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(last) = page.last().filter(|_| page.len() as u64 == PAGE) {
        schedule(&tx, jobs::PLAN_REMINDERS, &last.id.to_string(), tx.now()).await?;
    }
    let days = tenants::reminder_days(tx.conn(), &row.tenant).await?;
    plan_by(&tx, &page, &days).await?;
    tx.commit_rows().await
}

/// Schedules that.
///
/// # Errors
/// The database's.
pub async fn schedule_anew(tx: &WriteTx) -> Result<(), AppError> {
    Ok(schedule(tx, jobs::PLAN_REMINDERS, &Uuid::nil().to_string(), tx.now()).await?)
}
