//! Why an invoice stands as it does, and what happens next.

use crate::{
    announced::Announcements,
    approval::Proposal,
    block::{Block, BlockReason},
    collection::CollectionState,
    explain_next::nothing_planned,
    explain_plan::{PlanOutlook, Surroundings},
    explain_state::state_sentence,
    invoice::{Invoice, InvoiceState},
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Money, calendar::start_of_day, money::MoneyError};

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

/// What there is to say of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What is so, the state first.
    pub facts: Vec<Fact>,
    /// What happens next by itself, or what must be done where nothing does.
    pub next: Fact,
}

/// What the tenant has set about invoices, and its day.
#[derive(Debug, Clone, Copy)]
pub struct Calendar<'a> {
    /// The steps of reminders.
    pub reminder_days: &'a [i16],
    /// The tenant's zone.
    pub zone: Tz,
    /// The day there.
    pub today: NaiveDate,
    /// The instant: nothing that comes is told for one that is over.
    pub now: DateTime<Utc>,
}

/// What an invoice, or an instalment of its plan, can be collected from when that is done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Source {
    /// No saved payment method can be charged then.
    #[default]
    None,
    /// The collection method can be charged then.
    Method,
    /// A dispute has taken the only method that could be charged, and may bring it back: nothing is
    /// collected before it is decided.
    WaitsForDispute,
}

/// What else decides what happens to an invoice.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Why its last collection failed, as the end of a sentence.
    pub failure: &'static str,
    /// What it can be collected from.
    pub source: Source,
    /// The payment plan that blocks it.
    pub plan: Option<PlanOutlook>,
    /// The transfer that is announced for it and reserves it: how much, and until when it is
    /// awaited.
    pub transfer: Option<(Money, DateTime<Utc>)>,
    /// What came in by transfer and waits for a person of the tenant to say whether it is for this
    /// invoice. Only they are told.
    pub suggested: Vec<Money>,
    /// Whether something came in that waits so, whoever asks.
    pub is_suggested: bool,
    /// What is proposed of it and waits for a second person. Only the tenant's people are told.
    pub proposed: Vec<Proposal>,
    /// Whether its customer asks: methods that only the tenant's people may call are not named.
    pub as_customer: bool,
}

/// Explains an invoice on a day of the tenant's. No name of a resource and no code stands in a
/// sentence: customers read it (docs/domain/invoicing.md#no-codes).
///
/// # Errors
/// None that stored amounts can cause.
pub fn explain(
    invoice: &Invoice,
    calendar: Calendar<'_>,
    context: &Context,
) -> Result<Explanation, MoneyError> {
    let fact = |topic, sentence: String| Fact { topic, sentence, at: None };
    let open = invoice.open()?;
    let mut facts = vec![fact(Topic::State, state_sentence(invoice)?)];
    facts.extend(due(invoice, calendar.today, context.plan.as_ref())?);
    facts.extend(
        invoice
            .block
            .as_ref()
            .map(|block| fact(Topic::Block, blocked(invoice, block, context.as_customer))),
    );
    if !invoice.disputed_by.is_empty()
        && invoice.block.as_ref().is_some_and(|block| block.owner != invoice.disputed_by)
    {
        let sentence =
            "A charge that had paid it is disputed too: while that is open, nothing is late.";
        facts.push(fact(Topic::Block, sentence.to_owned()));
    }
    facts.extend(pending(invoice, calendar.zone, context)?);
    facts.extend(
        announced(invoice)
            .filter(|_| open.is_positive())
            .map(|text| fact(Topic::Pending, text.to_owned())),
    );
    let came = suggested(&context.suggested, invoice)
        .filter(|_| open.is_positive())
        .map(|text| fact(Topic::Pending, text));
    let waiting = context
        .proposed
        .iter()
        .map(|proposal| proposed(*proposal, invoice))
        .collect::<Result<Vec<_>, _>>()?;
    let for_a_person: Vec<_> = came.into_iter().chain(waiting.into_iter().flatten()).collect();
    facts.extend(for_a_person.iter().cloned());
    match &context.plan {
        Some(plan) => facts.extend(plan.facts(Surroundings {
            zone: calendar.zone,
            today: calendar.today,
            now: calendar.now,
            source: context.source,
            spared_until: invoice.spared_until(calendar.today),
            disputed: !invoice.disputed_by.is_empty(),
        })),
        // A plan of which nothing has been told yet.
        None if invoice
            .block
            .as_ref()
            .is_some_and(|block| block.reason == BlockReason::PlanActive) => {}
        None => facts.extend(collection(invoice, calendar.zone, context)),
    }
    let ends = lapse(invoice, calendar, context.is_suggested)
        .filter(|_| invoice.state == InvoiceState::Open);
    if invoice.state == InvoiceState::Open {
        facts.extend(ends.iter().cloned());
        facts.push(reminder(invoice, calendar, context)?);
    }
    // What is due at once happens in a moment.
    for fact in &mut facts {
        fact.at = fact.at.map(|at| at.max(calendar.now));
    }
    // What waits for a payment under way comes only where that fails.
    let is_reserved = invoice.pending.is_positive() && !invoice.payable()?.is_positive();
    let comes = |fact: &&Fact| fact.at.is_some() && (!is_reserved || fact.topic == Topic::Pending);
    let next = facts.iter().filter(comes).min_by_key(|fact| fact.at).cloned();
    let next = match next.or_else(|| for_a_person.into_iter().chain(ends).next()) {
        Some(next) => next,
        None => nothing_planned(invoice, context)?,
    };
    Ok(Explanation { facts, next })
}

