//! Moves what falls due on a day, after the tenant's time zone has changed.

use crate::{
    app::App,
    store::{recharges, wallets},
    use_cases::{fees, lots, metered, months, recharges as rules},
};
use payterms_chassis::{
    AppError, WriteTx,
    jobs::DueRow,
    names,
    zones::{Move, move_rows, take_page},
};
use payterms_kernel::Id;
use uuid::Uuid;

/// The jobs whose rows fall due when a day begins. A stopped recharge is tried again when a month
/// begins.
pub const JOBS: [&str; 6] = [
    months::close::JOB,
    metered::close::JOB,
    fees::take::JOB,
    rules::mark_month_end::JOB,
    rules::retry::JOB,
    lots::announce_expiry::JOB,
];

/// Moves a page of rows.
pub async fn follow_zone(app: &App, row: &DueRow) -> Result<(), AppError> {
    let tx = app.db.begin_forward(&row.call("wallet", Uuid::nil())).await?;
    let Some(page) = take_page(&tx, row).await? else { return Ok(()) };
    let mut moves = page.moves(tx.time().zone);
    if page.job == lots::announce_expiry::JOB {
        // The last day of a lot may be another one in the new zone: each wallet works out anew when
        // it is told.
        for (.., to) in &mut moves {
            *to = tx.now();
        }
    }
    if page.job == months::close::JOB {
        // What was used so far belongs to the month that ends now, even where it has been over for
        // some hours in the new zone.
        for (.., to) in &mut moves {
            *to = (*to).max(tx.now());
        }
    }
    if page.job == rules::retry::JOB {
        move_retries(&tx, &moves).await?;
    }
    move_rows(&tx, &page.job, &moves).await?;
    tx.commit_rows().await
}

/// The rules say when they are tried again, too.
async fn move_retries(tx: &WriteTx, moves: &[Move]) -> Result<(), AppError> {
    let retries: Vec<_> = moves
        .iter()
        .filter_map(|(subject, from, to)| Some((names::uuid(subject)?, *from, *to)))
        .collect();
    // A retry is saved under its wallet's lock.
    wallets::lock_many(
        tx,
        &retries.iter().map(|(wallet, ..)| Id::from_uuid(*wallet)).collect::<Vec<_>>(),
    )
    .await?;
    recharges::move_retries(tx.conn(), &tx.call().tenant, &retries).await
}
