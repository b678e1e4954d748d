//! The tenant restores a line that it suspended.

use super::{
    load::lock_line,
    save::{DrawChanges, publish_line},
};
use crate::{app::App, commands::lines::ExplainedChange, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Side;
use payterms_proto::credit::v1::RestoreLineResponse;

/// The tenant takes its own suspension back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LINE_STATE`, `CONCURRENT_UPDATE`.
pub async fn restore_line(
    app: &App,
    call: &Call,
    command: &ExplainedChange,
) -> Result<Answer<RestoreLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, &command.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.restore(actor(call, Side::Tenant), &command.explanation, tx.now())?;
    let credit_line = Some(publish_line(&mut tx, &mut line, DrawChanges::default()).await?);
    tx.commit(RestoreLineResponse { credit_line }).await
}
