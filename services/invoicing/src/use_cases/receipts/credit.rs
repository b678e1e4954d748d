//! Issues the credit note of a receipt, once per refund or dispute of the wallet.

use super::issue::issue_receipt;
use crate::{
    messages::receipts as messages,
    store::{receipt_credit_notes, receipts, series},
    use_cases::mails::notices::mail_top_up_refunded,
};
use payterms_chassis::{AppError, WriteTx, names, render::money_of};
use payterms_invoicing_domain::{
    Receipt, ReceiptCreditNote,
    number::RECEIPT_CREDIT_NOTES,
    receipt_credit_note::{CHARGED_BACK, GivenBack},
};
use payterms_kernel::Money;
use payterms_proto::{
    invoicing::v1::ReceiptCreditNoteIssued,
    wallet::v1::{TopUp, TopUpRefundChanged, top_up_refund::State},
};
use uuid::Uuid;

/// Credits the receipt of a refund that has succeeded; a refund that has its credit note is left alone.
///
/// # Errors
/// `Fault` for a refund of a customer who is not there.
pub async fn credit_receipt(tx: &mut WriteTx, changed: &TopUpRefundChanged) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault("a refund of a top-up without its parts".to_owned());
    let (refund, top_up) = changed.top_up_refund.as_ref().zip(changed.top_up.as_ref()).ok_or_else(fault)?;
    let name = names::parse(&refund.name, &["customers", "wallets", "topUps", "refunds"]).ok_or_else(fault)?;
    if refund.state() != State::Succeeded || receipt_credit_notes::is_issued(tx.conn(), &tenant, name.id(3)).await? {
        return Ok(());
    }
    // The event of the top-up is another stream, and may come later.
    issue_receipt(tx, top_up).await?;
    let receipt = receipts::of_top_up(tx.conn(), &tenant, name.id(2)).await?.ok_or_else(fault)?;
    let given_back = GivenBack {
        refund: name.id(3),
        of_dispute: false,
        credit: refund.credit.as_ref().and_then(money_of).ok_or_else(fault)?,
        tax: refund.tax.as_ref().and_then(money_of).ok_or_else(fault)?,
        explanation: refund.explanation.clone(),
    };
    let note = publish_note(tx, &receipt, given_back).await?;
    mail_top_up_refunded(tx, &receipt, &note).await
}

/// Credits the receipt of a top-up that an issuer has taken back. The note goes in the mail of the dispute.
///
/// # Errors
/// `Fault` for a top-up of a customer who is not there.
pub async fn credit_disputed_receipt(
    tx: &mut WriteTx,
    top_up: &TopUp,
    (dispute, credit, tax): (Uuid, Money, Money),
) -> Result<(Receipt, ReceiptCreditNote), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("dispute {dispute} of no top-up"));
    let name = names::parse(&top_up.name, &["customers", "wallets", "topUps"]).ok_or_else(fault)?;
    // The event of the top-up is another stream, and may come later.
    issue_receipt(tx, top_up).await?;
    let receipt = receipts::of_top_up(tx.conn(), &tenant, name.id(2)).await?.ok_or_else(fault)?;
    let given_back = GivenBack { refund: dispute, of_dispute: true, credit, tax, explanation: CHARGED_BACK.to_owned() };
    let note = publish_note(tx, &receipt, given_back).await?;
    Ok((receipt, note))
}

/// Gives a credit note its number, and publishes it.
async fn publish_note(tx: &mut WriteTx, receipt: &Receipt, given_back: GivenBack) -> Result<ReceiptCreditNote, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let mut series = series::lock(tx.conn(), &tenant, RECEIPT_CREDIT_NOTES).await?;
    let note = ReceiptCreditNote::issue(tx.id(), receipt, given_back, (&mut series, today), now)?;
    series::save(tx.conn(), &tenant, &series).await?;
    receipt_credit_notes::insert(tx.conn(), &tenant, &note).await?;
    let notes = receipt_credit_notes::of_receipts(tx.conn(), &tenant, &[receipt.id]).await?;
    let event = ReceiptCreditNoteIssued {
        receipt: Some(messages::receipt(&tenant, receipt, &notes)),
        credit_note: Some(messages::receipt_credit_note(&tenant, receipt, &note)),
    };
    tx.emit("receipt", &receipt.id.to_string(), &event).await?;
    Ok(note)
}
