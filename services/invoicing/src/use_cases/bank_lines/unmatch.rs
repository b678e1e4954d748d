//! Takes the match of a line back: a flow over the wallet.
//!
//! Intent, the reopened invoices and the lease in one transaction: from there it goes forward only,
//! for nothing in the wallet refuses it. The wallet books back what had arrived, then the line is
//! UNMATCHED, or RETURNED where the bank took it back.

use super::{
    save::{lock_line, store_line},
    take_back::{consequences_from, lock_paid_line, publish_taken_back, valid_days},
};
use crate::{
    app::App,
    messages,
    peers::wallet::Wallet,
    store::{bank_lines, invoices, payments},
    use_cases::{
        mails::transfer_notices::{TakenBackNotice, mail_payment_taken_back},
        payments::pending::name_payment,
    },
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{
    BankLine, Customer, bank::TakenBack, transfer_refund::must_not_go_back,
};
use payterms_kernel::{Id, Money, Refusal};
use payterms_proto::invoicing::v1::UnmatchBankLineResponse;

/// The kind of flow.
pub const FLOW: &str = "bank_line_return";

/// Takes a match back.
///
/// # Errors
/// `BANK_LINE_STATE`, `PAYMENT_PENDING`, `PAYMENT_REFUNDED`, `RESOURCE_NOT_FOUND`.
pub async fn unmatch_bank_line(
    app: &App,
    call: &Call,
    id: Id<BankLine>,
) -> Result<Answer<UnmatchBankLineResponse>, AppError> {
    let valid_days = valid_days(app, &call.tenant, id).await?;
    let mut tx = app.db.begin(call).await?;
    // Whether a line is a return never changes.
    let found =
        bank_lines::find(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    if found.is_return() {
        return undo_return(tx, &found).await;
    }
    let mut held = lock_paid_line(&tx, id, None).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    must_not_go_back(&held.refunds)?;
    let (now, (_, collect_at)) = (tx.now(), consequences_from(&tx));
    let named = held.line.customer.zip(held.line.payment);
    let undo =
        held.line.unmatch(tx.ids(), held.payment.as_mut(), &mut held.invoices, collect_at, now);
    let undo = name_payment(&call.tenant, named, undo)?;
    let taken = undo.taken;
    publish_taken_back(&mut tx, &mut held, undo, valid_days).await?;
    store_line(&mut tx, &held.line).await?;
    let lease = app.flows.open(&tx, FLOW, taken.id).await?;
    kill::point("bank_line.before_return");
    tx.commit_intent(taken.id).await?;
    kill::point("bank_line.after_return");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

/// Says of a return that it took the wrong line back.
async fn undo_return(
    mut tx: WriteTx,
    found: &BankLine,
) -> Result<Answer<UnmatchBankLineResponse>, AppError> {
    let ids: Vec<_> = [Some(found.id), found.returned_line].into_iter().flatten().collect();
    let mut lines = bank_lines::lock_many(tx.conn(), &tx.call().tenant, &ids).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let at = lines.iter().position(|line| line.id == found.id).ok_or_else(Refusal::not_found)?;
    let mut line = lines.swap_remove(at);
    // A return that has no line is in another state; any line stands in for the one that it does
    // not have.
    let mut original = lines
        .pop()
        .filter(|bank_line| line.returned_line == Some(bank_line.id))
        .unwrap_or_else(|| line.clone());
    let named = original.customer.zip(original.payment);
    name_payment(&tx.call().tenant, named, line.undo_return(&mut original))?;
    store_line(&mut tx, &line).await?;
    store_line(&mut tx, &original).await?;
    let bank_line = Some(messages::bank_lines::bank_line(&tx.call().tenant, &line));
    tx.commit(UnmatchBankLineResponse { bank_line }).await
}

/// Tells the customer what is open again, and what is owed of the credit that was taken.
async fn tell_customer(
    tx: &mut WriteTx,
    customer: Id<Customer>,
    line: &BankLine,
    taken: TakenBack,
    owed: Option<Money>,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let paid = payments::find(tx.conn(), &tenant, taken.payment).await?;
    let ids: Vec<_> =
        paid.iter().flat_map(|payment| &payment.allocations).map(|part| part.invoice).collect();
    let notice = TakenBackNotice {
        amount: line.shown.amount,
        credit: taken.credit()?,
        owed,
        invoices: invoices::find_many(tx.conn(), &tenant, &ids).await?,
        by_bank: line.returned_by.is_some(),
    };
    mail_payment_taken_back(tx, customer, notice).await
}

/// Drives the flow to its close.
///
/// # Errors
/// Those of a wallet that does not answer; the recovery goes on.
pub async fn drive_bank_line_return(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find_by_return(&conn, tenant, lease.intent).await?;
    drop(conn);
    let Some(line) = found else { return Ok(()) };
    let (Some(customer), Some(taken)) = (line.customer, line.taken_back) else { return Ok(()) };
    let wallet = Wallet::new(app, tenant, customer).returning(taken.payment);
    let owed = wallet.return_transfer(line.shown.amount, taken.surplus, taken.bought).await?;
    kill::point("bank_line.before_unmatched");
    let call = Call::internal("invoicing", tenant, "bank_line_unmatched", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut line = lock_line(&tx, line.id).await?;
    flow::hold(&tx, lease).await?;
    tell_customer(&mut tx, customer, &line, taken, owed).await?;
    line.unmatched();
    store_line(&mut tx, &line).await?;
    let bank_line = Some(messages::bank_lines::bank_line(tenant, &line));
    // Nobody waits where the bank took the line back.
    tx.answer_intent(lease.intent, &UnmatchBankLineResponse { bank_line }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("bank_line.after_unmatched");
    Ok(())
}
