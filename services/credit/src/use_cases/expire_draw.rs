//! Releases a purchase that was not captured in time.

use super::{News, publish};
use crate::{
    App,
    store::{draws, lines},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;

/// Runs the job.
///
/// # Errors
/// The database's.
pub async fn run(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("draw {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let own = [Id::from_uuid(id)];
    let Some((line, _)) = draws::find_many(tx.conn(), &row.tenant, &own).await?.pop() else { return Ok(()) };
    let Some(mut line) = lines::lock(tx.conn(), &row.tenant, line).await? else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // Read again under the lock.
    let Some((_, mut draw)) = draws::find_many(tx.conn(), &row.tenant, &own).await?.pop() else { return Ok(()) };
    let now = tx.now();
    if let Some(entry) = line.expire(&mut draw, now)? {
        publish(&mut tx, &mut line, News { draws: vec![draw], entries: vec![entry] }).await?;
    }
    kill::point("draw_expired.before_commit");
    tx.commit_rows().await
}
