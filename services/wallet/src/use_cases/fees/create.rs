//! Begins a recurring fee.

use super::save::take_month;
use crate::{
    app::App, commands::fees::CreateRecurringFee, messages::fees as messages,
    use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::wallet::v1::CreateRecurringFeeResponse;
use payterms_wallet_domain::RecurringFee;

/// Begins a fee and takes it once.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `BALANCE_OVERFLOW`, `RESOURCE_NOT_FOUND`.
pub async fn create_recurring_fee(
    app: &App,
    call: &Call,
    command: &CreateRecurringFee,
) -> Result<Answer<CreateRecurringFeeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut locked = lock_wallet(&tx, &command.wallet).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let (now, today) = (tx.now(), tx.today());
    let mut fee = RecurringFee::begin(
        tx.id(),
        &locked.wallet,
        command.amount,
        command.description.clone(),
        today,
        now,
    )?;
    take_month(&mut tx, &mut locked, &mut fee).await?;
    tx.commit(CreateRecurringFeeResponse {
        recurring_fee: Some(messages::recurring_fee(&command.wallet.name(), &fee)),
    })
    .await
}
