//! Moves the evaluations of plans, after the tenant's time zone has changed: their instalments fall
//! due on the same dates.

use crate::{app::App, store::plans};
use payterms_chassis::{
    AppError,
    jobs::DueRow,
    names,
    zones::{Move, move_rows, take_page},
};
use payterms_kernel::Id;
use uuid::Uuid;

/// Moves a page of rows. A plan waits for whatever comes first of its dates and other instants.
pub async fn follow_zone(app: &App, row: &DueRow) -> Result<(), AppError> {
    let tx = app.db.begin_forward(&row.call("plans", Uuid::nil())).await?;
    let Some(page) = take_page(&tx, row).await? else { return Ok(()) };
    let ids: Vec<_> = page
        .rows
        .iter()
        .filter_map(|(subject, _)| names::uuid(subject))
        .map(Id::from_uuid)
        .collect();
    let found = plans::find_many(tx.conn(), &row.tenant, &ids).await?;
    let zone = tx.time().zone;
    let next = |subject: &str| {
        found.iter().find(|plan| plan.id.to_string() == subject)?.next_evaluation(zone)
    };
    let moves: Vec<Move> = page
        .rows
        .iter()
        .filter_map(|(subject, due)| Some((subject.clone(), *due, next(subject)?)))
        .collect();
    move_rows(&tx, &page.job, &moves).await?;
    tx.commit_rows().await
}
