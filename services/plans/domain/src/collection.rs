//! What is due of a plan is collected through invoicing, one try at a time
//! (docs/domain/plans.md#instalments).

use crate::plan::Plan;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{
    Money, Refusal,
    ladder::{Ladder, Rung},
    money::MoneyError,
};
use uuid::Uuid;

/// Days before an instalment on which the customer is told of it.
pub const NOTICE_DAYS: u64 = 3;

/// The reason where nothing could be collected because payments under way have reserved all.
pub const NOTHING_PAYABLE: &str = "NOTHING_PAYABLE";

/// How the collection of what is due stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// The newest try.
    pub id: Option<Uuid>,
    /// Whether it has not ended.
    pub under_way: bool,
    /// How much it asked for, in micro-units.
    pub amount: i64,
    /// How much of the invoices falls due later, in micro-units: that is left alone.
    pub later: i64,
    /// When the customer was told of what it asks for.
    pub told_at: Option<DateTime<Utc>>,
    /// Failures for what is due now.
    pub ladder: Ladder,
    /// When it is tried next after a failure.
    pub next_at: Option<DateTime<Utc>>,
    /// Whether that waits for a notice to be old enough: nothing is late meanwhile.
    pub waits: bool,
    /// Why the last try failed.
    pub reason: String,
    /// The newest due date for which a try was made.
    pub through: Option<NaiveDate>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// So much came.
    Paid(Money),
    /// Nothing came, for this reason.
    Failed(String),
    /// The customer must be told first; it may be tried from then on.
    From(DateTime<Utc>),
    /// The plan does not run any more.
    Dropped,
}

impl Plan {
    /// What is due on a day and not paid.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn due(&self, today: NaiveDate) -> Result<Money, MoneyError> {
        let due = self.offer.instalments.iter().filter(|own| own.due_on <= today);
        due.map(crate::Instalment::unpaid).try_fold(Money::zero(self.currency), |sum, own| sum.plus(own?))
    }

    /// Whether a try is under way, or waits for its notice.
    #[must_use]
    pub fn is_collecting(&self) -> bool {
        self.attempt.under_way || self.attempt.waits
    }

    /// When the customer had been told of all that is due now; none where something was never told.
    #[must_use]
    fn announced_at(&self, today: NaiveDate) -> Option<DateTime<Utc>> {
        let due = self.offer.instalments.iter().filter(|own| own.due_on <= today && own.amount != own.paid);
        due.map(|own| own.announced_at).collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Whether what is due is to be collected now: an instalment has fallen due, or a try is to be repeated.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn is_to_collect(&self, today: NaiveDate, now: DateTime<Utc>) -> Result<bool, MoneyError> {
        let waits = !self.collect_automatically || !self.state.is_running() || self.attempt.under_way;
        if waits || !self.due(today)?.is_positive() {
            return Ok(false);
        }
        Ok(self.falls_due_next().is_some_and(|day| day <= today) || self.attempt.next_at.is_some_and(|at| at <= now))
    }

    /// The next date of an unpaid instalment for which no try was made.
    #[must_use]
    pub fn falls_due_next(&self) -> Option<NaiveDate> {
        let untried = |day: &NaiveDate| self.attempt.through.is_none_or(|through| *day > through);
        let unpaid = self.offer.instalments.iter().filter(|own| own.amount != own.paid);
        unpaid.map(|own| own.due_on).find(untried)
    }

    /// Begins a try for what is due. A new instalment begins a new ladder.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn begin_attempt(&mut self, id: Uuid, today: NaiveDate, now: DateTime<Utc>) -> Result<(), MoneyError> {
        if self.falls_due_next().is_some_and(|day| day <= today) {
            self.attempt.ladder = Ladder::default();
        }
        self.attempt.id = Some(id);
        self.attempt.under_way = true;
        let due = self.due(today)?;
        self.attempt.amount = due.micros();
        self.attempt.later = self.open()?.minus(due)?.micros();
        self.attempt.told_at = self.announced_at(today);
        self.attempt.next_at = None;
        self.attempt.waits = false;
        self.attempt.through = Some(today);
        self.touch(now);
        Ok(())
    }

    /// Tries now, by hand: the next rung of the ladder.
    ///
    /// # Errors
    /// `PLAN_STATE`, `COLLECTION_STATE` where nothing is due or collected by itself, or a try is under way.
    pub fn retry_attempt(&mut self, id: Uuid, today: NaiveDate, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_rest()?;
        if !self.state.is_running() {
            return Err(Refusal::state("PLAN_STATE", "The plan", self.state.name(), &crate::edges::allowed(self.state)));
        }
        let state = match (self.collect_automatically, self.attempt.under_way, self.due(today)?.is_positive()) {
            (false, _, _) => "OFF",
            (_, true, _) => "PROCESSING",
            (_, _, false) => "NOTHING_DUE",
            _ => return Ok(self.begin_attempt(id, today, now)?),
        };
        Err(Refusal::state("COLLECTION_STATE", "The collection", state, &[]))
    }

    /// Takes in how a try ended; one that has ended before, or another, changes nothing. Answers whether it
    /// failed.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn attempt_ended(&mut self, id: Uuid, ended: &Ended, now: DateTime<Utc>) -> Result<bool, MoneyError> {
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
                // Payments under way had reserved the rest; how they end is seen tomorrow.
                self.attempt.next_at = (paid.micros() < self.attempt.amount).then_some(tomorrow);
            }
            Ended::Dropped => {}
            Ended::From(at) => {
                self.attempt.next_at = Some((*at).max(now));
                self.attempt.waits = true;
            }
            Ended::Failed(reason) if reason == NOTHING_PAYABLE => self.attempt.next_at = Some(tomorrow),
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