/// The payments that have reserved something of it.
fn pending(invoice: &Invoice, zone: Tz, context: &Context) -> Result<Vec<Fact>, MoneyError> {
    let mut facts = Vec::new();
    let mut reserved = invoice.pending;
    if let Some((amount, until)) = context.transfer.filter(|_| reserved.is_positive()) {
        reserved = reserved.minus(amount.min(reserved)?)?;
        let day = until.with_timezone(&zone).date_naive();
        let sentence = format!(
            "A transfer of {} is announced for it and awaited until {day}; then what it reserved is payable again.",
            amount.grouped()
        );
        facts.push(Fact { topic: Topic::Pending, sentence, at: Some(until) });
    }
    if reserved.is_positive() {
        let sentence = format!("A payment under way has reserved {} of it.", reserved.grouped());
        facts.push(Fact { topic: Topic::Pending, sentence, at: None });
    }
    if let Some(last) = facts.last_mut() {
        last.sentence =
            format!("{} {} can be paid otherwise.", last.sentence, invoice.payable()?.grouped());
    }
    Ok(facts)
}

/// The transfers that wait for a person.
fn suggested(amounts: &[Money], invoice: &Invoice) -> Option<String> {
    let first = amounts.first()?;
    let came = match amounts.len() {
        1 => format!("A transfer of {} came in that may be for it", first.grouped()),
        several => format!("{several} transfers came in that may be for it"),
    };
    let waits = if invoice.top_up.is_some() { " The offer does not end before that." } else { "" };
    Some(format!(
        "{came}: a person of the tenant says whether it is, with MatchBankLine or DismissBankLine.{waits}"
    ))
}

/// What waits for a second person; nothing of what the invoice cannot take any more.
fn proposed(proposal: Proposal, invoice: &Invoice) -> Result<Option<Fact>, MoneyError> {
    if proposal.is_over(invoice)?.is_some() {
        return Ok(None);
    }
    let (amount, open) = (proposal.amount(), invoice.open()?);
    let (what, taken) = match proposal {
        Proposal::WriteOff(_) => ("A write-off", open),
        Proposal::CreditNote(_) => ("A credit note", amount.min(open)?),
    };
    let decide = if proposal.must_cover(open).is_err() {
        format!(
            ", but {} are open now: a second person refuses it, with DecideApproval, and it is proposed again.",
            open.grouped()
        )
    } else if invoice.payable()?.compare(taken)?.is_lt() {
        ": once the payment under way has ended, a second person approves or refuses it, with DecideApproval.".to_owned()
    } else {
        ": a second person approves or refuses it, with DecideApproval.".to_owned()
    };
    // What was proposed is the most: of a write-off only what is open is given up.
    let amount = if proposal.must_cover(open).is_err() {
        amount
    } else {
        proposal.of_what_is_open(open)?.amount()
    };
    let sentence = format!("{what} of {} is proposed{decide}", amount.grouped());
    Ok(Some(Fact { topic: Topic::State, sentence, at: None }))
}

