//! What a payment plan does with an invoice that it blocks, and when.

use crate::explain::{Fact, Source, Topic};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Money, calendar::start_of_day, money::MoneyError};

/// An instalment of a plan that is not wholly paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextInstalment {
    /// What is left of it.
    pub unpaid: Money,
    /// When it falls due.
    pub due: NaiveDate,
}

/// The next of a plan's instalments where so much is open of its invoices: what is paid has paid
/// the earliest ones (docs/domain/plans.md#money-order). Each is given as it was agreed, in the
/// order of its date.
///
/// # Errors
/// None that stored amounts can cause.
pub fn next_of(
    instalments: &[(NaiveDate, Money)],
    open: Money,
) -> Result<Option<NextInstalment>, MoneyError> {
    let (mut left, mut next) = (open, None);
    for (due, amount) in instalments.iter().rev() {
        let unpaid = amount.min(left)?;
        if unpaid.is_positive() {
            left = left.minus(unpaid)?;
            next = Some(NextInstalment { unpaid, due: *due });
        }
    }
    Ok(next)
}

/// How a payment plan stands, as its service says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanOutlook {
    /// When its proposal lapses unless it is answered; `None` where it is answered.
    pub answer_by: Option<DateTime<Utc>>,
    /// Whether its instalments are taken from the collection method; else the customer pays them.
    pub automatic: bool,
    /// The earliest instalment that is not wholly paid; `None` where no instalment falls due.
    pub next: Option<NextInstalment>,
    /// Whether that instalment is late, within its days of grace.
    pub late: bool,
    /// Whether a try to collect is under way.
    pub under_way: bool,
    /// Tries for what is due now that have failed.
    pub failures: u32,
    /// Why the last of them failed, as the end of a sentence.
    pub failure: &'static str,
    /// When it is tried again.
    pub next_try: Option<DateTime<Utc>>,
    /// The last day on which that instalment can be paid: after it the plan ends.
    pub last_day: Option<NaiveDate>,
}

/// The day and the zone in which a plan is explained, and what else decides about its instalments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings {
    pub(crate) zone: Tz,
    pub(crate) today: NaiveDate,
    pub(crate) now: DateTime<Utc>,
    /// What the instalment can be collected from.
    pub(crate) source: Source,
    /// The day before which nothing follows from what is open.
    pub(crate) spared_until: Option<NaiveDate>,
    /// Whether a charge that had paid the invoice is disputed.
    pub(crate) disputed: bool,
}

impl PlanOutlook {
    /// What the plan does next, and what it comes to where nothing is paid.
    pub(crate) fn facts(&self, around: Surroundings) -> Vec<Fact> {
        let fact = |topic, sentence: String, at| Fact { topic, sentence, at };
        if let Some(by) = self.answer_by {
            let day = by.with_timezone(&around.zone).date_naive();
            let sentence = format!(
                "The proposal of the payment plan is to be answered by {day}; unanswered, it lapses then."
            );
            return vec![fact(Topic::Block, sentence, Some(by))];
        }
        let Some(next) = self.next else { return Vec::new() };
        if around.disputed {
            let sentence = "While the dispute is open, no instalment of the payment plan is collected or late.";
            return vec![fact(Topic::Collection, sentence.to_owned(), None)];
        }
        if around.source == Source::WaitsForDispute && self.automatic {
            let sentence = "While a charge of the only payment method that could be charged is disputed, no instalment of the payment plan is \
                            collected or late. The customer may pay it, or choose another collection method.";
            return vec![fact(Topic::Collection, sentence.to_owned(), None)];
        }
        // What is taken by itself is taken on the first day on which anything follows; who pays by
        // hand has until the day before.
        let last = around
            .spared_until
            .and_then(|spared| if self.automatic { Some(spared) } else { spared.pred_opt() });
        let due = last.map_or(next.due, |last| last.max(next.due));
        let (sentence, at) = self.collection(next, due, around);
        let mut facts = vec![fact(Topic::Collection, sentence, at)];
        if let Some(last) = self.last_day.filter(|_| !self.under_way) {
            let sentence = format!(
                "Where that instalment is unpaid after {last}, the payment plan ends, and the invoice is due by itself again."
            );
            let at = last.succ_opt().map(|day| start_of_day(around.zone, day));
            facts.push(fact(Topic::Block, sentence, at));
        }
        facts
    }

    fn collection(
        &self,
        next: NextInstalment,
        due: NaiveDate,
        around: Surroundings,
    ) -> (String, Option<DateTime<Utc>>) {
        let Surroundings { zone, today, now, source, .. } = around;
        let of = format!("payment plan's instalment of {}", next.unpaid.grouped());
        if !self.automatic && due < today {
            let by = self.last_day.map(|last| format!(" by {last}")).unwrap_or_default();
            return (
                format!(
                    "The {of} was due on {} and is late: the customer pays it{by}. It is not collected by itself.",
                    next.due
                ),
                None,
            );
        }
        let at = Some(start_of_day(zone, due)).filter(|_| due > today);
        if !self.automatic {
            return (
                format!("The customer pays the {of} by {due}: it is not collected by itself."),
                at,
            );
        }
        // What is open again is tried when its customer knows, whenever it was due.
        let planned = self.next_try.filter(|try_at| *try_at > now && self.failures == 0);
        let due = planned.map_or(due, |at| at.with_timezone(&zone).date_naive()).max(today);
        let at = planned.or(at);
        if self.under_way {
            return (format!("The {of} is being collected."), None);
        }
        let again = match self.next_try {
            Some(next) => format!("It is tried again on {}.", next.with_timezone(&zone).date_naive()),
            None => {
                "It is not tried again by itself: the customer pays it, or chooses another collection method, which is tried once, a day \
                     later, unless the plan ends before."
                    .to_owned()
            }
        };
        let failure = self.failure;
        match self.failures {
            0 if source == Source::Method => (
                format!("The {of} is collected from the customer's collection method on {due}."),
                at,
            ),
            0 => {
                let sentence = "but no saved payment method can be charged: the customer chooses or saves one, or pays it.";
                (format!("The {of} is to be collected on {due}, {sentence}"), at)
            }
            1 => (
                format!(
                    "One try to collect the {of}, due on {}, has failed: {failure}. {again}",
                    next.due
                ),
                self.next_try,
            ),
            tries => {
                let failed = format!(
                    "due on {}, have failed, the last one for this reason: {failure}.",
                    next.due
                );
                (format!("{tries} tries to collect the {of}, {failed} {again}"), self.next_try)
            }
        }
    }
}
