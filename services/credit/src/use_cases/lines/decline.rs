//! The customer turns an offered line down.

use super::{
    load::lock_line,
    save::{DrawChanges, publish_line},
};
use crate::{app::App, commands::lines::LineRef, use_cases::actor};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Side;
use payterms_proto::credit::v1::DeclineLineResponse;

/// The customer turns an offer down.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `LINE_STATE`, `CONCURRENT_UPDATE`.
pub async fn decline_line(
    app: &App,
    call: &Call,
    line: &LineRef,
) -> Result<Answer<DeclineLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.decline(actor(call, Side::Customer), tx.now())?;
    let credit_line = Some(publish_line(&mut tx, &mut line, DrawChanges::default()).await?);
    tx.commit(DeclineLineResponse { credit_line }).await
}
