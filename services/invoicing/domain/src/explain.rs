//! Why an invoice stands as it does, and what happens next.

use crate::{
    collection::{BlockReason, CollectionState},
    invoice::{Invoice, InvoiceState},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{calendar::start_of_day, money::MoneyError};

/// What a fact is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Its state.
    State,
    /// When it falls due.
    Due,
    /// What keeps it from being collected and reminded.
    Block,
    /// A payment under way.
    Pending,
    /// Its automatic collection.
    Collection,
    /// Its reminders.
    Reminder,
}

/// One thing that is so, for people to read, with the instant that it is about where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What it is about.
    pub topic: Topic,
    /// A sentence.
    pub sentence: String,
    /// When it happens next.
    pub at: Option<DateTime<Utc>>,
}

/// Explains an invoice on a day of the tenant's.
///
/// # Errors
/// None that stored amounts can cause.
pub fn explain(invoice: &Invoice, (reminder_days, zone): (&[i16], Tz), today: NaiveDate) -> Result<Vec<Fact>, MoneyError> {
    let fact = |topic, sentence: String| Fact { topic, sentence, at: None };
    let open = invoice.open()?;
    let mut facts = vec![fact(
        Topic::State,
        match invoice.state {
            InvoiceState::Draft => "It is a draft: it can be changed, and nobody owes it yet.".to_owned(),
            InvoiceState::Open => format!("It is open: {open} of {} are left to pay.", invoice.amounts.total),
            InvoiceState::Paid => "It is paid.".to_owned(),
            InvoiceState::Void => "It was taken back whole.".to_owned(),
            InvoiceState::Uncollectible => format!("{} of it are written off; a payment still reverses that.", invoice.written_off),
        },
    )];
    if let Some(issue) = invoice.issue.as_ref().filter(|_| open.is_positive()) {
        let due = issue.due_date;
        let late =
            if invoice.past_due(today)? { format!("It was due on {due} and is past due.") } else { format!("It falls due on {due}.") };
        let deferred =
            invoice.deferral.map(|own| format!(" A credit line deferred it: {} were bought on {}.", own.amount, own.purchased_on));
        let spared = invoice.spared_until(today);
        let spared = spared.map(|day| format!(" A payment of it was taken back: nothing follows from that before {day}."));
        facts.push(fact(Topic::Due, format!("{late}{}{}", deferred.unwrap_or_default(), spared.unwrap_or_default())));
    }
    if let Some(block) = &invoice.block {
        let why = match block.reason {
            BlockReason::PlanProposed => "a payment plan has been proposed",
            BlockReason::PlanActive => "a payment plan is active",
            BlockReason::Disputed => "the customer disputes it",
            BlockReason::Manual => "somebody of the tenant says so",
        };
        let sentence = format!("It is blocked because {why}: it is not collected by itself and not reminded. The customer may pay it.");
        facts.push(fact(Topic::Block, sentence));
    }
    if invoice.pending.is_positive() {
        facts.push(fact(Topic::Pending, format!("A payment under way has reserved {} of it.", invoice.pending)));
    }
    facts.extend(collection(invoice));
    if invoice.state == InvoiceState::Open {
        facts.push(reminder(invoice, (reminder_days, zone), today));
    }
    Ok(facts)
}

fn reminder(invoice: &Invoice, (days, zone): (&[i16], Tz), today: NaiveDate) -> Fact {
    let next = invoice.next_reminder(days, today);
    let last = invoice.reminders.last_on.map(|day| format!(" The last reminder went out on {day}.")).unwrap_or_default();
    let sentence = match next {
        Some(day) => format!("It is reminded on {day}."),
        None if days.is_empty() => "It is not reminded: the tenant has set no reminder days.".to_owned(),
        None if invoice.block.is_some() => "It is not reminded while it is blocked; blocked days do not count.".to_owned(),
        None => "It is not reminded again: every step is done.".to_owned(),
    };
    Fact { topic: Topic::Reminder, sentence: format!("{sentence}{last}"), at: next.map(|day| start_of_day(zone, day)) }
}

fn collection(invoice: &Invoice) -> Option<Fact> {
    let own = &invoice.collection;
    let failed = || format!("{} tries have failed, the last one with {}.", own.ladder.attempts, own.reason);
    let sentence = match own.state {
        CollectionState::Off if invoice.state == InvoiceState::Open => "It is not collected by itself: the customer pays it.".to_owned(),
        CollectionState::Off => return None,
        CollectionState::Scheduled if invoice.block.is_some() => "Its collection waits until the block is lifted.".to_owned(),
        CollectionState::Scheduled if own.ladder.attempts > 0 => format!("{} It is tried again.", failed()),
        CollectionState::Scheduled => "It is collected from the customer's collection method on its due date.".to_owned(),
        CollectionState::Processing => "It is being collected.".to_owned(),
        CollectionState::RequiresAction => "The cardholder must authenticate; it is not tried again by itself.".to_owned(),
        CollectionState::Failed => format!("{} It is not tried again by itself; retry it, or let the customer pay.", failed()),
    };
    Some(Fact { topic: Topic::Collection, sentence, at: own.next_at })
}
