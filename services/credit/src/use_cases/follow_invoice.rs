//! Follows invoices: what is paid of a deferred one frees the limit, what is in a plan may bar new draws.

use super::{News, publish};
use crate::store::{
    customers, draws,
    known::{self, KnownInvoice},
    lines,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, WriteTx, names,
    render::{date_of, money_of},
};
use payterms_credit_domain::{Customer, Invoice, draw::Figures};
use payterms_kernel::{Id, calendar::day_in};
use payterms_proto::invoicing::v1::{Invoice as Told, block::Reason, invoice::State};
use uuid::Uuid;

/// The event of an invoice, and when it happened.
///
/// # Errors
/// The database's.
pub async fn run(tx: &mut WriteTx, told: &Told, at: Option<DateTime<Utc>>) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    let fault = || AppError::Fault(format!("invoice {:?} as invoicing told it", told.name));
    let mut ids = told.name.split('/').skip(3).step_by(2).map(names::uuid);
    let (Some(Some(customer)), Some(Some(id))) = (ids.next(), ids.next()) else { return Err(fault()) };
    let invoice: Id<Invoice> = Id::from_uuid(id);
    let reason = told.block.as_ref().map(payterms_proto::invoicing::v1::Block::reason);
    let in_plan = matches!(reason, Some(Reason::PaymentPlanProposed | Reason::PaymentPlanActive));
    customers::planned(tx.conn(), &tenant, (Id::from_uuid(customer), invoice), in_plan).await?;
    remember(tx, (Id::from_uuid(customer), id), (told, at.unwrap_or_else(|| tx.now()))).await?;
    // What was told before it was deferred says nothing of the draw.
    let Some(deferral) = &told.deferral else { return Ok(()) };
    let Some((line, _)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else { return Ok(()) };
    let Some(mut line) = lines::lock(tx.conn(), &tenant, line).await? else { return Ok(()) };
    // Read again under the lock.
    let Some((_, mut draw)) = draws::of_invoice(tx.conn(), &tenant, invoice).await? else { return Ok(()) };
    if !deferral.draw.ends_with(&draw.id.to_string()) {
        return Ok(());
    }
    let known = Figures {
        open: told.open.as_ref().and_then(money_of).ok_or_else(fault)?,
        due_on: told.due_date.as_ref().and_then(date_of).ok_or_else(fault)?,
        blocked: told.block.is_some(),
        written_off: told.written_off.as_ref().and_then(money_of).is_some_and(payterms_kernel::Money::is_positive),
    };
    let now = tx.now();
    let (changed, entry) = line.follow(&mut draw, known, now)?;
    if changed {
        line.touch(now);
        publish(tx, &mut line, News { draws: vec![draw], entries: entry.into_iter().collect() }).await?;
    }
    Ok(())
}

/// Notes how the customer pays: what features are made of. What comes late tells of the day on which it happened.
async fn remember(tx: &WriteTx, (customer, id): (Id<Customer>, Uuid), (told, at): (&Told, DateTime<Utc>)) -> Result<(), AppError> {
    let money = |own: &Option<payterms_proto::google::r#type::Money>| own.as_ref().and_then(money_of);
    let day = |own: &Option<payterms_proto::google::r#type::Date>| own.as_ref().and_then(date_of);
    let (Some(open), Some(paid), Some(issued_on), Some(due_on)) =
        (money(&told.open), money(&told.paid), day(&told.issue_date), day(&told.due_date))
    else {
        return Err(AppError::Fault(format!("invoice {:?} as invoicing told it", told.name)));
    };
    // The purchase of credit asks for no debt.
    if told.top_up.is_some() {
        return Ok(());
    }
    // What was taken back was never owed, nor late.
    if told.state() == State::Void {
        return known::forget(tx.conn(), &tx.call().tenant, id).await;
    }
    let day = day_in(tx.time().zone, at);
    let (open_left, late) = (open.micros(), open.is_positive() && due_on < day);
    let own = KnownInvoice { id, customer, currency: open.currency(), paid: paid.micros(), open: open_left, issued_on, due_on, late };
    known::invoice(tx.conn(), &tx.call().tenant, &own, day).await
}
