//! Ends a transfer back, made or given up: a flow over the wallet, which books it or frees its
//! credit.

use super::save::publish_transfer_refund;
use crate::{
    app::App,
    commands::transfer_refunds::{MarkRefundSent, TransferRefundRef},
    peers::wallet::Wallet,
    store::{payments, transfer_refunds},
    use_cases::{
        bank_lines::take_back::{PaidLine, lock_paid_line},
        credit_notes::save::issue_credit_note,
        mails::transfer_refund_notices::mail_transfer_refunded,
        payments::save::publish_payment,
    },
};
use chrono::NaiveDate;
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{
    CreditNote, TransferRefund,
    transfer_refund::{Credit, RefundState, TRANSFERRED_BACK, went_out::goes_from},
};
use payterms_kernel::{Id, Reason, Refusal, Violation};
use payterms_proto::invoicing::v1::{CancelRefundResponse, MarkRefundSentResponse};
use prost::Message;
use uuid::Uuid;

/// The kind of flow.
pub const FLOW: &str = "transfer_refund_end";

/// Says that a transfer was made.
///
/// # Errors
/// `TRANSFER_REFUND_STATE`, `DATE_IN_FUTURE`, `DATE_IN_PAST`, `RESOURCE_NOT_FOUND`.
pub async fn mark_refund_sent(
    app: &App,
    call: &Call,
    sent: &MarkRefundSent,
) -> Result<Answer<MarkRefundSentResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut refund = lock_named(&tx, &sent.named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let today = tx.today();
    let on = sent.sent_on.unwrap_or(today);
    let payment = payments::find(tx.conn(), &call.tenant, refund.payment).await?;
    must_have_gone(on, payment.and_then(|payment| payment.effective_on), today)?;
    let (now, ending) = (tx.now(), tx.id::<TransferRefund>().uuid());
    refund.send(ending, on, sent.bank_reference.clone(), now)?;
    begin_ending(app, tx, call, &refund, ending).await
}

/// Gives a transfer up.
///
/// # Errors
/// `TRANSFER_REFUND_STATE`, `RESOURCE_NOT_FOUND`.
pub async fn cancel_refund(
    app: &App,
    call: &Call,
    named: &TransferRefundRef,
) -> Result<Answer<CancelRefundResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut refund = lock_named(&tx, named).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    let (now, ending) = (tx.now(), tx.id::<TransferRefund>().uuid());
    refund.cancel(ending, now)?;
    begin_ending(app, tx, call, &refund, ending).await
}

pub(super) async fn lock_named(
    tx: &WriteTx,
    named: &TransferRefundRef,
) -> Result<TransferRefund, AppError> {
    let found = transfer_refunds::lock(tx.conn(), &named.tenant, named.refund).await?;
    Ok(found
        .filter(|transfer_refund| transfer_refund.customer == named.customer)
        .ok_or_else(Refusal::not_found)?)
}

/// Refuses a day that is still to come, or on which the money had not come yet.
fn must_have_gone(
    day: NaiveDate,
    came_on: Option<NaiveDate>,
    today: NaiveDate,
) -> Result<(), Refusal> {
    if let Some(came_on) = goes_from(came_on, today).filter(|came_on| day < *came_on) {
        let description = format!(
            "The money cannot have gone before it came, on {came_on}. Name that day or a later one."
        );
        return Err(Refusal::invalid(vec![Violation {
            field: "sent_date".to_owned(),
            reason: Reason::DATE_IN_PAST,
            description,
        }]));
    }
    if day <= today {
        return Ok(());
    }
    let description = format!(
        "The money cannot have gone after today, {today}. Name that day or an earlier one."
    );
    Err(Refusal::invalid(vec![Violation {
        field: "sent_date".to_owned(),
        reason: Reason::DATE_IN_FUTURE,
        description,
    }]))
}

/// Stores the intent, and drives it.
async fn begin_ending<A: Message + Default>(
    app: &App,
    mut tx: WriteTx,
    call: &Call,
    refund: &TransferRefund,
    ending: Uuid,
) -> Result<Answer<A>, AppError> {
    publish_transfer_refund(&mut tx, refund).await?;
    let lease = app.flows.open(&tx, FLOW, ending).await?;
    tx.commit_intent(ending).await?;
    kill::point("transfer_refund.after_end_intent");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive_ending(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let conn = app.db.read(tenant).await?;
    let found = transfer_refunds::find_by_ending(&conn, tenant, lease.intent).await?;
    drop(conn);
    let Some(refund) = found else { return Ok(()) };
    let wallet = Wallet::new(app, tenant, refund.customer).sending_back(&refund);
    if refund.state == RefundState::Sending {
        wallet.book_transfer_refund(&refund).await?;
    } else {
        wallet.release_transfer_refund(&refund).await?;
    }
    kill::point("transfer_refund.before_end");
    record_end(app, lease, &refund).await?;
    kill::point("transfer_refund.after_end");
    Ok(())
}

/// Records that a transfer was made or given up, with all that follows.
async fn record_end(app: &App, lease: &Lease, found: &TransferRefund) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let fault = || AppError::Fault(format!("no transfer back {}", found.id));
    let call = Call::internal("invoicing", tenant, "transfer_refund_ended", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    // Its payment stands: whoever takes the line back is refused from the intent on.
    let mut held = lock_paid_line(&tx, found.line, None).await?;
    let mut refund =
        transfer_refunds::lock(tx.conn(), tenant, found.id).await?.ok_or_else(fault)?;
    flow::hold(&tx, lease).await?;
    let (today, now) = (tx.today(), tx.now());
    refund.ended((today, now))?;
    let mut number = String::new();
    if refund.state == RefundState::Sent && refund.from == Credit::TopUp {
        number = correct_order(&mut tx, &mut held, &mut refund).await?;
    }
    let rendered = publish_transfer_refund(&mut tx, &refund).await?;
    if refund.state == RefundState::Sent {
        mail_transfer_refunded(&mut tx, &refund, number).await?;
    }
    // Both verbs answer with one field of the same number: their bytes are the same.
    tx.answer_intent(lease.intent, &MarkRefundSentResponse { transfer_refund: Some(rendered) })
        .await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}

/// Takes what went back off the invoice that had sold it, by a credit note; returns the note's
/// number.
async fn correct_order(
    tx: &mut WriteTx,
    held: &mut PaidLine,
    refund: &mut TransferRefund,
) -> Result<String, AppError> {
    let fault =
        || AppError::Fault("a transfer back of bought credit without its invoice".to_owned());
    let payment = held.payment.as_mut().ok_or_else(fault)?;
    let order =
        held.invoices.iter_mut().find(|invoice| invoice.top_up.is_some()).ok_or_else(fault)?;
    let taxes = payment.transferred_back(refund, order, tx.now())?;
    let id: Id<CreditNote> = tx.id();
    let order = order.clone();
    let note =
        issue_credit_note(tx, &order, None, id, refund.amount()?, taxes, TRANSFERRED_BACK).await?;
    refund.note = Some((id, order.id));
    publish_payment(tx, payment, &mut held.invoices).await?;
    Ok(note.number)
}
