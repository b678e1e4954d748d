//! On time by effective day: which instalments were missed, whether a breach is disproved, and when
//! a plan becomes active again by itself (docs/domain/plans.md#on-time).

use crate::{
    edges::Verb,
    plan::{Covered, Plan},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use payterms_kernel::{Actor, Money, Reason, Refusal, dated, ladder::Ladder, money::MoneyError};

/// The breaches of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Breaches {
    /// How many there were; one that was disproved does not count.
    pub count: u32,
    /// The last day of grace before the newest breach.
    pub last_day: Option<NaiveDate>,
    /// Whether the newest breach is disproved.
    pub disproved: bool,
    /// What had been paid since the plan began when a breach was disproved last. The same payments
    /// disprove no second one.
    pub disproved_at: Option<Money>,
}

impl Breaches {
    /// Another breach, after a last day of grace.
    pub(crate) fn add(&mut self, last_day: NaiveDate) {
        self.count = self.count.saturating_add(1);
        self.last_day = Some(last_day);
        self.disproved = false;
    }
}

/// Stands for the day from which anything follows from what is open, while nobody knows it.
#[must_use]
pub fn undecided() -> NaiveDate {
    NaiveDate::from_ymd_opt(9999, 12, 31).unwrap_or(NaiveDate::MAX)
}

/// What decides whether a plan becomes active again by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restart {
    /// Whether its invoices could not be blocked. Until one of them changes, a person decides.
    pub refused: bool,
    /// What had been paid since the plan began when it was completed.
    pub paid_at_completion: Option<Money>,
}

impl Covered {
    /// What was paid since the plan began until the end of a day, less what of earlier payments was
    /// taken back. Earlier payments are the first by day, and count for nothing.
    fn paid_since(&self, last: NaiveDate) -> Result<Money, MoneyError> {
        if self.paid.compare(self.paid_before)?.is_lt() {
            return self.paid.minus(self.paid_before);
        }
        let until = dated::sum_until(&self.paid_by_day, self.paid.currency(), last)?;
        until.max(self.paid_before)?.minus(self.paid_before)
    }
}

impl Plan {
    /// What was paid of the invoices since the plan began; negative where more of earlier payments
    /// was taken back.
    pub(crate) fn paid_since_begin(&self) -> Result<Money, MoneyError> {
        let paid = |invoice: &Covered| invoice.paid.minus(invoice.paid_before);
        self.covered
            .iter()
            .try_fold(Money::zero(self.currency), |sum, invoice| sum.plus(paid(invoice)?))
    }

    /// The part of it that was effective by the end of a day.
    fn paid_by(&self, last: NaiveDate) -> Result<Money, MoneyError> {
        self.covered.iter().try_fold(Money::zero(self.currency), |sum, invoice| {
            sum.plus(invoice.paid_since(last)?)
        })
    }

    /// Whether money that was effective by a last day of grace does not cover all instalments whose
    /// own days of grace were over by then. This alone says what is missed: a breach needs it, and
    /// a breach is disproved where it does not hold any more.
    pub fn was_missed_by(&self, last_day: NaiveDate) -> Result<bool, MoneyError> {
        let grace = Days::new(self.grace_days.into());
        let is_over =
            |due_on: NaiveDate| due_on.checked_add_days(grace).is_some_and(|last| last <= last_day);
        let over = self.offer.instalments.iter().filter(|instalment| is_over(instalment.due_on));
        let owed = over
            .map(|instalment| instalment.amount)
            .try_fold(Money::zero(self.currency), Money::plus)?;
        Ok(self.paid_by(last_day)?.compare(owed)?.is_lt())
    }

    /// Notes which instalments are late.
    pub(crate) fn note_missed(&mut self, today: NaiveDate, now: DateTime<Utc>) {
        let is_late =
            |due_on: NaiveDate, amount: Money, paid: Money| due_on < today && amount != paid;
        let mut noted = false;
        for late in self.offer.instalments.iter_mut().filter(|instalment| {
            !instalment.missed && is_late(instalment.due_on, instalment.amount, instalment.paid)
        }) {
            late.missed = true;
            noted = true;
        }
        if noted {
            self.touch(now);
        }
    }

    /// An instalment that was noted as missed was not, where money that was effective by its date
    /// covers it.
    pub(crate) fn excuse_instalments(&mut self) -> Result<(), MoneyError> {
        let mut owed = Money::zero(self.currency);
        for index in 0..self.offer.instalments.len() {
            let Some(instalment) = self.offer.instalments.get(index).copied() else { break };
            owed = owed.plus(instalment.amount)?;
            let missed =
                instalment.missed && self.paid_by(instalment.due_on)?.compare(owed)?.is_lt();
            if let Some(instalment) = self.offer.instalments.get_mut(index) {
                instalment.missed = missed;
            }
        }
        Ok(())
    }

