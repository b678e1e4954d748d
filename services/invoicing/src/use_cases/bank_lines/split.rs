//! Cuts a line into parts, each a line of its own.

use super::save::{lock_line, publish_bank_line, store_line};
use crate::{
    app::App,
    commands::bank_lines::SplitBankLine,
    messages,
    store::{bank_lines, transfer_refunds},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::SplitBankLineResponse;

/// Splits a line.
///
/// # Errors
/// `BANK_LINE_STATE`, `PARTS_MISMATCH`, `CURRENCY_MISMATCH`, `RESOURCE_NOT_FOUND`.
pub async fn split_bank_line(
    app: &App,
    call: &Call,
    split: &SplitBankLine,
) -> Result<Answer<SplitBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, split.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let now = tx.now();
    let sent = match line.refund {
        Some(refund_of_customer) => {
            transfer_refunds::find(tx.conn(), &call.tenant, refund_of_customer.refund)
                .await?
                .map(|refund| refund.amount())
                .transpose()?
        }
        None => None,
    };
    let parts = line.split(tx.ids(), &split.parts, sent, now)?;
    store_line(&mut tx, &line).await?;
    bank_lines::save_many(tx.conn(), &call.tenant, &parts).await?;
    for part in &parts {
        publish_bank_line(&mut tx, part).await?;
    }
    let message = |line| messages::bank_lines::bank_line(&call.tenant, line);
    tx.commit(SplitBankLineResponse {
        bank_line: Some(message(&line)),
        parts: parts.iter().map(message).collect(),
    })
    .await
}
