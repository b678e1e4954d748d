//! Judges a line when its day has come: an offer ends, something is past due.

use super::{News, publish};
use crate::{App, store::lines};
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
    let Some(id) = names::uuid(&row.subject) else { return Err(AppError::Fault(format!("line {:?}", row.subject))) };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let found = lines::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut line) = found {
        publish(&mut tx, &mut line, News::default()).await?;
    }
    kill::point("line_judged.before_commit");
    tx.commit_rows().await
}
