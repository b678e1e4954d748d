//! Takes the match of a line back: a flow over the wallet.
//!
//! Intent, the reopened invoices and the lease in one transaction: from there it goes forward only, for nothing in the wallet
//! refuses it. The wallet books back what had arrived, then the line is UNMATCHED.

use super::save::{lock_line, store_line};
use crate::{
    app::App,
    messages,
    peers::wallet::Wallet,
    store::{bank_lines, invoices, payments},
    use_cases::{collections::schedule::schedule_collections, payments::save::publish_payment},
};
use chrono::{Days, NaiveDate};
use payterms_chassis::{
    Answer, AppError, Call, WriteTx,
    error::raced,
    flow::{self, Lease},
    kill,
};
use payterms_invoicing_domain::{BankLine, Payment};
use payterms_kernel::{
    Id, Refusal,
    calendar::{day_in, start_of_day},
};
use payterms_proto::invoicing::v1::UnmatchBankLineResponse;

/// The kind of flow.
pub const FLOW: &str = "bank_line_return";

/// Days after which an invoice that is open again is collected at the earliest: its customer has been told by then.
const COLLECTED_AFTER: Days = Days::new(3);

/// Takes a match back.
///
/// # Errors
/// `BANK_LINE_STATE`, `PAYMENT_PENDING`, `PAYMENT_REFUNDED`, `TOP_UP_INVOICE`, `RESOURCE_NOT_FOUND`.
pub async fn unmatch_bank_line(app: &App, call: &Call, id: Id<BankLine>) -> Result<Answer<UnmatchBankLineResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    // Invoices are locked before the line, as by all who pay them: what the line paid is read without a lock first.
    let before = bank_lines::find(tx.conn(), &call.tenant, id).await?.ok_or_else(Refusal::not_found)?;
    let paid = find_payment(&tx, &before).await?;
    let ids: Vec<_> = paid.iter().flat_map(|payment| &payment.allocations).map(|allocation| allocation.invoice).collect();
    let mut owned = invoices::lock_many(tx.conn(), &call.tenant, &ids).await?;
    let mut line = lock_line(&tx, id).await?;
    if tx.seen().await?.is_some() {
        drop(tx);
        return app.flows.answer(call, true).await;
    }
    if line.payment != before.payment {
        return Err(raced("the line was paid meanwhile"));
    }
    // As it is under the locks of its invoices.
    let mut payment = find_payment(&tx, &line).await?;
    let (now, zone) = (tx.now(), tx.time().zone);
    let collected_on = day_in(zone, now).checked_add_days(COLLECTED_AFTER).unwrap_or(NaiveDate::MAX);
    let taken = line.unmatch(tx.ids(), payment.as_mut(), &mut owned, (start_of_day(zone, collected_on), now))?;
    for invoice in &mut owned {
        invoice.spare_until(collected_on, now);
    }
    schedule_collections(&tx, &owned).await?;
    if let Some(payment) = &mut payment {
        publish_payment(&mut tx, payment, &mut owned).await?;
    }
    store_line(&mut tx, &line).await?;
    let lease = app.flows.open(&tx, FLOW, taken.id).await?;
    kill::point("bank_line.before_return");
    tx.commit_intent(taken.id).await?;
    kill::point("bank_line.after_return");
    app.flows.spawn(lease);
    app.flows.answer(call, false).await
}

async fn find_payment(tx: &WriteTx, line: &BankLine) -> Result<Option<Payment>, AppError> {
    match line.payment {
        Some(payment) => payments::find(tx.conn(), &tx.call().tenant, payment).await,
        None => Ok(None),
    }
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
    wallet.return_transfer(line.shown.amount, taken.surplus).await?;
    kill::point("bank_line.before_unmatched");
    let call = Call::internal("invoicing", tenant, "bank_line_unmatched", lease.intent, None);
    let mut tx = app.db.begin_forward(&call).await?;
    let mut line = lock_line(&tx, line.id).await?;
    flow::hold(&tx, lease).await?;
    line.unmatched();
    store_line(&mut tx, &line).await?;
    let bank_line = Some(messages::bank_lines::bank_line(tenant, &line));
    tx.answer_intent(lease.intent, &UnmatchBankLineResponse { bank_line }).await?;
    flow::close(&tx, lease).await?;
    tx.commit_rows().await?;
    kill::point("bank_line.after_unmatched");
    Ok(())
}
