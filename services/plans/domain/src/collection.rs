//! Collects due instalments through invoicing, one attempt at a time
//! (docs/domain/plans.md#instalments).

use crate::{on_time::undecided, plan::Plan};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{
    Money, Reason, Refusal,
    ladder::{Ladder, Rung},
    money::MoneyError,
};
use uuid::Uuid;

/// How many days before its due date an instalment is announced to the customer.
pub const NOTICE_DAYS: u64 = 3;

/// The newest attempt to collect, and when the next one is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// The newest attempt; `None` before the first.
    pub id: Option<Uuid>,
    /// Whether it has no result yet.
    pub under_way: bool,
    /// How much it collects, in micro-units.
    pub amount: i64,
    /// How much of the invoices falls due later, in micro-units. The attempt must not collect this
    /// part.
    pub later: i64,
    /// When all that it collects had been announced to the customer.
    pub announced_at: Option<DateTime<Utc>>,
    /// Failures since an instalment last fell due.
    pub ladder: Ladder,
    /// When the next attempt is made, after a failure or a partial payment.
    pub next_at: Option<DateTime<Utc>>,
    /// Whether the next attempt waits until a debit notice is old enough. The plan is not late
    /// while it waits.
    pub waits: bool,
    /// Why the last attempt failed.
    pub reason: String,
    /// Instalments that were due up to this date have had an attempt.
    pub through: Option<NaiveDate>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// This amount was paid.
    Paid(Money),
    /// Nothing was paid, for this reason.
    Failed(String),
    /// The debit notice is too recent; an attempt is allowed from this time on.
    From(DateTime<Utc>),
    /// The plan ended first.
    Dropped,
}

impl Plan {
    /// The unpaid part of the instalments that are due by `today`.
    pub fn due(&self, today: NaiveDate) -> Result<Money, MoneyError> {
        let due = self.offer.instalments.iter().filter(|instalment| instalment.due_on <= today);
        due.map(crate::Instalment::unpaid)
            .try_fold(Money::zero(self.currency), |sum, unpaid| sum.plus(unpaid?))
    }

    /// Whether an attempt is under way, or waits until its notice is old enough.
    #[must_use]
    pub fn is_collecting(&self) -> bool {
        self.attempt.under_way || self.attempt.waits
    }

