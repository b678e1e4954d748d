//! Stores refunds with all that they change.

use super::drive;
use crate::{
    app::App,
    messages,
    store::{payments, refunds},
    use_cases::invoices::save::publish_invoice,
};
use payterms_chassis::{Answer, AppError, Call, WriteTx, flow, kill};
use payterms_invoicing_domain::{CreditNote, Invoice, Payment, Refund};
use payterms_kernel::{Id, Money};
use payterms_proto::invoicing::v1::{PaymentChanged, RefundChanged};

/// What of the invoice's payments is given back for a credit note.
pub async fn refund_of_note(
    tx: &mut WriteTx,
    invoice: &mut Invoice,
    amount: Money,
    note: Id<CreditNote>,
) -> Result<(Refund, Vec<Payment>), AppError> {
    let mut payments = payments::lock_of_invoice(tx.conn(), &tx.call().tenant, invoice.id).await?;
    let now = tx.now();
    let refund = Refund::of(tx.ids(), invoice, &mut payments, amount, Some(note), now)?;
    Ok((refund, payments))
}

/// Stores the intent with all that it changes, and drives it.
pub async fn begin_refund<A: prost::Message + Default>(
    app: &App,
    mut tx: WriteTx,
    call: &Call,
    refund: &Refund,
    invoice: &Invoice,
    lowered: &[Payment],
) -> Result<Answer<A>, AppError> {
    store_refund(&mut tx, refund, invoice, lowered).await?;
    let lease = app.flows.open(&tx, drive::FLOW, refund.id.uuid()).await?;
    kill::point("refund.before_intent");
    tx.commit_intent(refund.id.uuid()).await?;
    kill::point("refund.after_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Stores the intent; nobody waits for its end.
pub async fn enqueue_refund(
    tx: &mut WriteTx,
    refund: &Refund,
    invoice: &Invoice,
    lowered: &[Payment],
) -> Result<(), AppError> {
    store_refund(tx, refund, invoice, lowered).await?;
    flow::enqueue(tx, drive::FLOW, refund.id.uuid()).await
}

async fn store_refund(
    tx: &mut WriteTx,
    refund: &Refund,
    invoice: &Invoice,
    lowered: &[Payment],
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    for payment in
        lowered.iter().filter(|payment| refund.parts.iter().any(|part| part.payment == payment.id))
    {
        payments::save(tx.conn(), &tenant, payment).await?;
        let event = PaymentChanged { payment: Some(messages::payments::payment(&tenant, payment)) };
        tx.emit("payment", &payment.id.to_string(), &event).await?;
    }
    publish_invoice(tx, invoice).await?;
    publish_refund(tx, refund).await
}

/// Saves a refund and emits its event.
pub async fn publish_refund(tx: &mut WriteTx, refund: &Refund) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    refunds::save(tx.conn(), &tenant, refund, tx.today()).await?;
    tx.emit(
        "refund",
        &refund.id.to_string(),
        &RefundChanged { refund: Some(messages::refunds::refund(&tenant, refund)) },
    )
    .await
}
