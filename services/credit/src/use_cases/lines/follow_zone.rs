//! Moves the evaluations of lines that fall on a day, after the tenant's time zone has changed.

use crate::app::App;
use payterms_chassis::{
    AppError,
    jobs::DueRow,
    zones::{move_rows, take_page},
};
use uuid::Uuid;

/// Moves a page of rows.
pub async fn follow_zone(app: &App, row: &DueRow) -> Result<(), AppError> {
    let tx = app.db.begin_forward(&row.call("credit", Uuid::nil())).await?;
    let Some(page) = take_page(&tx, row).await? else { return Ok(()) };
    move_rows(&tx, &page.job, &page.moves(tx.time().zone)).await?;
    tx.commit_rows().await
}
