//! Moves what falls due on a day, after the tenant's time zone has changed. The turn of the month moves with the change itself.

use crate::{
    app::App,
    store::invoices,
    use_cases::{collections::collect, invoices::save::publish_invoice, metered_services::suspend, reminders, top_ups},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::DueRow,
    names,
    zones::{Move, move_rows, take_page},
};
use payterms_kernel::Id;
use uuid::Uuid;

/// The jobs whose rows fall due when a day begins.
pub const JOBS: [&str; 4] = [collect::JOB, reminders::send::JOB, suspend::JOB, top_ups::lapse::JOB];

/// Moves a page of rows.
pub async fn follow_zone(app: &App, row: &DueRow) -> Result<(), AppError> {
    let mut tx = app.db.begin_forward(&row.call("invoicing", Uuid::nil())).await?;
    let Some(page) = take_page(&tx, row).await? else { return Ok(()) };
    let moves = page.moves(tx.time().zone);
    if page.job == collect::JOB {
        move_collections(&mut tx, &moves).await?;
    }
    move_rows(&tx, &page.job, &moves).await?;
    tx.commit_rows().await
}

/// Invoices say when they are collected, too.
async fn move_collections(tx: &mut WriteTx, moves: &[Move]) -> Result<(), AppError> {
    let ids: Vec<_> = moves.iter().filter_map(|(subject, ..)| names::uuid(subject)).map(Id::from_uuid).collect();
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    for mut invoice in invoices::lock_many(tx.conn(), &tenant, &ids).await? {
        let own = moves.iter().find(|(subject, ..)| *subject == invoice.id.to_string());
        if own.is_some_and(|(_, from, to)| invoice.move_collection(*from, *to, now)) {
            publish_invoice(tx, &invoice).await?;
        }
    }
    Ok(())
}
