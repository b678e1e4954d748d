//! Locks, stores and publishes bank lines.

use super::pay;
use crate::{messages, store::bank_lines};
use payterms_chassis::{AppError, WriteTx, flow};
use payterms_invoicing_domain::{BankLine, bank::LineState};
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::v1::BankLineChanged;

/// Emits a line's event; one that is matched is enqueued for its flow.
pub async fn publish_bank_line(tx: &mut WriteTx, line: &BankLine) -> Result<(), AppError> {
    let event = BankLineChanged {
        bank_line: Some(messages::bank_lines::anonymous_bank_line(&tx.call().tenant, line)),
    };
    tx.emit("bank_line", &line.id.to_string(), &event).await?;
    if line.state == LineState::Matched && line.payment.is_none() && !line.is_return() {
        flow::enqueue(tx, pay::FLOW, line.id.uuid()).await?;
    }
    Ok(())
}

/// Locks the line that a request names.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_line(tx: &WriteTx, id: Id<BankLine>) -> Result<BankLine, AppError> {
    bank_lines::lock(tx.conn(), &tx.call().tenant, id)
        .await?
        .ok_or_else(|| Refusal::not_found().into())
}

/// Saves a line and publishes it.
pub async fn store_line(tx: &mut WriteTx, line: &BankLine) -> Result<(), AppError> {
    bank_lines::save_many(tx.conn(), &tx.call().tenant, std::slice::from_ref(line)).await?;
    publish_bank_line(tx, line).await
}
