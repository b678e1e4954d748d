//! Gives back what payments had paid of an invoice: a flow over the wallet.
//!
//! Intent, the lowered invoice and the lease in one transaction: from there it goes forward only. Each
//! part has a step id of its own; then it is recorded where the money is.

use super::{approvals, collect_invoice, create_invoice::locked, finalize_invoice, payment_steps::Wallet};
use crate::{
    App,
    commands::invoices::InvoiceRef,
    messages,
    store::{credit_notes, invoices, payments, refunds},
};
use chrono::TimeDelta;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{CreditNote, Destination, Invoice, Payment, Refund};
use payterms_kernel::{
    Id, Money, Refusal,
    calendar::{day_in, start_of_day},
};
use payterms_proto::invoicing::v1::{CreateCreditNoteResponse, PaymentChanged, RefundChanged, UnapplyPaymentResponse};

/// The kind of flow.
pub const FLOW: &str = "refund";

/// Takes what a payment has paid off an invoice.
///
/// # Errors
/// `INVOICE_STATE`, `SECOND_PERSON_REQUIRED`, `REFUND_TOO_LARGE`, `RESOURCE_NOT_FOUND`.
pub async fn unapply(
    app: &App,
    call: &Call,
    named: &InvoiceRef,
    (payment, amount): (Id<Payment>, Option<Money>),
) -> Result<Answer<UnapplyPaymentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut invoice = locked(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let mut own = payments::lock_of_invoice(tx.conn(), &call.tenant, invoice.id).await?;
    own.retain(|own| own.id == payment);
    if own.is_empty() {
        let found = payments::find(tx.conn(), &call.tenant, payment).await?;
        found.filter(|own| own.customer == named.customer).ok_or_else(Refusal::not_found)?;
    }
    let zero = Money::zero(invoice.currency);
    let amount = amount.unwrap_or_else(|| own.first().map_or(zero, |own| own.paid_of(invoice.id)));
    approvals::must_be_allowed(&tx, amount).await?;
    let (now, zone) = (tx.now(), tx.time().zone);
    let due = invoice.issue.as_ref().map_or(now, |issue| start_of_day(zone, issue.due_date));
    invoice.reopen(amount, due.max(now + TimeDelta::days(1)), now)?;
    let refund = Refund::of(tx.ids(), &invoice, &mut own, (amount, None), now)?;
    collect_invoice::schedule_next(&tx, std::slice::from_ref(&invoice)).await?;
    begin(app, tx, call, (&refund, &invoice, &own)).await
}

/// What of the invoice's payments is given back for a credit note.
///
/// # Errors
/// The database's.
pub(super) async fn of_note(
    tx: &mut WriteTx,
    invoice: &Invoice,
    (amount, note): (Money, Id<CreditNote>),
) -> Result<(Refund, Vec<Payment>), AppError> {
    let mut own = payments::lock_of_invoice(tx.conn(), &tx.call().tenant, invoice.id).await?;
    let now = tx.now();
    let refund = Refund::of(tx.ids(), invoice, &mut own, (amount, Some(note)), now)?;
    Ok((refund, own))
}

/// Stores the intent with all that it changes, and drives it.
pub(super) async fn begin<A: prost::Message + Default>(
    app: &App,
    mut tx: WriteTx,
    call: &Call,
    stored: (&Refund, &Invoice, &[Payment]),
) -> Result<Answer<A>, AppError> {
    let refund = stored.0;
    store(&mut tx, stored).await?;
    let lease = app.flows.open(&tx, FLOW, refund.id.uuid()).await?;
    kill::point("refund.before_intent");
    tx.commit_intent(refund.id.uuid()).await?;
    kill::point("refund.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Stores the intent; nobody waits for its end.
pub(super) async fn leave(tx: &mut WriteTx, stored: (&Refund, &Invoice, &[Payment])) -> Result<(), AppError> {
    store(tx, stored).await?;
    flow::leave(tx, FLOW, stored.0.id.uuid()).await
}

async fn store(tx: &mut WriteTx, (refund, invoice, lowered): (&Refund, &Invoice, &[Payment])) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    for payment in lowered.iter().filter(|own| refund.parts.iter().any(|part| part.payment == own.id)) {
        payments::save(tx.conn(), &tenant, payment).await?;
        let event = PaymentChanged { payment: Some(messages::payments::payment(&tenant, payment)) };
        tx.emit("payment", &payment.id.to_string(), &event).await?;
    }
    finalize_invoice::publish(tx, invoice).await?;
    publish(tx, refund).await
}

async fn publish(tx: &mut WriteTx, refund: &Refund) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    refunds::save(tx.conn(), &tenant, refund).await?;
    tx.emit("refund", &refund.id.to_string(), &RefundChanged { refund: Some(messages::refunds::refund(&tenant, refund)) }).await
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = refunds::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(mut refund) = found else { return Ok(()) };
    let (id, customer, unapplied) = (refund.id.uuid(), refund.customer, refund.credit_note.is_none());
    for (step, part) in refund.parts.iter_mut().enumerate().filter(|(_, part)| part.destination != Destination::Outside) {
        let wallet = Wallet::new(app, &lease.tenant, customer).refunding(id, part.payment);
        part.destination = wallet.refund(step, part, unapplied).await?;
        kill::point("refund.after_step");
    }
    kill::point("refund.before_record");
    record(app, lease, refund).await?;
    kill::point("refund.after_record");
    Ok(())
}

/// Records where the money is, and answers.
async fn record(app: &App, lease: &Lease, mut refund: Refund) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let call = Call::own("invoicing", tenant, "refund_ended", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let fault = || AppError::Fault(format!("refund {} without its invoice", refund.id));
    let invoice = invoices::lock(tx.conn(), tenant, refund.customer, refund.invoice).await?.ok_or_else(fault)?;
    flow::hold(&tx, lease).await?;
    let now = tx.now();
    refund.end(now);
    publish(&mut tx, &refund).await?;
    let shown = Some(messages::invoices::invoice(tenant, &invoice, day_in(tx.time().zone, now))?);
    let rendered = Some(messages::refunds::refund(tenant, &refund));
    if let Some(note) = refund.credit_note {
        let note = credit_notes::find(tx.conn(), tenant, note).await?;
        let credit_note = note.map(|note| messages::credit_notes::credit_note(tenant, &invoice, &note));
        tx.answer_intent(lease.intent, &CreateCreditNoteResponse { credit_note, invoice: shown, refund: rendered }).await?;
    } else {
        tx.answer_intent(lease.intent, &UnapplyPaymentResponse { refund: rendered, invoice: shown }).await?;
    }
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}
