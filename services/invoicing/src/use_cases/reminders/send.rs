//! Reminds of an open invoice when its day has come.

use super::plan::plan_reminders_by;
use crate::{
    app::App,
    store::{invoices, tenants},
    use_cases::{invoices::save::publish_invoice, mails::notices::mail_reminder},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_kernel::Id;

/// Reminds of an invoice; the subject is the invoice's id.
pub const JOB: &str = "remind";

/// How long a reminder waits for a payment that is under way.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// The day of a reminder has come.
pub async fn send_reminder(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("invoice {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?.pop();
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut invoice) = found else { return Ok(()) };
    let days = tenants::reminder_days(tx.conn(), &row.tenant).await?;
    let (now, today) = (tx.now(), tx.today());
    if invoice.remind(&days, today)? {
        mail_reminder(&mut tx, &invoice, today).await?;
        invoice.touch(now);
        publish_invoice(&mut tx, &invoice).await?;
    } else if invoice.next_reminder(&days, today) == Some(today) {
        // A payment under way may fail: it is looked at again.
        schedule(&tx, JOB, &row.subject, now + PAUSE).await?;
    } else {
        plan_reminders_by(&tx, std::slice::from_ref(&invoice), &days).await?;
    }
    tx.commit_rows().await
}
