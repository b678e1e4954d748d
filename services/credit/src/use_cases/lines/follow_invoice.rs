//! Follows invoices: what is paid of a deferred one frees the limit, what is in a plan may bar new draws.

use super::save::{DrawChanges, publish_line};
use crate::store::{
    customers, draws, lines,
    payment_history::{self, InvoiceStanding},
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_credit_domain::{Customer, Invoice, draw::Figures};
use payterms_kernel::{Id, Money, calendar::day_in};
use payterms_proto::{
    google::r#type::{Date as DateMessage, Money as MoneyMessage},
    invoicing::v1::{Block, Invoice as InvoiceMessage, block::Reason, invoice::State},
};
use uuid::Uuid;

/// The event of an invoice, and when it happened.
pub async fn follow_invoice(tx: &mut WriteTx, message: &InvoiceMessage, at: Option<DateTime<Utc>>) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("invoice {:?} that invoicing sent", message.name));
    let mut ids = message.name.split('/').skip(3).step_by(2).map(names::uuid);
    let (Some(Some(customer)), Some(Some(id))) = (ids.next(), ids.next()) else { return Err(fault()) };
    let invoice: Id<Invoice> = Id::from_uuid(id);
    let reason = message.block.as_ref().map(Block::reason);
    let in_plan = matches!(reason, Some(Reason::PaymentPlanProposed | Reason::PaymentPlanActive));
    customers::save_planned(tx.conn(), &tenant, (Id::from_uuid(customer), invoice), in_plan).await?;
    save_standing(tx, (Id::from_uuid(customer), id), (message, at.unwrap_or_else(|| tx.now()))).await?;
    // What happened before it was deferred says nothing of the draw.
    let Some(deferral) = &message.deferral else { return Ok(()) };
    let Some((line, _)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else { return Ok(()) };
    let Some(mut line) = lines::lock(tx.conn(), &tenant, line).await? else { return Ok(()) };
    // Read again under the lock.
    let Some((_, mut draw)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else { return Ok(()) };
    if !deferral.draw.ends_with(&draw.id.to_string()) {
        return Ok(());
    }
    let figures = Figures {
        open: message.open.as_ref().and_then(money_of).ok_or_else(fault)?,
        due_on: message.due_date.as_ref().and_then(date_of).ok_or_else(fault)?,
        blocked: message.block.is_some(),
        written_off: message.written_off.as_ref().and_then(money_of).is_some_and(Money::is_positive),
    };
    let now = tx.now();
    let (changed, entry) = line.follow(&mut draw, figures, now)?;
    if changed {
        line.touch(now);
        publish_line(tx, &mut line, DrawChanges { draws: vec![draw], entries: entry.into_iter().collect() }).await?;
    }
    Ok(())
}

/// Saves how the customer pays: what features are made of. An event that comes late is of the day on which it happened.
async fn save_standing(
    tx: &WriteTx,
    (customer, id): (Id<Customer>, Uuid),
    (message, at): (&InvoiceMessage, DateTime<Utc>),
) -> Result<(), AppError> {
    let money = |amount: &Option<MoneyMessage>| amount.as_ref().and_then(money_of);
    let day = |day: &Option<DateMessage>| day.as_ref().and_then(date_of);
    let (Some(open), Some(paid), Some(issued_on), Some(due_on)) =
        (money(&message.open), money(&message.paid), day(&message.issue_date), day(&message.due_date))
    else {
        return Err(AppError::Fault(format!("invoice {:?} that invoicing sent", message.name)));
    };
    // The purchase of credit asks for no debt.
    if message.top_up.is_some() {
        return Ok(());
    }
    // What was taken back was never owed, nor late.
    if message.state() == State::Void {
        return payment_history::delete_invoice(tx.conn(), &tx.call().tenant, id).await;
    }
    let day = day_in(tx.time().zone, at);
    let (open_left, late) = (open.micros(), open.is_positive() && due_on < day);
    let standing =
        InvoiceStanding { id, customer, currency: open.currency(), paid: paid.micros(), open: open_left, issued_on, due_on, late };
    payment_history::save_invoice(tx.conn(), &tx.call().tenant, &standing, day).await
}
