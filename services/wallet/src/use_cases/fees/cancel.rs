//! Ends a recurring fee.

use super::save::publish_recurring_fee;
use crate::{
    app::App, commands::fees::RecurringFeeRef, messages::fees as messages, store::fees,
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::wallet::v1::CancelRecurringFeeResponse;

/// Ends a fee.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn cancel_recurring_fee(
    app: &App,
    call: &Call,
    command: &RecurringFeeRef,
) -> Result<Answer<CancelRecurringFeeResponse>, AppError> {
    let named = &command.wallet;
    let mut tx = app.db.begin(call).await?;
    let locked = lock_wallet(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let found = fees::find(tx.conn(), &call.tenant, command.fee)
        .await?
        .filter(|fee| fee.wallet == named.wallet);
    let mut fee = found.ok_or_else(Refusal::not_found)?;
    fee.cancel(tx.now());
    publish_recurring_fee(&mut tx, &locked, &fee).await?;
    tx.commit(CancelRecurringFeeResponse {
        recurring_fee: Some(messages::recurring_fee(&named.name(), &fee)),
    })
    .await
}
