//! Whether and when an invoice is reminded and collected by itself.

use crate::{
    collection::CollectionState,
    explain::{Calendar, Context, Fact, Source, Topic},
    invoice::{Invoice, InvoiceState},
};
use chrono_tz::Tz;
use payterms_kernel::{calendar::start_of_day, money::MoneyError};

/// When it is reminded, or why it is not.
pub(crate) fn reminder(
    invoice: &Invoice,
    Calendar { reminder_days: days, zone, today, .. }: Calendar<'_>,
    context: &Context,
) -> Result<Fact, MoneyError> {
    let next = invoice.next_reminder(days, today);
    let last = invoice
        .reminders
        .last_on
        .map(|day| format!(" The last reminder went out on {day}."))
        .unwrap_or_default();
    let waits = next.is_some() && !invoice.payable()?.is_positive();
    // A reminder that waited for a transfer goes out at once when that is awaited no more.
    let awaited = context.transfer.map(|(_, until)| until.with_timezone(&zone).date_naive());
    let sentence = match next {
        Some(day) if waits => {
            let day = awaited.map_or(day, |awaited| awaited.max(day));
            let least = if awaited.is_some() { "" } else { " at the earliest" };
            format!(
                "It is not reminded while the payment under way has reserved it; where that comes to nothing, it is on {day}{least}."
            )
        }
        Some(day) => format!("It is reminded on {day}."),
        None if invoice.top_up.is_some() => "It is not reminded: it is no debt.".to_owned(),
        None if days.is_empty() => {
            "It is not reminded: the tenant has set no reminder days.".to_owned()
        }
        None if invoice.block.is_some() => {
            "It is not reminded while it is blocked; blocked days do not count.".to_owned()
        }
        None => "It is not reminded again: every step is done.".to_owned(),
    };
    let at = next.filter(|_| !waits).map(|day| start_of_day(zone, day));
    Ok(Fact { topic: Topic::Reminder, sentence: format!("{sentence}{last}"), at })
}

/// How its collection stands; none where there is nothing to say of it.
pub(crate) fn collection(invoice: &Invoice, zone: Tz, context: &Context) -> Option<Fact> {
    let (collection, failure) = (&invoice.collection, context.failure);
    let failed = || match collection.ladder.attempts {
        1 => format!("One try has failed: {failure}."),
        tries => format!("{tries} tries have failed, the last one for this reason: {failure}."),
    };
    let when = collection
        .next_at
        .map(|at| format!(" on {}", at.with_timezone(&zone).date_naive()))
        .unwrap_or_default();
    let sentence = match collection.state {
        CollectionState::Off if invoice.state == InvoiceState::Open => "It is not collected by itself: the customer pays it.".to_owned(),
        CollectionState::Off => return None,
        CollectionState::Scheduled if invoice.block.is_some() => "Its collection waits until the block is lifted.".to_owned(),
        CollectionState::Scheduled if context.source == Source::WaitsForDispute => {
            let failed = if collection.ladder.attempts > 0 { format!("{} ", failed()) } else { String::new() };
            format!(
                "{failed}It is to be collected{when}; while a charge of the only payment method that could be charged is disputed, nothing is \
                 collected, and it waits for that decision unless another collection method is chosen."
            )
        }
        CollectionState::Scheduled if collection.ladder.next_is_last => {
            format!("{} Another collection method was chosen since; it is tried once{when}.", failed())
        }
        CollectionState::Scheduled if collection.ladder.attempts > 0 => format!("{} It is tried again{when}.", failed()),
        CollectionState::Scheduled if context.source == Source::Method => format!("It is collected from the customer's collection method{when}."),
        CollectionState::Scheduled => {
            format!("It is to be collected{when}, but no saved payment method can be charged: the customer chooses or saves one, or pays it.")
        }
        CollectionState::Processing => "It is being collected.".to_owned(),
        CollectionState::RequiresAction => {
            "The cardholder must authenticate; it is not tried again by itself. The customer pays it, or chooses another collection method, \
             which is tried once, a day later."
                .to_owned()
        }
        CollectionState::Failed => {
            format!(
                "{} It is not tried again by itself: the customer pays it, or chooses another collection method, which is tried once, a day \
                 later; or retry it with RetryCollection.",
                failed()
            )
        }
    };
    Some(Fact {
        topic: Topic::Collection,
        sentence,
        at: collection.next_at.filter(|_| invoice.block.is_none()),
    })
}
