//! Evaluates a line when its day has come: an offer ends, something is past due.

use super::save::{DrawChanges, publish_line};
use crate::{app::App, store::lines};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;

/// The job; its subject is the line's id.
pub const JOB: &str = "judge_line";

/// Saving a line evaluates it, so there is nothing else to do.
pub async fn evaluate_line(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("line {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let found = lines::lock(tx.conn(), &row.tenant, Id::from_uuid(id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(mut line) = found {
        publish_line(&mut tx, &mut line, DrawChanges::default()).await?;
    }
    kill::point("line_judged.before_commit");
    tx.commit_rows().await
}
