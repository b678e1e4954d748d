//! Takes an amount off an invoice by a credit note; what was paid of it is given back.

use super::save::issue_credit_note;
use crate::{
    app::App,
    commands::credit_notes::CreateCreditNote,
    use_cases::{
        approvals::limit::must_be_within_limit,
        invoices::{load::lock_invoice, save::publish_invoice},
        payments::pending::name_pending,
        refunds::save::{begin_refund, enqueue_refund, refund_of_note},
    },
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{Invoice, approval::Together};
use payterms_kernel::Money;
use payterms_proto::invoicing::v1::CreateCreditNoteResponse;
use std::slice::from_ref;

/// Takes an amount off what is open, and gives back what is paid of the rest.
///
/// # Errors
/// Those of [`Invoice::credit`], `SECOND_PERSON_REQUIRED`, `RESOURCE_NOT_FOUND`.
pub async fn create_credit_note(
    app: &App,
    call: &Call,
    CreateCreditNote { invoice: named, amount, explanation }: &CreateCreditNote,
) -> Result<Answer<CreateCreditNoteResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let amount = *amount;
    let mut invoice = lock_invoice(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // All notes of the invoice together: many small ones are a large one.
    must_be_within_limit(&tx, Together::of_invoice(&invoice, amount, "ProposeCreditNote")).await?;
    let now = tx.now();
    let credited = invoice.credit(amount, now);
    let (taxes, back) = name_pending(&tx, from_ref(&invoice), credited).await?;
    let note = tx.id();
    if back.is_positive() {
        let (refund, payments) = refund_of_note(&mut tx, &mut invoice, back, note).await?;
        issue_credit_note(&mut tx, &invoice, Some(&refund), note, amount, taxes, explanation)
            .await?;
        return begin_refund(app, tx, call, &refund, &invoice, &payments).await;
    }
    let credit_note =
        Some(issue_credit_note(&mut tx, &invoice, None, note, amount, taxes, explanation).await?);
    let rendered = publish_invoice(&mut tx, &invoice).await?;
    tx.commit(CreateCreditNoteResponse { credit_note, invoice: Some(rendered), refund: None }).await
}

/// Takes an amount off, as two people have decided; what is given back is left to its flow.
///
/// # Errors
/// Those of [`Invoice::credit`].
pub async fn apply_credit_note(
    tx: &mut WriteTx,
    invoice: &mut Invoice,
    amount: Money,
    explanation: &str,
) -> Result<(), AppError> {
    let credited = invoice.credit(amount, tx.now());
    let (taxes, back) = name_pending(tx, from_ref(invoice), credited).await?;
    let note = tx.id();
    if back.is_positive() {
        let (refund, payments) = refund_of_note(tx, invoice, back, note).await?;
        issue_credit_note(tx, invoice, Some(&refund), note, amount, taxes, explanation).await?;
        return enqueue_refund(tx, &refund, invoice, &payments).await;
    }
    issue_credit_note(tx, invoice, None, note, amount, taxes, explanation).await?;
    publish_invoice(tx, invoice).await.map(|_| ())
}
