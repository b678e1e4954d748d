//! A second person confirms the account that a first one entered, where the bank had named none.

use super::{end::lock_named, save::publish_transfer_refund};
use crate::{app::App, commands::transfer_refunds::TransferRefundRef};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::ConfirmRefundAccountResponse;

/// Confirms the account of a refund: the transfer is to be made then.
///
/// # Errors
/// `TRANSFER_REFUND_STATE`, `SEPARATION_OF_DUTIES`, `RESOURCE_NOT_FOUND`.
pub async fn confirm_refund_account(
    app: &App,
    call: &Call,
    named: &TransferRefundRef,
) -> Result<Answer<ConfirmRefundAccountResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut refund = lock_named(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    refund.confirm_account(&call.caller.subject, now)?;
    let transfer_refund = Some(publish_transfer_refund(&mut tx, &refund).await?);
    tx.commit(ConfirmRefundAccountResponse { transfer_refund }).await
}
