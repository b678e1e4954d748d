//! Issues the credit notes of receipts, once per refund or dispute of the wallet.

use super::issue::issue_receipt;
use crate::{
    app::App,
    messages::receipts as messages,
    store::{receipt_credit_notes, receipts, series, waiting_refunds},
    use_cases::mails::notices::{Owed, mail_top_up_refunded},
};
use chrono::TimeDelta;
use payterms_chassis::{
    AppError, WriteTx,
    jobs::{DueRow, schedule, take},
    names,
    render::money_of,
};
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
use prost::Message;
use uuid::Uuid;

/// Credits the receipts of a refund whose receipts were still to come; the subject is the refund's
/// id.
pub const JOB: &str = "credit_receipt";

/// How often it is looked whether they have come.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Credits the receipts of a refund that has succeeded; a refund that has its credit note is left
/// alone. Where a won dispute is to bring the receipt again, and has not been heard of, the refund
/// waits for it.
///
/// # Errors
/// `Fault` for a refund of a customer who is not there.
pub async fn credit_receipt(
    tx: &mut WriteTx,
    changed: &TopUpRefundChanged,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault("a refund of a top-up without its parts".to_owned());
    let (refund, top_up) =
        changed.top_up_refund.as_ref().zip(changed.top_up.as_ref()).ok_or_else(fault)?;
    let name = names::parse(&refund.name, &["customers", "wallets", "topUps", "refunds"])
        .ok_or_else(fault)?;
    if refund.state() != State::Succeeded
        || receipt_credit_notes::is_issued(tx.conn(), &tenant, name.id(3)).await?
    {
        return Ok(());
    }
    let given_back = GivenBack {
        refund: name.id(3),
        of_dispute: false,
        credit: refund.credit.as_ref().and_then(money_of).ok_or_else(fault)?,
        tax: refund.tax.as_ref().and_then(money_of).ok_or_else(fault)?,
        explanation: refund.explanation.clone(),
    };
    let Some(notes) = credit_standing(tx, top_up, &given_back).await? else {
        tracing::info!(refund = %given_back.refund, "a refund waits for the receipt of a won dispute");
        waiting_refunds::save(tx, given_back.refund, changed.encode_to_vec()).await?;
        return Ok(schedule(tx, JOB, &given_back.refund.to_string(), tx.now() + PAUSE).await?);
    };
    waiting_refunds::delete(tx, given_back.refund).await?;
    mail_top_up_refunded(tx, &notes).await
}

/// Credits the receipts of a refund that waited.
pub async fn retry_credit(app: &App, row: &DueRow) -> Result<(), AppError> {
    let id = names::uuid(&row.subject)
        .ok_or_else(|| AppError::Fault(format!("refund {:?}", row.subject)))?;
    let mut tx = app.db.begin_forward(&row.call("invoicing", id)).await?;
    if !take(&tx, row).await? {
        return Ok(());
    }
    if let Some(event) = waiting_refunds::find(&tx, id).await? {
        credit_receipt(&mut tx, &TopUpRefundChanged::decode(event.as_slice())?).await?;
    }
    tx.commit_rows().await
}

/// A credit note, with the receipt that it corrects.
pub type Correction = (Receipt, ReceiptCreditNote);

/// Credits the receipts of a top-up that an issuer has taken back. The notes go in the mail of the
/// dispute. `None` while the receipt of a won dispute is still to come.
///
/// # Errors
/// `Fault` for a top-up of a customer who is not there.
pub async fn credit_disputed_receipt(
    tx: &mut WriteTx,
    top_up: &TopUp,
    dispute: Uuid,
    credit: Money,
    tax: Money,
) -> Result<Option<Vec<Correction>>, AppError> {
    let given_back = GivenBack {
        refund: dispute,
        of_dispute: true,
        credit,
        tax,
        explanation: CHARGED_BACK.to_owned(),
    };
    credit_standing(tx, top_up, &given_back).await
}

/// Credits the receipts of a top-up that stand, the newest first
/// (docs/domain/wallet.md#credited-receipts). `None` where they are of less: the receipt of a won
/// dispute is still to come.
async fn credit_standing(
    tx: &mut WriteTx,
    top_up: &TopUp,
    given_back: &GivenBack,
) -> Result<Option<Vec<Correction>>, AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("{} of {:?}", given_back.refund, top_up.name));
    let name = names::parse(&top_up.name, &["customers", "wallets", "topUps"]).ok_or_else(fault)?;
    // The event of the top-up is another stream, and may come later.
    issue_receipt(tx, top_up, Owed::default()).await?;
    let standing = receipts::of_top_up(tx.conn(), &tenant, name.id(2)).await?;
    let ids: Vec<_> = standing.iter().map(|receipt| receipt.id).collect();
    let before = receipt_credit_notes::of_receipts(tx.conn(), &tenant, &ids).await?;
    let Some(parts) = split(&standing, &before, given_back)? else { return Ok(None) };
    let mut notes = Vec::with_capacity(parts.len());
    for (receipt, part) in parts {
        let note = publish_note(tx, receipt, part, notes.is_empty()).await?;
        notes.push((receipt.clone(), note));
    }
    Ok(Some(notes))
}

/// Gives a credit note its number, and publishes it.
async fn publish_note(
    tx: &mut WriteTx,
    receipt: &Receipt,
    given_back: GivenBack,
    is_first: bool,
) -> Result<ReceiptCreditNote, AppError> {
    let tenant = tx.call().tenant.clone();
    let (now, today) = (tx.now(), tx.today());
    let mut series = series::lock(tx.conn(), &tenant, RECEIPT_CREDIT_NOTES).await?;
    let note = ReceiptCreditNote::issue(tx.id(), receipt, given_back, &mut series, today, now)?;
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
