//! Retries a failed recharge, on request or when the retry is due.

use super::{
    load::claim_due_wallet,
    save::{publish_recharge, schedule_recharges},
};
use crate::{
    app::App, commands::wallets::WalletRef, store::recharges, use_cases::wallets::load::lock_wallet,
};
use payterms_chassis::{Answer, AppError, Call, jobs::DueRow};
use payterms_proto::wallet::v1::RetryAutoRechargeResponse;

/// The job; its subject is the wallet's id.
pub const JOB: &str = "retry_recharge";

/// Evaluates the rules again after a failure.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `RECHARGE_STATE`.
pub async fn retry_auto_recharge(
    app: &App,
    call: &Call,
    named: &WalletRef,
) -> Result<Answer<RetryAutoRechargeResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let wallet = lock_wallet(&tx, named).await?.wallet;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut recharge = recharges::find(tx.conn(), &call.tenant, wallet.id).await?;
    recharge.retry()?;
    let auto_recharge = Some(publish_recharge(&mut tx, &wallet, &recharge).await?);
    schedule_recharges(&tx, [&wallet]).await?;
    tx.commit(RetryAutoRechargeResponse { auto_recharge }).await
}

/// Retries a failed recharge whose retry is due.
pub async fn retry_failed_recharge(app: &App, row: &DueRow) -> Result<(), AppError> {
    let Some((mut tx, wallet)) = claim_due_wallet(app, row).await? else { return Ok(()) };
    let mut recharge = recharges::find(tx.conn(), &row.tenant, wallet.id).await?;
    if recharge.retry_due() {
        publish_recharge(&mut tx, &wallet, &recharge).await?;
        schedule_recharges(&tx, [&wallet]).await?;
    }
    tx.commit_rows().await
}
