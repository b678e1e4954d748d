//! Why an invoice stands as it does, and what happens next.

use crate::{
    approval::Proposal,
    block::{Block, BlockReason},
    explain_collection::{collection, reminder},
    explain_next::nothing_planned,
    explain_pending::{announced, pending, proposed, suggested},
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

#[cfg(test)]
#[path = "explain_plan_tests.rs"]
mod plan_tests;
#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
