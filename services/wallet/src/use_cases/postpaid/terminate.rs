//! Ends a postpaid agreement early.

use crate::{
    app::App,
    commands::postpaid::TerminatePostpaid,
    messages::postpaid as messages,
    store::postpaid,
    use_cases::{months::close::close_for_termination, wallets::load::lock_wallet},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::TerminatePostpaidResponse;

/// Ends an agreement early.
///
/// # Errors
/// `POSTPAID_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn terminate_postpaid(
    app: &App,
    call: &Call,
    command: &TerminatePostpaid,
) -> Result<Answer<TerminatePostpaidResponse>, AppError> {
    let named = &command.agreement.wallet;
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found =
        postpaid::find(tx.conn(), &call.tenant, locked.wallet.id, command.agreement.agreement)
            .await?;
    let mut agreement = found.ok_or_else(Refusal::not_found)?;
    close_for_termination(&mut tx, &mut locked, &mut agreement, command.explanation.clone())
        .await?;
    let postpaid_agreement = Some(messages::postpaid_agreement(&named.name(), &agreement));
    tx.commit(TerminatePostpaidResponse { postpaid_agreement }).await
}
