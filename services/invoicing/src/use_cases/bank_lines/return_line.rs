//! Takes a line back because the bank did: by itself where one line fits the return, or as a person
//! says.

use super::{
    save::store_line,
    take_back::{PaidLine, consequences_from, lock_paid_line, publish_taken_back, valid_days},
    unmatch,
};
use crate::{
    app::App,
    commands::bank_lines::ReturnBankLine,
    messages,
    store::{bank_lines, bank_returns},
    use_cases::payments::pending::name_payment,
};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{
    BankLine,
    bank::{Compared, LineState, Taking, find_original},
    transfer_refund::must_not_go_back,
};
use payterms_kernel::{Id, Reason, Refusal};
use payterms_proto::invoicing::v1::MatchBankLineResponse;
use std::collections::BTreeSet;

/// The kind of flow.
pub const FLOW: &str = "bank_line_returned";

/// Why a line cannot be taken back by itself: a person decides then.
const NOT_RETURNABLE: [Reason; 2] = [Reason::PAYMENT_REFUNDED, Reason::BANK_LINE_STATE];

/// Finds the lines that stored returns take back; each that has one is enqueued for its flow.
pub(super) async fn evaluate_returns(
    tx: &mut WriteTx,
    lines: &mut [BankLine],
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let mut returns: Vec<_> = lines
        .iter_mut()
        .filter(|line| line.is_return() && line.state == LineState::Unmatched)
        .collect();
    if returns.is_empty() {
        return Ok(());
    }
    let found = bank_returns::originals(tx.conn(), &tenant, &returns).await?;
    let ids: Vec<_> = returns.iter().map(|line| line.id).collect();
    let references = bank_returns::references(tx.conn(), &tenant, &ids).await?;
    let (nothing, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let mut matched = Vec::new();
    for line in &mut returns {
        // Two returns never take one line back.
        let free = found.lines.iter().filter(|(line, _)| !taken.contains(&line.id));
        let candidates: Vec<_> =
            free.map(|(line, references)| Compared { line, references }).collect();
        find_original(
            line,
            references.get(&line.id).unwrap_or(&nothing),
            &candidates,
            found.is_complete,
        );
        taken.extend(line.returned_line);
        matched.extend(line.returned_line.map(|_| line.id));
    }
    bank_lines::save_many(
        tx.conn(),
        &tenant,
        &returns.iter().map(|line| (**line).clone()).collect::<Vec<_>>(),
    )
    .await?;
    for line in matched {
        flow::enqueue(tx, FLOW, line.uuid()).await?;
    }
    Ok(())
}

/// Takes the line back that a person says a return is of.
///
/// # Errors
/// `BANK_LINE_STATE`, `BANK_LINE_DIRECTION`, `RETURN_AMOUNT_DIFFERS`, `CURRENCY_MISMATCH`,
/// `PAYMENT_PENDING`, `PAYMENT_REFUNDED`, `RESOURCE_NOT_FOUND`.
pub async fn return_bank_line(
    app: &App,
    call: &Call,
    named: &ReturnBankLine,
) -> Result<Answer<MatchBankLineResponse>, AppError> {
    let valid_days = valid_days(app, &call.tenant, named.returned_line).await?;
    let mut tx = app.db.begin(call).await?;
    let mut held = lock_paid_line(&tx, named.returned_line, Some(named.line)).await?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    // A line that is named as its own return is none.
    let by = held.by.get_or_insert_with(|| held.line.clone());
    by.return_line(&held.line)?;
    let by = by.clone();
    let lease = take_line_back(app, &mut tx, &mut held, valid_days).await?;
    store_line(&mut tx, &by).await?;
    let answer = tx
        .commit(MatchBankLineResponse {
            bank_line: Some(messages::bank_lines::bank_line(&call.tenant, &by)),
        })
        .await?;
    if let Some(lease) = lease {
        app.flows.spawn(lease);
    }
    Ok(answer)
}

/// Takes the line of a return back. Answers the flow that books it back in the wallet, where it had
/// paid.
async fn take_line_back(
    app: &App,
    tx: &mut WriteTx,
    held: &mut PaidLine,
    valid_days: u32,
) -> Result<Option<Lease>, AppError> {
    let (now, (_, collect_at)) = (tx.now(), consequences_from(tx));
    must_not_go_back(&held.refunds)?;
    let PaidLine { line, by, payment, invoices, .. } = held;
    let by = by.as_ref().ok_or_else(Refusal::not_found)?;
    let taking = Taking { payment: payment.as_mut(), invoices, collect_at, now };
    let named = line.customer.zip(line.payment);
    let undo = line.take_back(by, tx.ids(), taking);
    let undo = name_payment(&tx.call().tenant, named, undo)?;
    let id = undo.as_ref().map(|undo| undo.taken.id);
    if let Some(undo) = undo {
        publish_taken_back(tx, held, undo, valid_days).await?;
    }
    store_line(tx, &held.line).await?;
    let Some(id) = id else { return Ok(None) };
    Ok(Some(app.flows.open(tx, unmatch::FLOW, id).await?))
}

/// Drives the flow of a return that has found its line.
///
/// # Errors
/// `PAYMENT_PENDING` while the payment of the line is under way; the recovery asks again.
pub async fn drive_returned_line(app: &App, lease: &Lease) -> Result<(), AppError> {
    let tenant = &lease.tenant;
    let id: Id<BankLine> = Id::from_uuid(lease.intent);
    let conn = app.db.read(tenant).await?;
    let found = bank_lines::find(&conn, tenant, id).await?;
    drop(conn);
    let Some(original) = found.and_then(|line| line.returned_line) else {
        return close(app, lease).await;
    };
    let valid_days = valid_days(app, tenant, original).await?;
    let call = Call::internal("invoicing", tenant, "bank_line_returned", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut held = lock_paid_line(&tx, original, Some(id)).await?;
    flow::hold(&tx, lease).await?;
    let mut return_lease = None;
    // Another return may have found the same line before either was carried out.
    if let (Some(by), true) = (&mut held.by, held.line.returned_by.is_some_and(|other| other != id))
    {
        by.original_not_returnable();
        store_line(&mut tx, by).await?;
    }
    if held.by.as_ref().is_some_and(|by| by.returned_line == Some(original))
        && held.line.returned_by.is_none()
    {
        match take_line_back(app, &mut tx, &mut held, valid_days).await {
            Ok(lease) => return_lease = lease,
            Err(AppError::Refused(refusal)) if NOT_RETURNABLE.contains(&refusal.reason) => {
                if let Some(by) = &mut held.by {
                    by.original_not_returnable();
                    store_line(&mut tx, by).await?;
                }
            }
            Err(other) => return Err(other),
        }
    }
    flow::close(&tx, lease).await?;
    kill::point("bank_line.before_returned");
    tx.commit_rows().await?;
    kill::point("bank_line.after_returned");
    if let Some(lease) = return_lease {
        app.flows.spawn(lease);
    }
    Ok(())
}

/// Ends the flow of a return that a person has decided about meanwhile.
async fn close(app: &App, lease: &Lease) -> Result<(), AppError> {
    let call = Call::internal("invoicing", &lease.tenant, "bank_line_returned", lease.intent, None);
    let tx = app.db.begin_forward(&call).await?;
    flow::hold(&tx, lease).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await
}
