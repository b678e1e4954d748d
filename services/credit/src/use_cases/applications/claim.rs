//! A person of the tenant takes an application on.

use super::{load::lock_application, save::publish_application};
use crate::{app::App, commands::applications::ApplicationRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::ClaimApplicationResponse;

/// Takes an application on.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `SEPARATION_OF_DUTIES`, `CLAIMED`.
pub async fn claim_application(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
) -> Result<Answer<ClaimApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    application.claim(&call.caller.subject, tx.now())?;
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, false).await?);
    tx.commit(ClaimApplicationResponse { credit_application }).await
}
