//! Says that a line is no customer's payment.

use super::save::{lock_line, store_line};
use crate::{app::App, commands::bank_lines::DismissBankLine, messages};
use payterms_chassis::{Answer, AppError, Call};
use payterms_proto::invoicing::v1::DismissBankLineResponse;

/// Dismisses a line.
///
/// # Errors
/// `BANK_LINE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn dismiss_bank_line(
    app: &App,
    call: &Call,
    dismissed: &DismissBankLine,
) -> Result<Answer<DismissBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, dismissed.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    line.dismiss(dismissed.reason, dismissed.explanation.clone())?;
    store_line(&mut tx, &line).await?;
    tx.commit(DismissBankLineResponse {
        bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)),
    })
    .await
}
