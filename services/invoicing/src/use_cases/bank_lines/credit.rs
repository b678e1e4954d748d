//! Makes a line money on account of a customer.

use super::save::{lock_line, store_line};
use crate::{
    app::App, commands::bank_lines::CreditBankLine, messages, store::customers,
    use_cases::transfer_refunds::came_back::matched_by_a_person,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::CreditBankLineResponse;

/// Makes a line money on account: it becomes the customer's credit.
///
/// # Errors
/// `BANK_LINE_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn credit_bank_line(
    app: &App,
    call: &Call,
    credited: &CreditBankLine,
) -> Result<Answer<CreditBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut line = lock_line(&tx, credited.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    customers::find(tx.conn(), &call.tenant, credited.customer)
        .await?
        .ok_or_else(Refusal::not_found)?;
    line.credit_to(credited.customer)?;
    matched_by_a_person(&mut tx, &mut line).await?;
    store_line(&mut tx, &line).await?;
    tx.commit(CreditBankLineResponse {
        bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)),
    })
    .await
}
