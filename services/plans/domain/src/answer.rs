//! Answers to a proposal: approved as seen, refused, countered or withdrawn. The person who
//! proposed never approves (docs/domain/plans.md#answers).

use crate::{
    edges::Verb,
    life::Figures,
    plan::{Offer, PendingTransition, Plan, PlanState},
    proposal::Terms,
    schedule::Schedule,
    settings::PlanSettings,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;
use payterms_kernel::{
    Actor, Id, Kind, Money, Reason, Refusal,
    calendar::{day_in, start_of_day},
};

/// When an offer lapses: after the time limit, or at the start of the day of its first instalment,
/// if that is sooner. So an offer can be answered until the day before its first instalment falls
/// due.
#[must_use]
pub fn answer_by(
    first: Option<NaiveDate>,
    answer_days: u32,
    zone: Tz,
    now: DateTime<Utc>,
) -> DateTime<Utc> {
    let limit = now + TimeDelta::days(answer_days.into());
    first.map_or(limit, |day| start_of_day(zone, day).min(limit))
}

fn own_offer() -> Refusal {
    Refusal::new(
        Kind::Denied,
        Reason::SEPARATION_OF_DUTIES,
        "Nobody answers what they have offered themselves. Ask a second person.",
    )
}

impl Plan {
    /// The tenant approves the proposal that it saw, or the customer accepts the counter-offer. A
    /// flow replaces the blocks next; the plan becomes active when they are set.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`, `SEPARATION_OF_DUTIES`, `CURRENCY_MISMATCH`;
    /// `PLAN_AMOUNT_CHANGED` if more is open now than the caller saw.
    pub fn accept(
        &mut self,
        verb: Verb,
        by: Actor,
        total_seen: Money,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        self.must_be_in_time(now)?;
        let offered_by =
            if verb == Verb::AcceptCounter { self.counter.as_ref() } else { Some(&self.offer) };
        if offered_by.is_some_and(|offer| !by.subject.is_empty() && offer.by.subject == by.subject)
        {
            return Err(own_offer());
        }
        let open = self.open()?;
        if open.compare(total_seen)?.is_gt() {
            return Err(amount_changed(open, total_seen));
        }
        self.block_for(verb, by, "", now)
    }

    /// Refuses once the time limit has passed. The job that lapses the offer may run later than
    /// that.
    fn must_be_in_time(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self.answer_by {
            Some(by) if by <= now => {
                Err(Refusal::state(Reason::PLAN_STATE, "The plan", PlanState::Lapsed.name(), &[]))
            }
            _ => Ok(()),
        }
    }

    /// The tenant offers another schedule.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`, `SEPARATION_OF_DUTIES`; as [`Terms::must_fit`].
    pub fn offer_instead(
        &mut self,
        schedule: Schedule,
        by: Actor,
        explanation: String,
        settings: &PlanSettings,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.target(Verb::Counter)?;
        self.must_rest()?;
        self.must_be_in_time(now)?;
        if self.offer.by.subject == by.subject {
            return Err(own_offer());
        }
        let terms = Terms::of(schedule, self.open()?, settings, day_in(zone, now))?;
        terms.must_fit(settings)?;
        self.go(Verb::Counter, by.clone(), &explanation, now)?;
        self.answer_by = Some(answer_by(terms.first(), self.answer_days, zone, now));
        self.counter = Some(Offer { schedule, instalments: terms.instalments, by, explanation });
        Ok(())
    }

    /// The customer declines a counter-offer: the proposal is valid again, with the time limit that
    /// it had before.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn decline_counter(
        &mut self,
        by: Actor,
        explanation: &str,
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.target(Verb::DeclineCounter)?;
        self.must_rest()?;
        self.go(Verb::DeclineCounter, by, explanation, now)?;
        self.counter = None;
        let first = self.offer.instalments.first().map(|instalment| instalment.due_on);
        self.answer_by = Some(answer_by(first, self.answer_days, zone, self.created_at).max(now));
        Ok(())
    }

    /// The blocks are set: the pending verb is applied. `figures` are the amounts that invoicing
    /// read while it held the locks of the invoices, so they are exact at the time of the block.
    pub fn blocked(
        &mut self,
        figures: &[(Id<crate::Invoice>, Figures)],
        zone: Tz,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(PendingTransition::Block { verb, by, explanation }) =
            self.pending_transition.take()
        else {
            return Ok(());
        };
        for (invoice, current) in figures {
            self.follow(*invoice, current, now)?;
        }
        self.go(verb, by, &explanation, now)?;
        match verb {
            Verb::Send => {
                let first = self.offer.instalments.first().map(|instalment| instalment.due_on);
                self.answer_by = Some(answer_by(first, self.answer_days, zone, now));
            }
            Verb::Reinstate | Verb::UndoBreach | Verb::Reopen => {
                self.restarted(day_in(zone, now), now)?;
            }
            _ => {
                if let Some(counter) = self.counter.take().filter(|_| verb == Verb::AcceptCounter) {
                    self.offer = counter;
                }
                self.counter = None;
                self.answer_by = None;
                self.begin()?;
            }
        }
        Ok(())
    }

    /// The plan starts with the amounts that are open now. If they have fallen since the offer, the
    /// last instalments are lowered, and an instalment of zero is removed.
    fn begin(&mut self) -> Result<(), Refusal> {
        for invoice in &mut self.covered {
            invoice.covered = invoice.open;
            invoice.paid_before = invoice.paid;
        }
        self.settle()?;
        for instalment in &mut self.offer.instalments {
            instalment.planned = instalment.amount;
        }
        let is_open = self.open()?.is_positive();
        self.offer.instalments.retain(|instalment| !is_open || instalment.amount.is_positive());
        Ok(())
    }

    /// Records that the blocks are lifted.
    pub fn lifted(&mut self, now: DateTime<Utc>) {
        if self.pending_transition == Some(PendingTransition::Lift) {
            self.pending_transition = None;
            self.touch(now);
        }
    }

    /// Records that invoicing refused the blocks: the pending verb is dropped.
    pub fn not_blocked(&mut self, now: DateTime<Utc>) {
        let pending = self.pending_transition.take();
        // Where an invoice changed while its block was asked for, the next evaluation asks again
        // with its present figures: one payment that is taken back opens several invoices, each
        // with an event of its own.
        let moved = self.covered.iter().any(|invoice| invoice.open != invoice.expected);
        self.restart.refused = !moved
            && matches!(
                pending,
                Some(PendingTransition::Block { verb: Verb::UndoBreach | Verb::Reopen, .. })
            );
        self.touch(now);
    }
}

/// Refuses because more is open than the caller saw.
#[must_use]
pub fn amount_changed(open: Money, seen: Money) -> Refusal {
    let message = format!("{open} are open now; {seen} were seen. Look at the plan again.");
    Refusal::precondition(Reason::PLAN_AMOUNT_CHANGED, message)
        .with("open", open.amount())
        .with("seen", seen.amount())
}
