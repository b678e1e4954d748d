//! Issues the credit notes of receipts, once per refund or dispute of the wallet.

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
    receipt_credit_note::{CHARGED_BACK, GivenBack, split},
};
use payterms_kernel::Money;
use payterms_proto::{
    invoicing::v1::ReceiptCreditNoteIssued,
    wallet::v1::{TopUp, TopUpRefundChanged, top_up_refund::State},
};
use uuid::Uuid;

/// Credits the receipts of a refund that has succeeded; a refund that has its credit note is left alone.
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
    let given_back = GivenBack {
        refund: name.id(3),
        of_dispute: false,
        credit: refund.credit.as_ref().and_then(money_of).ok_or_else(fault)?,
        tax: refund.tax.as_ref().and_then(money_of).ok_or_else(fault)?,
        explanation: refund.explanation.clone(),
    };
    let notes = credit_standing(tx, top_up, &given_back).await?;
    mail_top_up_refunded(tx, &notes).await
}

/// A credit note, with the receipt that it corrects.
pub type Correction = (Receipt, ReceiptCreditNote);

/// Credits the receipts of a top-up that an issuer has taken back. The notes go in the mail of the dispute.
///
/// # Errors
/// `Fault` for a top-up of a customer who is not there.
pub async fn credit_disputed_receipt(
    tx: &mut WriteTx,
    top_up: &TopUp,
    (dispute, credit, tax): (Uuid, Money, Money),
) -> Result<Vec<Correction>, AppError> {
    let given_back = GivenBack { refund: dispute, of_dispute: true, credit, tax, explanation: CHARGED_BACK.to_owned() };
    credit_standing(tx, top_up, &given_back).await
}

/// Credits the receipts of a top-up that stand, the newest first (docs/domain/wallet.md#credited-receipts).
async fn credit_standing(tx: &mut WriteTx, top_up: &TopUp, given_back: &GivenBack) -> Result<Vec<Correction>, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = |what: &str| AppError::Fault(format!("{} of {:?}: {what}", given_back.refund, top_up.name));
    let name = names::parse(&top_up.name, &["customers", "wallets", "topUps"]).ok_or_else(|| fault("no name"))?;
    // The event of the top-up is another stream, and may come later.
    issue_receipt(tx, top_up).await?;
    let standing = receipts::of_top_up(tx.conn(), &tenant, name.id(2)).await?;
    let ids: Vec<_> = standing.iter().map(|own| own.id).collect();
    let before = receipt_credit_notes::of_receipts(tx.conn(), &tenant, &ids).await?;
    let parts = split(&standing, &before, given_back)?.ok_or_else(|| fault("the receipts that stand are of less"))?;
    let mut notes = Vec::with_capacity(parts.len());
    for (receipt, part) in parts {
        let note = publish_note(tx, receipt, part, notes.is_empty()).await?;
        notes.push((receipt.clone(), note));
    }
    Ok(notes)
}

/// Gives a credit note its number, and publishes it.
async fn publish_note(tx: &mut WriteTx, receipt: &Receipt, given_back: GivenBack, is_first: bool) -> Result<ReceiptCreditNote, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let mut series = series::lock(tx.conn(), &tenant, RECEIPT_CREDIT_NOTES).await?;
    let note = ReceiptCreditNote::issue(tx.id(), receipt, given_back, (&mut series, today), now)?;
    series::save(tx.conn(), &tenant, &series).await?;
    receipt_credit_notes::insert(tx.conn(), &tenant, &note, is_first).await?;
    let notes = receipt_credit_notes::of_receipts(tx.conn(), &tenant, &[receipt.id]).await?;
    let event = ReceiptCreditNoteIssued {
        receipt: Some(messages::receipt(&tenant, receipt, &notes)),
        credit_note: Some(messages::receipt_credit_note(&tenant, receipt, &note)),
    };
    tx.emit("receipt", &receipt.id.to_string(), &event).await?;
    Ok(note)
}
