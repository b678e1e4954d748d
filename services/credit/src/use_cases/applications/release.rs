//! A person of the tenant gives an application back to the queue.

use super::{load::lock_application, save::publish_application};
use crate::{app::App, commands::applications::ApplicationRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::ReleaseApplicationResponse;

/// Gives an application back to the queue.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `NOT_CLAIMED`.
pub async fn release_application(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
) -> Result<Answer<ReleaseApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    application.release(&call.caller.subject, tx.now())?;
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, false).await?);
    tx.commit(ReleaseApplicationResponse { credit_application }).await
}
