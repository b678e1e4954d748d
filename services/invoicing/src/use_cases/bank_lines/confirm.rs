//! Says that a suspected duplicate is a booking of its own.

use super::{
    evaluate::evaluate_lines,
    return_line::evaluate_returns,
    save::{lock_line, store_line},
};
use crate::{app::App, messages};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::BankLine;
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::ConfirmBankLineResponse;

/// Confirms a line; it pays what it names, like any other.
///
/// # Errors
/// `BANK_LINE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn confirm_bank_line(
    app: &App,
    call: &Call,
    line: Id<BankLine>,
) -> Result<Answer<ConfirmBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.confirm()?;
    evaluate_lines(&tx, std::slice::from_mut(&mut line)).await?;
    evaluate_returns(&mut tx, std::slice::from_mut(&mut line)).await?;
    store_line(&mut tx, &line).await?;
    tx.commit(ConfirmBankLineResponse {
        bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)),
    })
    .await
}
