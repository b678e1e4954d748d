//! Takes back what a line has paid: what an undo by a person and a return by the bank have in
//! common.

use crate::{
    app::App,
    peers::wallet::Wallet,
    store::{bank_lines, invoices, payments, transfer_refunds},
    use_cases::{
        collections::schedule::schedule_collections, credit_notes::save::issue_credit_note,
        invoices::load::find_sides, payments::save::publish_payment,
        statements::note_taken_back::note_taken_back, top_ups::raise::raise_order,
        transfer_refunds::came_back::did_not_come_back,
    },
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use payterms_chassis::{AppError, WriteTx, error::raced};
use payterms_invoicing_domain::{
    BankLine, Invoice, Payment, TransferRefund, bank::Undo, statement::TakenFor,
    top_up::TRANSFER_TAKEN_BACK,
};
use payterms_kernel::{
    Id, Reason, Refusal, TenantId,
    calendar::{day_in, start_of_day},
};

/// Days after which an invoice that is open again is collected at the earliest: its customer has
/// been told by then.
const COLLECTED_AFTER: Days = Days::new(3);

/// A line with what it has paid, locked.
#[derive(Debug)]
pub struct PaidLine {
    /// The line.
    pub line: BankLine,
    /// The return that takes it back, where there is one.
    pub by: Option<BankLine>,
    /// The payment that it made.
    pub payment: Option<Payment>,
    /// The invoices that the payment pays.
    pub invoices: Vec<Invoice>,
    /// What of it went back to the payer, or is to.
    pub refunds: Vec<TransferRefund>,
}

/// Locks a line, what it has paid, and the return that takes it back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`; a race where the line was paid meanwhile.
pub async fn lock_paid_line(
    tx: &WriteTx,
    id: Id<BankLine>,
    by: Option<Id<BankLine>>,
) -> Result<PaidLine, AppError> {
    let tenant = &tx.call().tenant;
    // Invoices are locked before lines, as by all who pay them: what the line paid is read without
    // a lock first.
    let before = bank_lines::find(tx.conn(), tenant, id).await?.ok_or_else(Refusal::not_found)?;
    let paid = find_payment(tx, &before).await?;
    let ids: Vec<_> = paid
        .iter()
        .flat_map(|payment| &payment.allocations)
        .map(|allocation| allocation.invoice)
        .collect();
    let invoices = invoices::lock_many(tx.conn(), tenant, &ids).await?;
    let mut lines = bank_lines::lock_many(
        tx.conn(),
        tenant,
        &[Some(id), by].into_iter().flatten().collect::<Vec<_>>(),
    )
    .await?;
    let mut take = |id: Id<BankLine>| {
        let at = lines.iter().position(|line| line.id == id).ok_or_else(Refusal::not_found)?;
        Ok::<_, Refusal>(lines.swap_remove(at))
    };
    let by = by.filter(|by| *by != id).map(&mut take).transpose()?;
    let line = take(id)?;
    if line.payment != before.payment {
        return Err(raced("the line was paid meanwhile"));
    }
    // As it is under the locks of its invoices.
    let payment = find_payment(tx, &line).await?;
    let refunds = match &payment {
        Some(payment) => transfer_refunds::of_payment(tx.conn(), tenant, payment.id).await?,
        None => Vec::new(),
    };
    Ok(PaidLine { line, by, payment, invoices, refunds })
}

async fn find_payment(tx: &WriteTx, line: &BankLine) -> Result<Option<Payment>, AppError> {
    match line.payment {
        Some(payment) => payments::find(tx.conn(), &tx.call().tenant, payment).await,
        None => Ok(None),
    }
}

/// For how many days credit can be used that a new invoice asks for, where a line had bought some;
/// 0: without end, or it had not. The wallet is asked before anything is locked.
///
/// # Errors
/// The wallet's.
pub(super) async fn valid_days(
    app: &App,
    tenant: &TenantId,
    line: Id<BankLine>,
) -> Result<u32, AppError> {
    let conn = app.db.read(tenant).await?;
    let paid = match bank_lines::find(&conn, tenant, line).await?.and_then(|line| line.payment) {
        Some(payment) => payments::find(&conn, tenant, payment).await?,
        None => None,
    };
    drop(conn);
    let Some(payment) = paid.filter(|payment| payment.bought.is_some()) else { return Ok(0) };
    Ok(Wallet::new(app, tenant, payment.customer).offer(payment.currency).await?.valid_days)
}

/// The first day of consequences of what is open again, and its first instant.
pub(super) fn consequences_from(tx: &WriteTx) -> (NaiveDate, DateTime<Utc>) {
    let zone = tx.time().zone;
    let day = day_in(zone, tx.now()).checked_add_days(COLLECTED_AFTER).unwrap_or(NaiveDate::MAX);
    (day, start_of_day(zone, day))
}

/// Publishes what is open again, and schedules its collection. What had bought credit is taken off
/// its invoice, and a new one asks for it again: credit that can be used for so many days. The
/// customer is told once the wallet has booked it.
pub(super) async fn publish_taken_back(
    tx: &mut WriteTx,
    held: &mut PaidLine,
    undo: Undo,
    valid_days: u32,
) -> Result<(), AppError> {
    did_not_come_back(tx, &mut held.line).await?;
    let Undo { taken, note } = undo;
    let ((from, instant), now, zone) = (consequences_from(tx), tx.now(), tx.time().zone);
    for invoice in &mut held.invoices {
        invoice.spare_until(from, now);
        invoice.collect_again(zone, instant, now);
    }
    schedule_collections(tx, &held.invoices).await?;
    let order = held.invoices.iter().find(|invoice| invoice.top_up.is_some()).cloned();
    if let (Some(order), Some((amount, taxes))) = (&order, note) {
        let id = tx.id();
        issue_credit_note(tx, order, None, id, amount, taxes, TRANSFER_TAKEN_BACK).await?;
    }
    let Some(payment) = &mut held.payment else { return Ok(()) };
    publish_payment(tx, payment, &mut held.invoices).await?;
    let (customer, amount) = (payment.customer, held.line.shown.amount);
    let id = tx.id::<()>();
    note_taken_back(tx, id.uuid(), customer, TakenFor::Transfer, amount).await?;
    if let (Some(top_up), Some(bought)) = (order.and_then(|order| order.top_up), taken.bought) {
        let tenant = tx.call().tenant.clone();
        let sides = find_sides(tx, &tenant, customer).await?;
        match Box::pin(raise_order(tx, &sides.0, &sides.1, bought.amount, top_up, valid_days)).await
        {
            // What is gone is taken back whether or not the tenant may sell again: without a tax
            // rule staff raise it later. This reason alone, which is found before anything is
            // written: any other would leave a part of the invoice behind.
            Err(AppError::Refused(refusal)) if refusal.reason == Reason::TAX_UNKNOWN => {
                tracing::warn!(
                    reason = refusal.reason.name(),
                    "no new invoice asks for a top-up that was taken back"
                );
            }
            raised => drop(raised?),
        }
    }
    Ok(())
}
