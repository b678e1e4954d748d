//! Plans reminders after the tenant's schedule.

use super::send;
use crate::{
    app::App,
    store::{invoice_lists, tenants},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, cancel_many, schedule, schedule_many, take},
    names,
};
use payterms_invoicing_domain::Invoice;
use payterms_kernel::calendar::start_of_day;
use uuid::Uuid;

/// Plans reminders after a change of the schedule; the subject is the invoice that the page comes
/// after.
pub const JOB: &str = "plan_reminders";

/// Invoices in one transaction.
const PAGE: u64 = 200;

/// Plans the next reminder of invoices, after each change of them.
pub async fn plan_reminders(tx: &WriteTx, changed: &[Invoice]) -> Result<(), AppError> {
    let days = tenants::reminder_days(tx.conn(), &tx.call().tenant).await?;
    if days.is_empty() {
        return Ok(());
    }
    plan_reminders_by(tx, changed, &days).await
}

/// Plans the next reminder of invoices by the days of a schedule.
pub async fn plan_reminders_by(
    tx: &WriteTx,
    changed: &[Invoice],
    days: &[i16],
) -> Result<(), AppError> {
    let (zone, today) = (tx.time().zone, tx.today());
    let (mut due, mut none) = (Vec::new(), Vec::new());
    for invoice in changed {
        match invoice.next_reminder(days, today) {
            Some(day) => due.push((invoice.id.to_string(), start_of_day(zone, day))),
            None => none.push(invoice.id.to_string()),
        }
    }
    schedule_many(tx, send::JOB, &due).await?;
    Ok(cancel_many(tx, send::JOB, &none).await?)
}

/// After a change of the schedule: plans all open invoices anew, a page at a time.
pub async fn plan_all_reminders(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(after) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("page {:?}", row.subject)));
    };
    let tx = app.db.begin_forward(&row.call("invoicing", after)).await?;
    let page = invoice_lists::lock_open_after(tx.conn(), &row.tenant, after, PAGE).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(last) = page.last().filter(|_| page.len() as u64 == PAGE) {
        schedule(&tx, JOB, &last.id.to_string(), tx.now()).await?;
    }
    let days = tenants::reminder_days(tx.conn(), &row.tenant).await?;
    plan_reminders_by(&tx, &page, &days).await?;
    tx.commit_rows().await
}

/// Enqueues the planning of all open invoices.
pub async fn enqueue_reminder_planning(tx: &WriteTx) -> Result<(), AppError> {
    Ok(schedule(tx, JOB, &Uuid::nil().to_string(), tx.now()).await?)
}
