//! Matches a line to invoices that a person names.

use super::save::{lock_line, store_line};
use crate::{
    app::App, commands::bank_lines::MatchBankLine, messages, store::invoices,
    use_cases::transfer_refunds::came_back::matched_by_a_person,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::MatchBankLineResponse;

/// Lets a line pay invoices that a person names.
///
/// # Errors
/// `BANK_LINE_STATE`, `INVOICE_STATE`, `CURRENCY_MISMATCH`, `SEVERAL_CUSTOMERS`,
/// `RESOURCE_NOT_FOUND`.
pub async fn match_bank_line(
    app: &App,
    call: &Call,
    matched: &MatchBankLine,
) -> Result<Answer<MatchBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let ids: Vec<_> = matched.invoices.iter().map(|named| named.invoice).collect();
    let locked = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    let mut line = lock_line(&tx, matched.line).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let mut named = Vec::with_capacity(ids.len());
    for reference in &matched.invoices {
        let invoice = locked.iter().find(|invoice| {
            invoice.id == reference.invoice && invoice.customer == reference.customer
        });
        named.push(invoice.ok_or_else(Refusal::not_found)?);
    }
    line.match_to(&named)?;
    matched_by_a_person(&mut tx, &mut line).await?;
    store_line(&mut tx, &line).await?;
    tx.commit(MatchBankLineResponse {
        bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &line)),
    })
    .await
}