    /// When all instalments that are due now had been announced; `None` if one of them was not.
    #[must_use]
    fn announced_at(&self, today: NaiveDate) -> Option<DateTime<Utc>> {
        let due = self.offer.instalments.iter().filter(|instalment| {
            instalment.due_on <= today && instalment.amount != instalment.paid
        });
        due.map(|instalment| instalment.announced_at).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Whether to collect now: an instalment has fallen due, or the time of the next attempt has
    /// come.
    pub fn is_to_collect(&self, today: NaiveDate, now: DateTime<Utc>) -> Result<bool, MoneyError> {
        let waits = !self.collect_automatically
            || !self.state.is_running()
            || self.attempt.under_way
            || self.is_spared(today);
        if waits || !self.due(today)?.is_positive() {
            return Ok(false);
        }
        Ok(self.falls_due_next().is_some_and(|day| day <= today)
            || self.attempt.next_at.is_some_and(|at| at <= now))
    }

    /// The due date of the next unpaid instalment for which no attempt was made.
    #[must_use]
    pub fn falls_due_next(&self) -> Option<NaiveDate> {
        let untried = |day: &NaiveDate| self.attempt.through.is_none_or(|through| *day > through);
        let unpaid =
            self.offer.instalments.iter().filter(|instalment| instalment.amount != instalment.paid);
        unpaid.map(|instalment| instalment.due_on).find(untried)
    }

    /// Begins an attempt to collect what is due. The retry ladder starts again when another
    /// instalment has fallen due.
    pub fn begin_attempt(
        &mut self,
        id: Uuid,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), MoneyError> {
        if self.falls_due_next().is_some_and(|day| day <= today) {
            self.attempt.ladder = Ladder::default();
        }
        self.attempt.id = Some(id);
        self.attempt.under_way = true;
        let due = self.due(today)?;
        self.attempt.amount = due.micros();
        self.attempt.later = self.open()?.minus(due)?.micros();
        self.attempt.announced_at = self.announced_at(today);
        self.attempt.next_at = None;
        self.attempt.waits = false;
        self.attempt.through = Some(today);
        self.touch(now);
        Ok(())
    }

    /// Begins an attempt because a person asked for it. It counts as the next rung of the retry
    /// ladder.
    ///
    /// # Errors
    /// `PLAN_STATE`; `COLLECTION_STATE` if automatic collection is off, an attempt is under way,
    /// nothing is due, or a payment was taken back and its customer is to hear of it first.
    pub fn retry_attempt(
        &mut self,
        id: Uuid,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_rest()?;
        if !self.state.is_running() {
            return Err(Refusal::state(
                Reason::PLAN_STATE,
                "The plan",
                self.state.name(),
                &crate::edges::allowed(self.state),
            ));
        }
        let state = match (
            self.collect_automatically,
            self.attempt.under_way,
            self.due(today)?.is_positive(),
        ) {
            (false, _, _) => "OFF",
            (_, true, _) => "PROCESSING",
            (_, _, false) => "NOTHING_DUE",
            _ if self.is_spared(today) => "WAITS",
            _ => return Ok(self.begin_attempt(id, today, now)?),
        };
        Err(Refusal::state(Reason::COLLECTION_STATE, "The collection", state, &[]))
    }

    /// Another method became the collection method: where collection has stopped after a failure,
    /// one more attempt is made at `at`, which is tomorrow, unless the plan is breached before.
    /// Returns whether it is.
    pub fn try_new_method(
        &mut self,
        at: DateTime<Utc>,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<bool, MoneyError> {
        let attempt = &self.attempt;
        let has_stopped =
            !attempt.reason.is_empty() && !attempt.under_way && attempt.next_at.is_none();
        let collects = self.collect_automatically
            && self.state.is_running()
            && self.pending_transition.is_none();
        let is_before_breach = today.succ_opt().is_some_and(|tomorrow| self.may_try_on(tomorrow));
        let tries = has_stopped && collects && is_before_breach && self.due(today)?.is_positive();
        if tries {
            self.attempt.ladder.next_is_last = true;
            self.attempt.next_at = Some(at);
            self.touch(now);
        }
        Ok(tries)
    }

    /// What waited for a dispute is collected from a day on: with a new ladder where its method is
    /// lost. Answers whether anything is due then. The mail of that names the day and the sum, so
    /// what is due by then is not announced once more, for a date that is over.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn resume_from(
        &mut self,
        day: NaiveDate,
        anew: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, MoneyError> {
        self.collected_from = Some(day);
        if anew && self.attempt.next_at.is_some() {
            self.attempt.ladder = Ladder::default();
        }
        if day != undecided() {
            let unpaid = self
                .offer
                .instalments
                .iter_mut()
                .filter(|instalment| instalment.amount != instalment.paid);
            for instalment in unpaid.filter(|instalment| instalment.due_on <= day) {
                instalment.announced_at = instalment.announced_at.or(Some(now));
            }
        }
        self.touch(now);
        self.due(day).map(Money::is_positive)
    }

    /// Money that had paid is gone: an instalment that had its attempts and is open again gets new
    /// ones. The first is made a day later, or when anything follows from what is open: by then the
    /// customer knows.
    pub(crate) fn collect_again(&mut self, now: DateTime<Utc>) {
        let Some(through) =
            self.attempt.through.filter(|_| self.collect_automatically && !self.attempt.waits)
        else {
            return;
        };
        if self
            .offer
            .instalments
            .iter()
            .any(|instalment| instalment.due_on <= through && instalment.amount != instalment.paid)
        {
            self.attempt.ladder = Ladder::default();
            self.attempt.next_at = Some(now + TimeDelta::days(1));
        }
    }

    /// What a try was planned for is paid meanwhile: none is told any more. What falls due later
    /// has tries of its own.
    pub(crate) fn drop_try_of_what_is_paid(&mut self) -> Result<(), MoneyError> {
        let is_open = match self.attempt.through {
            Some(through) => self.due(through)?.is_positive(),
            None => false,
        };
        if !is_open && !self.attempt.under_way {
            self.attempt.next_at = None;
            self.attempt.waits = false;
        }
        Ok(())
    }

    /// Records how an attempt ended, and answers whether it failed. Repeated results and results of
    /// older attempts change nothing, because invoicing's answer and its event both report the same
    /// result.
    pub fn attempt_ended(
        &mut self,
        id: Uuid,
        ended: &Ended,
        now: DateTime<Utc>,
    ) -> Result<bool, MoneyError> {
        if self.attempt.id != Some(id) || !self.attempt.under_way {
            return Ok(false);
        }
        self.attempt.under_way = false;
        self.touch(now);
        let tomorrow = now + TimeDelta::days(1);
        match ended {
            Ended::Paid(paid) => {
                self.attempt.ladder = Ladder::default();
                self.attempt.reason.clear();
                // Payments under way had reserved the rest. They may fail, so the rest is tried
                // again tomorrow. So is what became open again meanwhile.
                if paid.micros() < self.attempt.amount {
                    self.attempt.next_at = Some(tomorrow);
                }
            }
            Ended::Dropped => {}
            Ended::From(at) => {
                self.attempt.next_at = Some((*at).max(now));
                self.attempt.waits = true;
            }
            // No failed try: payments under way had reserved all that is open, or a dispute that
            // the try did not know of yet has taken the only method.
            Ended::Failed(reason)
                if *reason == Reason::NOTHING_PAYABLE || *reason == Reason::COLLECTION_WAITS =>
            {
                self.attempt.next_at = Some(tomorrow);
            }
            Ended::Failed(reason) => {
                self.attempt.reason.clone_from(reason);
                self.attempt.next_at = match self.attempt.ladder.failed(reason, now) {
                    Rung::At(at) => Some(at),
                    Rung::Hard | Rung::Action | Rung::Over => None,
                };
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
#[path = "collected_again_tests.rs"]
mod tests;
