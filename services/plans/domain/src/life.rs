//! How a plan lives: it follows what is paid and credited of its invoices, and is evaluated as days pass
//! (docs/domain/plans.md#life-of-a-plan).

use crate::{
    Instalment, Invoice,
    collection::NOTICE_DAYS,
    edges::Verb,
    plan::{Plan, PlanState},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{
    Actor, Id, Money, Refusal,
    calendar::{day_in, start_of_day},
    money::MoneyError,
};
use uuid::Uuid;

/// Why a plan lapses that nobody answered.
pub const TIME_LIMIT: &str = "TIME_LIMIT";
/// Why a plan lapses of which nothing is left to pay.
pub const NOTHING_OPEN: &str = "NOTHING_OPEN";

/// What is known of an invoice at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// What is open.
    pub open: Money,
    /// What is paid.
    pub paid: Money,
    /// When it is due by itself.
    pub due_on: NaiveDate,
    /// Counts its changes.
    pub revision: i64,
}

/// What an evaluation found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluated {
    /// Nothing but what the plan itself shows.
    Done,
    /// The customer is told of this instalment.
    Announce(usize),
    /// What is due is to be collected.
    Collect,
}

impl Plan {
    /// Takes in what is known of an invoice; older news are passed over. True where something changed.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn follow(&mut self, invoice: Id<Invoice>, now_known: Figures, now: DateTime<Utc>) -> Result<bool, MoneyError> {
        let Some(own) = self.covered.iter_mut().find(|own| own.invoice == invoice) else { return Ok(false) };
        if now_known.revision < own.revision {
            return Ok(false);
        }
        let same = (own.open, own.paid, own.due_on) == (now_known.open, now_known.paid, now_known.due_on);
        own.revision = now_known.revision;
        if same {
            return Ok(false);
        }
        (own.open, own.paid, own.due_on) = (now_known.open, now_known.paid, now_known.due_on);
        self.settle()?;
        self.touch(now);
        Ok(true)
    }

    /// Brings the instalments in line with the invoices, whatever the order of the news: what was paid since
    /// the plan began goes to the earliest, credit notes lower the last ones. What is unpaid is then what is
    /// open; an offer that is not accepted yet stays as it was made.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn settle(&mut self) -> Result<(), MoneyError> {
        if !self.state.is_running() && self.state != PlanState::Breached && self.state != PlanState::Completed {
            return Ok(());
        }
        let zero = Money::zero(self.currency);
        let open = self.open()?;
        let mut paid = zero;
        for own in &self.covered {
            paid = paid.plus(own.paid.minus(own.paid_before)?)?;
        }
        // What was paid before the plan and is taken back is owed on top.
        let mut paid = paid.max(zero)?;
        let planned = self.offer.instalments.iter().try_fold(zero, |sum, own| sum.plus(own.planned))?;
        let mut less = planned.minus(open.plus(paid)?)?;
        for own in self.offer.instalments.iter_mut().rev() {
            let cut = less.min(own.planned)?;
            own.amount = own.planned.minus(cut)?;
            less = less.minus(cut)?;
        }
        for own in &mut self.offer.instalments {
            own.paid = paid.min(own.amount)?;
            paid = paid.minus(own.paid)?;
        }
        Ok(())
    }

    /// Takes the edges that follow from what is paid, and from the day. While the blocks are being moved nothing
    /// is evaluated; what it finds is done by the caller, who evaluates again.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn evaluate(&mut self, zone: Tz, now: DateTime<Utc>) -> Result<Evaluated, Refusal> {
        if self.pending_transition.is_some() || self.state == PlanState::Pending || !self.state.is_followed() {
            return Ok(Evaluated::Done);
        }
        let nothing_open = !self.open()?.is_positive();
        match self.state {
            PlanState::Proposed | PlanState::Countered => {
                if nothing_open {
                    self.end(Verb::Lapse, Actor::suite(), NOTHING_OPEN, now)?;
                } else if self.answer_by.is_some_and(|by| by <= now) {
                    self.end(Verb::Lapse, Actor::suite(), TIME_LIMIT, now)?;
                }
                Ok(Evaluated::Done)
            }
            PlanState::Breached if nothing_open => {
                self.end(Verb::Complete, Actor::suite(), "", now)?;
                Ok(Evaluated::Done)
            }
            PlanState::Active | PlanState::InGrace => self.evaluate_running(nothing_open, day_in(zone, now), now),
            _ => Ok(Evaluated::Done),
        }
    }

    fn evaluate_running(&mut self, nothing_open: bool, today: NaiveDate, now: DateTime<Utc>) -> Result<Evaluated, Refusal> {
        let late = self.next_instalment().is_some_and(|(_, own)| own.due_on < today);
        if self.state == PlanState::InGrace && !late {
            self.go(Verb::CatchUp, Actor::suite(), "", now)?;
            self.late_since = None;
        }
        if nothing_open {
            self.end(Verb::Complete, Actor::suite(), "", now)?;
            return Ok(Evaluated::Done);
        }
        // A try that takes its time, such as the debit of a bank account, is waited for.
        if self.state == PlanState::Active && late && !self.is_collecting() {
            self.go(Verb::Miss, Actor::suite(), "", now)?;
            self.late_since = Some(today);
        }
        if self.grace_is_over(today) {
            self.end(Verb::Breach, Actor::suite(), "", now)?;
            self.late_since = None;
            self.breached_on = Some(today);
            return Ok(Evaluated::Done);
        }
        if self.is_to_collect(today, now)? {
            return Ok(Evaluated::Collect);
        }
        if self.attempt.next_at.is_some_and(|at| at <= now) {
            // What was to be tried again is paid meanwhile.
            self.attempt.next_at = None;
            self.attempt.waits = false;
            self.touch(now);
        }
        let told = |own: &Instalment| own.announced_at.is_some() || own.amount == own.paid;
        let next = self.offer.instalments.iter().position(|own| !told(own));
        let due = next.and_then(|place| self.offer.instalments.get(place)).is_some_and(|own| announced_on(own) <= today);
        Ok(next.filter(|_| due).map_or(Evaluated::Done, Evaluated::Announce))
    }

    /// The last day of grace.
    #[must_use]
    pub fn grace_end(&self) -> Option<NaiveDate> {
        let first_over = self.late_since?.checked_add_days(Days::new(self.grace_days.into()))?;
        let last = first_over.pred_opt()?;
        Some(self.reinstated_on.map_or(last, |day| last.max(day))).filter(|_| self.state == PlanState::InGrace)
    }

    fn grace_is_over(&self, today: NaiveDate) -> bool {
        self.grace_end().is_some_and(|last| today > last) && !self.is_collecting()
    }

    /// The customer is told of an instalment.
    pub fn announce(&mut self, place: usize, now: DateTime<Utc>) {
        if let Some(own) = self.offer.instalments.get_mut(place) {
            own.announced_at = Some(now);
            self.touch(now);
        }
    }

    /// A try begins for what is due.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn collect(&mut self, id: Uuid, zone: Tz, now: DateTime<Utc>) -> Result<(), MoneyError> {
        self.begin_attempt(id, day_in(zone, now), now)
    }

    /// When it is to be evaluated next; none where only news can change it.
    #[must_use]
    pub fn next_evaluation(&self, zone: Tz) -> Option<DateTime<Utc>> {
        if self.pending_transition.is_some() {
            return None;
        }
        if matches!(self.state, PlanState::Proposed | PlanState::Countered) {
            return self.answer_by;
        }
        if !self.state.is_running() {
            return None;
        }
        let day_after = |day: NaiveDate| day.succ_opt();
        let unpaid = self.offer.instalments.iter().filter(|own| own.amount != own.paid);
        let announce = unpaid.clone().filter(|own| own.announced_at.is_none()).map(announced_on).next();
        let miss = unpaid
            .clone()
            .map(|own| own.due_on)
            .next()
            .and_then(day_after)
            .filter(|_| self.state == PlanState::Active && !self.is_collecting());
        let breach = self.grace_end().and_then(day_after).filter(|_| !self.is_collecting());
        let collects = self.collect_automatically && !self.attempt.under_way;
        let collect = self.falls_due_next().filter(|_| collects);
        let days = [announce, miss, breach, collect].into_iter().flatten().map(|day| start_of_day(zone, day));
        days.chain(self.attempt.next_at.filter(|_| collects)).min()
    }
}

/// The day on which the customer is told of an instalment.
fn announced_on(own: &Instalment) -> NaiveDate {
    own.due_on.checked_sub_days(Days::new(NOTICE_DAYS)).unwrap_or(own.due_on)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "plan_model_tests.rs"]
mod model_tests;
