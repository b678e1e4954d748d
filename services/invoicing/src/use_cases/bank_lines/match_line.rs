//! Matches a line to an invoice that a person names.

use super::save::publish_bank_line;
use crate::{app::App, commands::bank_lines::MatchBankLine, messages, store::bank_lines, use_cases::invoices::load::lock_invoice};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::MatchBankLineResponse;

/// Lets a line pay an invoice that a person names.
///
/// # Errors
/// `BANK_LINE_STATE`, `INVOICE_STATE`, `CURRENCY_MISMATCH`, `RESOURCE_NOT_FOUND`.
pub async fn match_bank_line(app: &App, call: &Call, matched: &MatchBankLine) -> Result<Answer<MatchBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let invoice = lock_invoice(&tx, &matched.invoice).await?;
    let mut line = bank_lines::lock(tx.conn(), &call.tenant, matched.line).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.match_to(&invoice)?;
    bank_lines::save_many(tx.conn(), &call.tenant, std::slice::from_ref(&line)).await?;
    publish_bank_line(&mut tx, &line).await?;
    tx.commit(MatchBankLineResponse { bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)) }).await
}
