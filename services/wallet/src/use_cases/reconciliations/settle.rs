//! Records that a person has settled a difference.

use super::save::publish_difference;
use crate::{
    app::App,
    commands::reconciliations::SettleDifference,
    store::{provider_differences, settings},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::SettleProviderDifferenceResponse;

/// Settles a difference.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `DIFFERENCE_STATE`.
pub async fn settle_provider_difference(
    app: &App,
    call: &Call,
    command: &SettleDifference,
) -> Result<Answer<SettleProviderDifferenceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    settings::lock(tx.conn(), &call.tenant).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = provider_differences::find(tx.conn(), &call.tenant, command.difference).await?;
    let mut this_provider_difference = found.ok_or_else(Refusal::not_found)?;
    this_provider_difference.settle(&call.caller.subject, &command.explanation, tx.time().real)?;
    let provider_difference = Some(publish_difference(&mut tx, &this_provider_difference).await?);
    tx.commit(SettleProviderDifferenceResponse { provider_difference }).await
}
