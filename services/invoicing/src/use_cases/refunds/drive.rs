//! Gives back what payments had paid of an invoice: a flow over the wallet.
//!
//! Intent, the lowered invoice and the lease in one transaction: from there it goes forward only.
//! Each part has a step id of its own; then it is recorded where the money is.

use super::save::publish_refund;
use crate::{
    app::App,
    messages,
    peers::wallet::Wallet,
    store::{credit_notes, invoices, refunds},
};
use payterms_chassis::{
    AppError, Call,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{Destination, Refund};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1::{CreateCreditNoteResponse, UnapplyPaymentResponse};

/// The kind of flow.
pub const FLOW: &str = "refund";

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive_refund(app: &App, lease: &Lease) -> Result<(), AppError> {
    let conn = app.db.read(&lease.tenant).await?;
    let found = refunds::find(&conn, &lease.tenant, Id::from_uuid(lease.intent)).await?;
    drop(conn);
    let Some(mut refund) = found else { return Ok(()) };
    let (id, customer, unapplied) =
        (refund.id.uuid(), refund.customer, refund.credit_note.is_none());
    let mut taken_back = Vec::new();
    for (step, part) in refund
        .parts
        .iter_mut()
        .enumerate()
        .filter(|(_, part)| part.destination != Destination::Outside)
    {
        let wallet = Wallet::new(app, &lease.tenant, customer).refunding(id, part.payment);
        let (destination, by_issuer) = wallet.refund(step, part, unapplied).await?;
        taken_back.extend(part.arrived(destination, by_issuer)?);
        kill::point("refund.after_step");
    }
    refund.parts.append(&mut taken_back);
    kill::point("refund.before_record");
    record_refund(app, lease, refund).await?;
    kill::point("refund.after_record");
    Ok(())
}

/// Records where the money is, and answers.
async fn record_refund(app: &App, lease: &Lease, mut refund: Refund) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let call = Call::internal("invoicing", tenant, "refund_ended", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let fault = || AppError::Fault(format!("refund {} without its invoice", refund.id));
    let invoice = invoices::lock(tx.conn(), tenant, refund.customer, refund.invoice)
        .await?
        .ok_or_else(fault)?;
    flow::hold(&tx, lease).await?;
    let now = tx.now();
    refund.end(now);
    publish_refund(&mut tx, &refund).await?;
    let shown = Some(messages::invoices::invoice(tenant, &invoice, tx.today())?);
    let rendered = Some(messages::refunds::refund(tenant, &refund));
    if let Some(note) = refund.credit_note {
        let note = credit_notes::find(tx.conn(), tenant, note).await?;
        let credit_note =
            note.map(|note| messages::credit_notes::credit_note(tenant, &invoice, &note));
        tx.answer_intent(
            lease.intent,
            &CreateCreditNoteResponse { credit_note, invoice: shown, refund: rendered },
        )
        .await?;
    } else {
        tx.answer_intent(
            lease.intent,
            &UnapplyPaymentResponse { refund: rendered, invoice: shown },
        )
        .await?;
    }
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}
