//! Saves and publishes transfers back.

use crate::{messages::transfer_refunds as messages, store::transfer_refunds};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::TransferRefund;
use payterms_proto::invoicing::v1::{
    TransferRefund as TransferRefundMessage, TransferRefundChanged,
};

/// Saves a refund and emits its event.
pub async fn publish_transfer_refund(
    tx: &mut WriteTx,
    this_transfer_refund: &TransferRefund,
) -> Result<TransferRefundMessage, AppError> {
    let tenant = tx.call().tenant.clone();
    transfer_refunds::save(tx.conn(), &tenant, this_transfer_refund).await?;
    let event = TransferRefundChanged {
        transfer_refund: Some(messages::anonymous_transfer_refund(&tenant, this_transfer_refund)?),
    };
    tx.emit("transfer_refund", &this_transfer_refund.id.to_string(), &event).await?;
    messages::transfer_refund(&tenant, this_transfer_refund)
}
