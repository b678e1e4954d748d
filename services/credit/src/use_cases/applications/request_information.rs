//! A person of the tenant asks the applicant for more.

use super::{load::lock_application, save::publish_application};
use crate::{app::App, commands::applications::RequestInformation};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::RequestInformationResponse;

/// Asks the applicant for more.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`, `NOT_CLAIMED`.
pub async fn request_information(
    app: &App,
    call: &Call,
    command: &RequestInformation,
) -> Result<Answer<RequestInformationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, &command.application).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    application.ask_for_more(&call.caller.subject, &command.explanation, tx.now())?;
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, false).await?);
    tx.commit(RequestInformationResponse { credit_application }).await
}
