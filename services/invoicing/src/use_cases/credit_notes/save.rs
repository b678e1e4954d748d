//! Numbers, stores and mails credit notes.

use crate::{
    messages,
    store::{credit_notes, invoice_parts, series},
    use_cases::mails::invoice_notices::mail_credit_note,
};
use payterms_chassis::{AppError, WriteTx};
use payterms_invoicing_domain::{
    CreditNote, Invoice, Refund, TaxAmount, number::CREDIT_NOTES, transfer_refund::TRANSFERRED_BACK,
};
use payterms_kernel::{Id, Money};
use payterms_proto::invoicing::v1::{CreditNote as CreditNoteMessage, CreditNoteIssued};

/// Numbers, stores and mails a credit note, and what it leaves of the invoice's taxes; `refund` is
/// what it gives back.
pub async fn issue_credit_note(
    tx: &mut WriteTx,
    invoice: &Invoice,
    refund: Option<&Refund>,
    id: Id<CreditNote>,
    amount: Money,
    taxes: Vec<TaxAmount>,
    explanation: &str,
) -> Result<CreditNoteMessage, AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    invoice_parts::save_taxes(tx.conn(), &tenant, invoice).await?;
    let mut series = series::lock(tx.conn(), &tenant, CREDIT_NOTES).await?;
    let (number, issue_date) = series.take(tx.today());
    series::save(tx.conn(), &tenant, &series).await?;
    let explanation = explanation.to_owned();
    let note = CreditNote {
        id,
        invoice: invoice.id,
        number,
        issue_date,
        amount,
        taxes,
        explanation,
        created_at: now,
    };
    credit_notes::insert(tx.conn(), &tenant, &note).await?;
    let rendered = messages::credit_notes::credit_note(&tenant, invoice, &note);
    tx.emit(
        "credit_note",
        &note.id.to_string(),
        &CreditNoteIssued { credit_note: Some(rendered.clone()) },
    )
    .await?;
    // What went back by transfer is told of once: the note goes in the mail of the transfer.
    if note.explanation != TRANSFERRED_BACK {
        mail_credit_note(tx, invoice, &note, refund).await?;
    }
    Ok(rendered)
}
