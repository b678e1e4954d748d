//! Moves what falls due on a day, after the tenant's time zone has changed. The turn of the month
//! moves with the change itself.

use crate::{
    app::App,
    store::invoices,
    use_cases::{
        collections::collect, invoices::save::publish_invoice, mails::invoice_notices,
        metered_services::suspend, reminders, statements::mail_month, top_ups,
    },
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::DueRow,
    names,
    zones::{Move, Page, move_rows, take_page},
};
use payterms_kernel::Id;
use uuid::Uuid;

/// The jobs whose rows fall due when a day begins, or so long after that.
pub const JOBS: [&str; 6] = [
    collect::JOB,
    reminders::send::JOB,
    suspend::JOB,
    top_ups::lapse::JOB,
    mail_month::JOB,
    invoice_notices::JOB,
];

/// How long after the beginning of its day a row of a job falls due: the mails of a month wait for
/// its documents.
fn after_midnight(job: &str) -> TimeDelta {
    match job {
        mail_month::JOB => mail_month::WAITS_FOR_INVOICES,
        invoice_notices::JOB => invoice_notices::WAITS_FOR_THE_MONTH,
        _ => TimeDelta::zero(),
    }
}

/// Moves a page of rows.
pub async fn follow_zone(app: &App, row: &DueRow) -> Result<(), AppError> {
    let mut tx = app.db.begin_forward(&row.call("invoicing", Uuid::nil())).await?;
    let Some(page) = take_page(&tx, row).await? else { return Ok(()) };
    let after = after_midnight(&page.job);
    let begins = page.rows.into_iter().map(|(subject, due)| (subject, due - after)).collect();
    let page = Page { rows: begins, ..page };
    let moves: Vec<Move> = page
        .moves(tx.time().zone)
        .into_iter()
        .map(|(subject, from, to)| (subject, from + after, to + after))
        .collect();
    if page.job == collect::JOB {
        move_collections(&mut tx, &moves).await?;
    }
    move_rows(&tx, &page.job, &moves).await?;
    tx.commit_rows().await
}

/// Invoices say when they are collected, too.
async fn move_collections(tx: &mut WriteTx, moves: &[Move]) -> Result<(), AppError> {
    let ids: Vec<_> =
        moves.iter().filter_map(|(subject, ..)| names::uuid(subject)).map(Id::from_uuid).collect();
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    for mut invoice in invoices::lock_many(tx.conn(), &tenant, &ids).await? {
        let of_invoice = moves.iter().find(|(subject, ..)| *subject == invoice.id.to_string());
        if of_invoice.is_some_and(|(_, from, to)| invoice.move_collection(*from, *to, now)) {
            publish_invoice(tx, &invoice).await?;
        }
    }
    Ok(())
}
