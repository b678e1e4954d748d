//! Takes back what was issued: by a credit note, by a void, by a write-off.

use super::{
    approvals,
    create_invoice::{locked, sides},
    finalize_invoice::publish,
    refund,
};
use crate::{
    App,
    commands::invoices::InvoiceRef,
    messages,
    store::{credit_notes, invoice_parts, series},
};
use payterms_chassis::{Answer, AppError, Call, WriteTx};
use payterms_invoicing_domain::{CreditNote, Invoice, TaxAmount, number::CREDIT_NOTES};
use payterms_kernel::{Id, Money, calendar::day_in};
use payterms_proto::invoicing::v1::{
    CreateCreditNoteResponse, CreditNote as CreditNoteMessage, CreditNoteIssued, Invoice as InvoiceMessage, VoidInvoiceResponse,
    WriteOffInvoiceResponse,
};

/// Takes an amount off what is open, and gives back what is paid of the rest.
///
/// # Errors
/// Those of [`Invoice::credit`], `SECOND_PERSON_REQUIRED`, `RESOURCE_NOT_FOUND`.
pub async fn credit(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    (amount, reason): (Money, &str),
) -> Result<Answer<CreateCreditNoteResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    // All notes of the invoice together: many small ones are a large one.
    approvals::must_be_allowed(&tx, invoice.credited.plus(amount)?).await?;
    let now = tx.now();
    let (taxes, back) = invoice.credit(amount, now)?;
    let note = tx.id();
    if back.is_positive() {
        let (refund, payments) = refund::of_note(&mut tx, &invoice, (back, note)).await?;
        issue(&mut tx, &invoice, (note, amount, taxes), reason).await?;
        return refund::begin(app, tx, call, (&refund, &invoice, &payments)).await;
    }
    let credit_note = Some(issue(&mut tx, &invoice, (note, amount, taxes), reason).await?);
    let rendered = publish(&mut tx, &invoice).await?;
    tx.commit(CreateCreditNoteResponse { credit_note, invoice: Some(rendered), refund: None }).await
}

/// Takes an amount off, as two people have decided; what is given back is left to its flow.
///
/// # Errors
/// Those of [`Invoice::credit`].
pub(super) async fn take_off(tx: &mut WriteTx, invoice: &mut Invoice, (amount, reason): (Money, &str)) -> Result<(), AppError> {
    let (taxes, back) = invoice.credit(amount, tx.now())?;
    let note = tx.id();
    if back.is_positive() {
        let (refund, payments) = refund::of_note(tx, invoice, (back, note)).await?;
        issue(tx, invoice, (note, amount, taxes), reason).await?;
        return refund::leave(tx, (&refund, invoice, &payments)).await;
    }
    issue(tx, invoice, (note, amount, taxes), reason).await?;
    publish(tx, invoice).await.map(|_| ())
}

/// Takes an invoice back whole; in the European Union by a credit note over all of it.
///
/// # Errors
/// Those of [`Invoice::void`], `RESOURCE_NOT_FOUND`.
pub async fn void(app: &App, call: &Call, named: &InvoiceRef, reason: &str) -> Result<Answer<VoidInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    approvals::must_be_allowed(&tx, invoice.amounts.total).await?;
    let (tenant, _) = sides(&tx, &call.tenant, named.customer).await?;
    let now = tx.now();
    let taxes = invoice.void(now)?;
    let credit_note = if tenant.voids_by_credit_note() {
        let note = tx.id();
        Some(issue(&mut tx, &invoice, (note, invoice.amounts.total, taxes), reason).await?)
    } else {
        invoice_parts::save_taxes(tx.conn(), &call.tenant, &invoice).await?;
        None
    };
    let rendered = publish(&mut tx, &invoice).await?;
    tx.commit(VoidInvoiceResponse { invoice: Some(rendered), credit_note }).await
}

/// Numbers and stores a credit note, and what it leaves of the invoice's taxes.
///
/// # Errors
/// The database's.
pub(super) async fn issue(
    tx: &mut WriteTx,
    invoice: &Invoice,
    (id, amount, taxes): (Id<CreditNote>, Money, Vec<TaxAmount>),
    reason: &str,
) -> Result<CreditNoteMessage, AppError> {
    let (tenant, now) = (tx.call().tenant.clone(), tx.now());
    invoice_parts::save_taxes(tx.conn(), &tenant, invoice).await?;
    let mut series = series::lock(tx.conn(), &tenant, CREDIT_NOTES).await?;
    let (number, issue_date) = series.take(day_in(tx.time().zone, now));
    series::save(tx.conn(), &tenant, &series).await?;
    let reason = reason.to_owned();
    let note = CreditNote { id, invoice: invoice.id, number, issue_date, amount, taxes, reason, created_at: now };
    credit_notes::insert(tx.conn(), &tenant, &note).await?;
    let rendered = messages::credit_notes::credit_note(&tenant, invoice, &note);
    tx.emit("credit_note", &note.id.to_string(), &CreditNoteIssued { credit_note: Some(rendered.clone()) }).await?;
    Ok(rendered)
}

/// Gives up what is open.
///
/// # Errors
/// Those of [`Invoice::write_off`], `RESOURCE_NOT_FOUND`.
pub async fn write_off(app: &App, call: &Call, named: &InvoiceRef) -> Result<Answer<WriteOffInvoiceResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    approvals::must_be_allowed(&tx, invoice.open()?).await?;
    let rendered = give_up(&mut tx, &mut invoice).await?;
    tx.commit(WriteOffInvoiceResponse { invoice: Some(rendered) }).await
}

/// Gives up what is open, whoever decided that.
///
/// # Errors
/// Those of [`Invoice::write_off`].
pub(super) async fn give_up(tx: &mut WriteTx, invoice: &mut Invoice) -> Result<InvoiceMessage, AppError> {
    invoice.write_off(tx.now())?;
    publish(tx, invoice).await
}
