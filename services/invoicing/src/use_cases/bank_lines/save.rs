//! Publishes bank lines.

use super::pay;
use crate::messages;
use payterms_chassis::{AppError, WriteTx, flow};
use payterms_invoicing_domain::{BankLine, bank::LineState};
use payterms_proto::invoicing::v1::BankLineChanged;

/// Emits a line's event; one that is matched is enqueued for its flow.
pub async fn publish_bank_line(tx: &mut WriteTx, line: &BankLine) -> Result<(), AppError> {
    let event = BankLineChanged { bank_line: Some(messages::bank_lines::anonymous_bank_line(&tx.call().tenant, line)) };
    tx.emit("bank_line", &line.id.to_string(), &event).await?;
    if line.state == LineState::Matched && line.payment.is_none() {
        flow::enqueue(tx, pay::FLOW, line.id.uuid()).await?;
    }
    Ok(())
}