/// When an offer of credit is over: not while what came in waits for a person.
fn lapse(
    invoice: &Invoice,
    Calendar { zone, today, .. }: Calendar<'_>,
    is_suggested: bool,
) -> Option<Fact> {
    let due = invoice.issue.as_ref().filter(|_| invoice.top_up.is_some())?.due_date;
    // Where its last day passed while a person had to say what came in, it ends at the next
    // midnight.
    let at = due.max(today).succ_opt().map(|day| start_of_day(zone, day)).filter(|_| !is_suggested);
    let sentence = match (is_suggested, due < today) {
        (true, true) => {
            "A transfer that may be for it came in, and a person says whether it is. Then what did not come is taken off, and the \
                         offer ends."
                .to_owned()
        }
        (true, false) => {
            format!("The transfer comes in by {due}, or what did not come is taken off and the offer ends, once it is clear what came in.")
        }
        (false, true) => format!("The transfer was awaited until {due}: what did not come is taken off, and the offer ends."),
        (false, false) => format!("The transfer comes in by {due}, or what did not come is taken off and the offer ends."),
    };
    Some(Fact { topic: Topic::State, sentence, at })
}

fn due(
    invoice: &Invoice,
    today: NaiveDate,
    plan: Option<&PlanOutlook>,
) -> Result<Option<Fact>, MoneyError> {
    let open = invoice.open()?.is_positive();
    let Some(issue) = invoice.issue.as_ref().filter(|_| open) else { return Ok(None) };
    let due = issue.due_date;
    let in_plan =
        invoice.block.as_ref().is_some_and(|block| block.reason == BlockReason::PlanActive);
    let disputed = invoice.rests_for_dispute();
    let late = match (invoice.past_due(today)?, due < today) {
        // While a plan is kept its dates count; nothing is late while a dispute is open
        // (docs/domain/invoicing.md#statement-lists).
        (_, true) if disputed => {
            format!("It was due on {due}; while the dispute is open it is not late.")
        }
        (_, is_over) if in_plan && plan.is_none_or(|plan| !plan.late) => {
            let was = if is_over { "was due" } else { "falls due" };
            format!(
                "Without the payment plan it {was} on {due}: the plan's own dates count, and it is not late while they are kept."
            )
        }
        (true, _) => {
            let days = (today - due).num_days();
            format!(
                "It was due on {due} and is past due by {days} {}.",
                if days == 1 { "day" } else { "days" }
            )
        }
        _ => format!("It falls due on {due}."),
    };
    let bought =
        invoice.deferral.map(|deferral| (deferral.amount.grouped(), deferral.purchased_on));
    let deferred = bought
        .map(|(amount, on)| format!(" A credit line deferred it: {amount} were bought on {on}."));
    let spared = invoice
        .spared_until(today)
        .map(|day| format!(" There is time to act: nothing follows from that before {day}."));
    let sentence = format!("{late}{}{}", deferred.unwrap_or_default(), spared.unwrap_or_default());
    Ok(Some(Fact { topic: Topic::Due, sentence, at: None }))
}

fn blocked(invoice: &Invoice, block: &Block, as_customer: bool) -> String {
    let why = match block.reason {
        BlockReason::PlanProposed => "a payment plan has been proposed",
        BlockReason::PlanActive => "a payment plan is active",
        BlockReason::Disputed if block.owner.is_empty() => "the customer disputes it",
        BlockReason::Disputed if invoice.waits_for().is_some() => {
            "the only payment method that it could be collected from has a charge that is disputed at its issuer"
        }
        BlockReason::Disputed => "a charge that had paid it is disputed at its issuer",
        BlockReason::Manual => "somebody of the tenant says so",
    };
    let owner = if invoice.waits_for().is_some() {
        "The end of the dispute, or another collection method, lifts the block."
    } else if block.owner.is_empty() && as_customer {
        "The tenant's people lift the block."
    } else if block.owner.is_empty() {
        "The tenant's people lift the block with UnblockInvoice."
    } else if block.reason == BlockReason::Disputed {
        "The end of the dispute lifts the block."
    } else {
        "Only the payment plan lifts the block."
    };
    let follows = match block.reason {
        BlockReason::PlanActive => "only the plan collects it, and it is not reminded",
        _ => "it is not collected by itself and not reminded",
    };
    format!(
        "It is blocked since {} because {why}: {follows}. The customer may pay it. {owner}",
        block.since
    )
}

fn announced(invoice: &Invoice) -> Option<&'static str> {
    match invoice.announcements {
        Announcements::Believed => None,
        Announcements::InVain => Some(
            "A transfer that was announced for it has not come as announced: announcing another puts off neither reminders nor collection.",
        ),
        Announcements::Again => Some(
            "A transfer is announced for it. One that was announced before has not come, so this one puts off neither reminders nor \
             collection.",
        ),
    }
}

fn reminder(
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

fn collection(invoice: &Invoice, zone: Tz, context: &Context) -> Option<Fact> {
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

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
