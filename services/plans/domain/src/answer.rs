//! Answers to a proposal: approved as seen, refused, countered, withdrawn; the proposer never approves
//! (docs/domain/plans.md#answers).

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
    Actor, Id, Kind, Money, Refusal,
    calendar::{day_in, start_of_day},
};

/// When an offer lapses: after the time limit, or when its first date begins, if that is sooner. The day before
/// the first date is the last one for an answer.
#[must_use]
pub fn answer_by(first: Option<NaiveDate>, answer_days: u32, zone: Tz, now: DateTime<Utc>) -> DateTime<Utc> {
    let limit = now + TimeDelta::days(answer_days.into());
    first.map_or(limit, |day| start_of_day(zone, day).min(limit))
}

fn own_offer() -> Refusal {
    Refusal::new(Kind::Denied, "SEPARATION_OF_DUTIES", "Nobody answers what they have offered themselves. Ask a second person.")
}

impl Plan {
    /// The tenant approves what it saw, or the customer accepts what was offered: the blocks are replaced next.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`, `SEPARATION_OF_DUTIES`, `CURRENCY_MISMATCH`, `PLAN_AMOUNT_CHANGED`
    /// where more is open than was seen.
    pub fn accept(&mut self, verb: Verb, by: Actor, total_seen: Money, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        self.must_be_in_time(now)?;
        let offered_by = if verb == Verb::AcceptCounter { self.counter.as_ref() } else { Some(&self.offer) };
        if offered_by.is_some_and(|offer| !by.subject.is_empty() && offer.by.subject == by.subject) {
            return Err(own_offer());
        }
        let open = self.open()?;
        if open.compare(total_seen)?.is_gt() {
            return Err(amount_changed(open, total_seen));
        }
        self.block_for(verb, by, "", now)
    }

    /// What is over is not answered, though the job that lapses it has not come yet.
    fn must_be_in_time(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        match self.answer_by {
            Some(by) if by <= now => Err(Refusal::state("PLAN_STATE", "The plan", PlanState::Lapsed.name(), &[])),
            _ => Ok(()),
        }
    }

    /// The tenant offers another schedule.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`, `SEPARATION_OF_DUTIES`, those of [`Terms::check`].
    pub fn offer_instead(
        &mut self,
        schedule: Schedule,
        by: Actor,
        explanation: String,
        (settings, zone): (&PlanSettings, Tz),
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

    /// The customer turns a counter-offer down: the proposal stands again, and lapses as it would have.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn decline_counter(&mut self, by: Actor, explanation: &str, zone: Tz, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.target(Verb::DeclineCounter)?;
        self.must_rest()?;
        self.go(Verb::DeclineCounter, by, explanation, now)?;
        self.counter = None;
        let first = self.offer.instalments.first().map(|own| own.due_on);
        self.answer_by = Some(answer_by(first, self.answer_days, zone, self.created_at).max(now));
        Ok(())
    }

    /// The blocks stand: the verb that they were set for is done. `figures` are those that invoicing saw under
    /// its locks.
    ///
    /// # Errors
    /// None that a plan whose blocks were set can cause.
    pub fn blocked(&mut self, figures: &[(Id<crate::Invoice>, Figures)], zone: Tz, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(PendingTransition::Block { verb, by, explanation }) = self.pending_transition.take() else { return Ok(()) };
        for (invoice, known) in figures {
            self.follow(*invoice, *known, now)?;
        }
        self.go(verb, by, &explanation, now)?;
        match verb {
            Verb::Send => {
                let first = self.offer.instalments.first().map(|own| own.due_on);
                self.answer_by = Some(answer_by(first, self.answer_days, zone, now));
            }
            Verb::Reinstate => {
                self.breached_on = None;
                self.reinstated_on = Some(day_in(zone, now));
                self.attempt.next_at = Some(now);
                self.attempt.ladder = payterms_kernel::ladder::Ladder::default();
                self.settle()?;
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

    /// What is open now is what the plan is about: where it has fallen since the offer, the last instalments
    /// are lowered; one of nothing is left out.
    fn begin(&mut self) -> Result<(), Refusal> {
        for own in &mut self.covered {
            (own.covered, own.paid_before) = (own.open, own.paid);
        }
        self.settle()?;
        for own in &mut self.offer.instalments {
            own.planned = own.amount;
        }
        let something = self.open()?.is_positive();
        self.offer.instalments.retain(|own| !something || own.amount.is_positive());
        Ok(())
    }

    /// The blocks are lifted.
    pub fn lifted(&mut self, now: DateTime<Utc>) {
        if self.pending_transition == Some(PendingTransition::Lift) {
            self.pending_transition = None;
            self.touch(now);
        }
    }

    /// The blocks were refused: nothing was done.
    pub fn not_blocked(&mut self, now: DateTime<Utc>) {
        self.pending_transition = None;
        self.touch(now);
    }
}

/// More is open than somebody saw.
#[must_use]
pub fn amount_changed(open: Money, seen: Money) -> Refusal {
    let message = format!("{open} are open now; {seen} were seen. Look at the plan again.");
    Refusal::precondition("PLAN_AMOUNT_CHANGED", message).with("open", open.amount()).with("seen", seen.amount())
}
