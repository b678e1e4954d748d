//! The applicant takes an application back.

use super::{load::lock_application, save::publish_application};
use crate::{app::App, commands::applications::ApplicationRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::credit::v1::WithdrawApplicationResponse;

/// Takes an application back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `APPLICATION_STATE`.
pub async fn withdraw_application(
    app: &App,
    call: &Call,
    named: &ApplicationRef,
) -> Result<Answer<WithdrawApplicationResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let (mut application, programme) = lock_application(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    application.withdraw(&programme, tx.now())?;
    let credit_application =
        Some(publish_application(&mut tx, &application, &programme, named.as_customer).await?);
    tx.commit(WithdrawApplicationResponse { credit_application }).await
}
