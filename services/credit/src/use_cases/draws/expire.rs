//! Releases a purchase that was not captured in time.

use crate::{
    app::App,
    store::{draws, lines},
    use_cases::lines::save::{DrawChanges, publish_line},
};
use payterms_chassis::{
    AppError,
    jobs::{DueRow, take},
    kill, names,
};
use payterms_kernel::Id;

/// The job; its subject is the draw's id.
pub const JOB: &str = "expire_draw";

/// Releases the draw that a row is of, if it stands still.
pub async fn expire_draw(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some(id) = names::uuid(&row.subject) else {
        return Err(AppError::Fault(format!("draw {:?}", row.subject)));
    };
    let mut tx = app.db.begin_forward(&row.call("credit", id)).await?;
    let ids = [Id::from_uuid(id)];
    let Some((line, _)) = draws::find_many(tx.conn(), &row.tenant, &ids).await?.pop() else {
        return Ok(());
    };
    let Some(mut line) = lines::lock(tx.conn(), &row.tenant, line).await? else { return Ok(()) };
    if !take(&tx, row).await? {
        return Ok(());
    }
    // Read again under the lock.
    let Some((_, mut draw)) = draws::find_many(tx.conn(), &row.tenant, &ids).await?.pop() else {
        return Ok(());
    };
    let now = tx.now();
    if let Some(entry) = line.expire(&mut draw, now)? {
        publish_line(
            &mut tx,
            &mut line,
            DrawChanges { draws: vec![draw], entries: vec![entry], advised: None },
        )
        .await?;
    }
    kill::point("draw_expired.before_commit");
    tx.commit_rows().await
}