    /// Whether an instalment was missed.
    #[must_use]
    pub fn missed_an_instalment(&self) -> bool {
        self.offer.instalments.iter().any(|instalment| instalment.missed)
    }

    /// The day from which anything follows from what is open, where a payment was taken back, or a
    /// dispute has taken the only method that could be charged: [`undecided`] while that is
    /// disputed.
    #[must_use]
    pub fn spared_until(&self) -> Option<NaiveDate> {
        let mut open = self.covered.iter().filter(|invoice| invoice.open.is_positive()).peekable();
        let collected_from =
            self.collected_from.filter(|_| self.collect_automatically && open.peek().is_some());
        open.filter_map(|invoice| invoice.no_consequence_before).chain(collected_from).max()
    }

    /// Whether a charge that had paid is disputed, or one of the only method: until that is decided
    /// nobody knows when anything follows.
    #[must_use]
    pub fn is_disputed(&self) -> bool {
        self.spared_until() == Some(undecided())
    }

    /// The day on which an instalment is taken, or until which it is to be paid: that of its date,
    /// or a later one by which its customer knows of it.
    #[must_use]
    pub fn taken_on(&self, due_on: NaiveDate) -> NaiveDate {
        let first = self.spared_until().filter(|_| !self.is_disputed());
        let last =
            if self.collect_automatically { first } else { first.and_then(|day| day.pred_opt()) };
        last.map_or(due_on, |day| day.max(due_on))
    }

    /// Whether that day is still to come.
    #[must_use]
    pub(crate) fn is_spared(&self, today: NaiveDate) -> bool {
        self.spared_until().is_some_and(|day| today < day)
    }

    /// Evaluates a breached plan: its breach may be disproved, or disproved no more, and all may be
    /// paid.
    pub(crate) fn evaluate_breach(
        &mut self,
        nothing_open: bool,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.weigh_breach(now)?;
        if !self.breaches.disproved {
            if nothing_open {
                self.end(Verb::Complete, Actor::suite(), "", now)?;
            }
            return Ok(());
        }
        if nothing_open {
            // There is nothing to block: it is as if it had never been breached, and it is
            // completed.
            self.go(Verb::UndoBreach, Actor::suite(), "", now)?;
            self.restarted(today, now)?;
            return self.end(Verb::Complete, Actor::suite(), "", now);
        }
        if !self.restart.refused {
            self.block_for(Verb::UndoBreach, Actor::suite(), "", now)?;
        }
        Ok(())
    }

    fn weigh_breach(&mut self, now: DateTime<Utc>) -> Result<(), MoneyError> {
        let Some(last_day) = self.breaches.last_day else { return Ok(()) };
        let missed = self.was_missed_by(last_day)?;
        let paid = self.paid_since_begin()?;
        // A payment that was taken back since and is there again is another one.
        if self
            .breaches
            .disproved_at
            .is_some_and(|then| paid.compare(then).is_ok_and(std::cmp::Ordering::is_lt))
        {
            self.breaches.disproved_at = None;
        }
        if !missed && !self.breaches.disproved && self.breaches.disproved_at != Some(paid) {
            self.breaches.count = self.breaches.count.saturating_sub(1);
            self.breaches.disproved = true;
            self.breaches.disproved_at = Some(paid);
            self.touch(now);
        } else if missed && self.breaches.disproved {
            // The payment that disproved it was taken back before the plan was active again.
            self.breaches.add(last_day);
            self.breaches.disproved_at = None;
            self.touch(now);
        }
        Ok(())
    }

    /// Evaluates a completed plan: it is active again where a payment was taken back since. Not
    /// where it had been breached: then its invoices are due by themselves, as they were before
    /// they were paid.
    pub(crate) fn evaluate_completion(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(paid_then) =
            self.restart.paid_at_completion.filter(|_| self.breached_on.is_none())
        else {
            return Ok(());
        };
        let is_taken_back = self.paid_since_begin()?.compare(paid_then)?.is_lt();
        if is_taken_back && self.open()?.is_positive() && !self.restart.refused {
            self.block_for(Verb::Reopen, Actor::suite(), "", now)?;
        }
        Ok(())
    }

    /// Refuses to reinstate a completed plan of which nothing is open.
    ///
    /// # Errors
    /// `PLAN_STATE`.
    pub fn must_have_something_open(&self) -> Result<(), Refusal> {
        if self.open()?.is_positive() {
            return Ok(());
        }
        Err(Refusal::state(Reason::PLAN_STATE, "The plan", self.state.name(), &[]))
    }

    /// A plan is active again: its instalments are worked out anew, what is due is collected, and
    /// this day is a day of grace.
    pub(crate) fn restarted(
        &mut self,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.breached_on = None;
        self.breaches.last_day = None;
        self.breaches.disproved = false;
        self.restart = Restart::default();
        self.reinstated_on = Some(today);
        self.attempt.next_at = Some(now);
        self.attempt.ladder = Ladder::default();
        Ok(self.settle()?)
    }
}
