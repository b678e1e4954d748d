//! Takes off what did not come of a top-up by transfer.

use crate::{
    app::App,
    store::{bank_lines, invoices},
    use_cases::{credit_notes::save::issue_credit_note, invoices::save::publish_invoice},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError,
    jobs::{DueRow, schedule, take},
    names,
};
use payterms_invoicing_domain::top_up::NOT_TRANSFERRED;
use payterms_kernel::{Id, calendar::start_of_day};

/// Takes off what did not come for a top-up by transfer; the subject is the invoice's id.
pub const JOB: &str = "lapse_top_up";

/// How long a lapse waits for a transfer that is being booked.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// The time of an invoice is over: what did not come is taken off.
pub async fn lapse_top_up(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("invoice {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    let found = invoices::lock_many(tx.conn(), &row.tenant, &[Id::from_uuid(id)]).await?.pop();
    if !take(&tx, row).await? {
        return Ok(());
    }
    let Some(mut invoice) = found else { return tx.commit_rows().await };
    let now = tx.now();
    let today = tx.today();
    if !bank_lines::suggested_for(tx.conn(), &row.tenant, invoice.id).await?.is_empty() {
        // A person says first whether what came in is for it (docs/domain/wallet.md#transfer-rest).
        let tomorrow =
            today.succ_opt().map_or(now + PAUSE, |day| start_of_day(tx.time().zone, day));
        schedule(&tx, JOB, &row.subject, tomorrow).await?;
    } else if invoice.pending.is_positive()
        || bank_lines::is_awaited(tx.conn(), &row.tenant, invoice.id).await?
    {
        schedule(&tx, JOB, &row.subject, now + PAUSE).await?;
    } else if let Some((amount, taxes)) = invoice.lapse(now)? {
        let note = tx.id();
        issue_credit_note(&mut tx, &invoice, None, note, amount, taxes, NOT_TRANSFERRED).await?;
        publish_invoice(&mut tx, &invoice).await?;
    }
    tx.commit_rows().await
}
