//! The life of a plan: it follows payments and credit notes of its invoices, and is evaluated as
//! time passes (docs/domain/plans.md#life-of-a-plan).

use crate::{
    Instalment, Invoice,
    collection::NOTICE_DAYS,
    edges::Verb,
    plan::{Covered, Plan, PlanState},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{
    Actor, DatedAmount, Id, Money, Refusal,
    calendar::{day_in, start_of_day},
    money::MoneyError,
};
use uuid::Uuid;

/// Why a proposal is refused: a band of the tenant refuses it by itself.
pub const BAND: &str = "BAND";
/// Why an offer lapses: nobody answered in time.
pub const TIME_LIMIT: &str = "TIME_LIMIT";
/// Why an offer lapses: nothing is open any more.
pub const NOTHING_OPEN: &str = "NOTHING_OPEN";

/// The amounts of an invoice at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The open amount.
    pub open: Money,
    /// The paid amount.
    pub paid: Money,
    /// The same by effective day, the earliest first.
    pub paid_by_day: Vec<DatedAmount>,
    /// The day from which anything follows from what is open.
    pub no_consequence_before: Option<NaiveDate>,
    /// The due date that it has without the plan.
    pub due_on: NaiveDate,
    /// Invoicing raises it with each change, so the higher of two revisions is the newer one.
    pub revision: i64,
}

impl Figures {
    /// The amounts that a plan knows of an invoice.
    #[must_use]
    pub fn of(invoice: &Covered) -> Self {
        Self {
            open: invoice.open,
            paid: invoice.paid,
            paid_by_day: invoice.paid_by_day.clone(),
            no_consequence_before: invoice.no_consequence_before,
            due_on: invoice.due_on,
            revision: invoice.revision,
        }
    }
}

/// What the caller has to do after an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluated {
    /// Only save the plan.
    Done,
    /// Announce the instalment at this index to the customer.
    Announce(usize),
    /// Begin an attempt to collect.
    Collect,
}

impl Plan {
    /// Records the present amounts of an invoice, and answers whether they changed. Older revisions
    /// are ignored, because events may arrive in any order.
    pub fn follow(
        &mut self,
        invoice: Id<Invoice>,
        current: &Figures,
        now: DateTime<Utc>,
    ) -> Result<bool, MoneyError> {
        let Some(covered) = self.covered.iter_mut().find(|covered| covered.invoice == invoice)
        else {
            return Ok(false);
        };
        if current.revision < covered.revision {
            return Ok(false);
        }
        let unchanged = (covered.open, covered.paid, covered.due_on)
            == (current.open, current.paid, current.due_on)
            && covered.paid_by_day == current.paid_by_day
            && covered.no_consequence_before == current.no_consequence_before;
        covered.revision = current.revision;
        if unchanged {
            return Ok(false);
        }
        let is_less_paid = current.paid.compare(covered.paid)?.is_lt();
        covered.open = current.open;
        covered.paid = current.paid;
        covered.due_on = current.due_on;
        covered.paid_by_day.clone_from(&current.paid_by_day);
        covered.no_consequence_before = current.no_consequence_before;
        // Blocks that were refused may be set now.
        self.restart.refused = false;
        self.settle()?;
        if is_less_paid {
            self.collect_again(now);
        } else {
            self.drop_try_of_what_is_paid()?;
        }
        self.touch(now);
        Ok(true)
    }

    /// Works out the instalments from the invoices: payments since the plan began go to the
    /// earliest instalments, credit notes lower the last ones. So the unpaid sum equals the open
    /// amount. The result depends only on the present amounts, so the order in which events arrive
    /// does not matter. An offer that is not accepted yet does not change.
    pub fn settle(&mut self) -> Result<(), MoneyError> {
        if !self.state.is_running()
            && self.state != PlanState::Breached
            && self.state != PlanState::Completed
        {
            return Ok(());
        }
        let zero = Money::zero(self.currency);
        let open = self.open()?;
        // A payment from before the plan that is taken back makes this negative: that amount is
        // owed in addition.
        let mut paid = self.paid_since_begin()?.max(zero)?;
        let planned = self
            .offer
            .instalments
            .iter()
            .try_fold(zero, |sum, instalment| sum.plus(instalment.planned))?;
        let mut credited = planned.minus(open.plus(paid)?)?;
        for instalment in self.offer.instalments.iter_mut().rev() {
            let cut = credited.min(instalment.planned)?;
            instalment.amount = instalment.planned.minus(cut)?;
            credited = credited.minus(cut)?;
        }
        for instalment in &mut self.offer.instalments {
            instalment.paid = paid.min(instalment.amount)?;
            paid = paid.minus(instalment.paid)?;
        }
        self.excuse_instalments()
    }

    /// Changes the state if the payments or the time of day require it, and tells the caller what
    /// to do besides. While a flow sets or lifts blocks, nothing is evaluated: the flow evaluates
    /// the plan when it has finished. One evaluation finds one task; the caller evaluates again
    /// after it.
    pub fn evaluate(&mut self, zone: Tz, now: DateTime<Utc>) -> Result<Evaluated, Refusal> {
        if self.pending_transition.is_some()
            || self.state == PlanState::Pending
            || !self.state.is_followed()
        {
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
            PlanState::Breached => {
                self.evaluate_breach(nothing_open, day_in(zone, now), now)?;
                Ok(Evaluated::Done)
            }
            PlanState::Completed => {
                self.evaluate_completion(now)?;
                Ok(Evaluated::Done)
            }
            PlanState::Active | PlanState::InGrace => {
                let today = day_in(zone, now);
                let evaluated = self.evaluate_running(nothing_open, today, now)?;
                self.postpone_try(zone, today);
                self.drop_try_after_breach(zone);
                Ok(evaluated)
            }
            _ => Ok(Evaluated::Done),
        }
    }

    fn evaluate_running(
        &mut self,
        nothing_open: bool,
        today: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Evaluated, Refusal> {
        // What is to be collected now is collected before anybody is told that it is late.
        let collects_first = self.is_to_collect(today, now)?;
        let late_by_its_date = self
            .next_instalment()
            .map(|(_, instalment)| instalment.due_on)
            .filter(|due_on| *due_on < today);
        let late = late_by_its_date.is_some();
        if self.state == PlanState::InGrace && !late {
            self.go(Verb::CatchUp, Actor::suite(), "", now)?;
            self.late_since = None;
        }
        if nothing_open {
            self.end(Verb::Complete, Actor::suite(), "", now)?;
            return Ok(Evaluated::Done);
        }
        // The debit of a bank account takes days. The instalment is not late while such an attempt
        // is under way, nor before the customer knows that a payment was taken back.
        let may_be_paid = self.is_collecting()
            || self.is_spared(today)
            || collects_first && self.state == PlanState::Active;
        if late && !may_be_paid {
            if self.state == PlanState::Active {
                self.go(Verb::Miss, Actor::suite(), "", now)?;
                self.late_since = Some(today);
            }
            // Each instalment has its own days of grace, also where one is late before another is
            // paid.
            self.late_since =
                self.late_since.max(late_by_its_date.and_then(|due_on| due_on.succ_opt()));
            self.note_missed(today, now);
        }
        // So it is before it is late, and on the first day on which anything follows from what is
        // open again before it is a breach, also where there are no days of grace.
        if collects_first && (self.state == PlanState::Active || self.spared_until() == Some(today))
        {
            return Ok(Evaluated::Collect);
        }
        if let Some(last_day) = self.over_grace(today)? {
            self.end(Verb::Breach, Actor::suite(), "", now)?;
            self.late_since = None;
            self.breached_on = Some(today);
            self.breaches.add(last_day);
            return Ok(Evaluated::Done);
        }
        if collects_first {
            return Ok(Evaluated::Collect);
        }
        if self.attempt.next_at.is_some_and(|at| at <= now)
            && !self.attempt.under_way
            && !self.is_spared(today)
        {
            // The amount of the next attempt was paid in another way, so the attempt is not made.
            self.attempt.next_at = None;
            self.attempt.waits = false;
            self.touch(now);
        }
        let needs_no_notice = |instalment: &Instalment| {
            instalment.announced_at.is_some() || instalment.amount == instalment.paid
        };
        let next =
            self.offer.instalments.iter().position(|instalment| !needs_no_notice(instalment));
        // While a dispute is open no instalment is collected, so none is announced.
        let announced = next
            .and_then(|index| self.offer.instalments.get(index))
            .filter(|_| !self.is_disputed());
        let due = announced.is_some_and(|instalment| notice_day(instalment) <= today);
        Ok(next.filter(|_| due).map_or(Evaluated::Done, Evaluated::Announce))
    }

    /// When the next attempt is made; `None` where none is planned, and while nobody knows it.
    #[must_use]
    pub fn next_try(&self) -> Option<DateTime<Utc>> {
        self.attempt
            .next_at
            .filter(|_| self.state.is_running() && !self.attempt.under_way && !self.is_disputed())
    }

    /// Nothing is tried before anything follows from what is open, so nothing is planned before
    /// that day; what falls due earlier is tried on that day.
    fn postpone_try(&mut self, zone: Tz, today: NaiveDate) {
        let Some(day) = self.spared_until().filter(|_| !self.is_disputed()) else { return };
        let falls_due = self.falls_due_next().is_some_and(|due_on| due_on <= day);
        let postponed =
            self.collect_automatically && !self.attempt.under_way && falls_due && today < day;
        let first = start_of_day(zone, day);
        self.attempt.next_at =
            self.attempt.next_at.or(Some(first).filter(|_| postponed)).map(|at| at.max(first));
    }

    /// No attempt is made after the breach, so none is planned, and none is promised to the
    /// customer.
    fn drop_try_after_breach(&mut self, zone: Tz) {
        if self.attempt.next_at.is_some_and(|at| !self.may_try_on(day_in(zone, at)))
            && !self.is_collecting()
        {
            self.attempt.next_at = None;
        }
    }

    /// Records that an instalment is announced to the customer.
    pub fn announce(&mut self, index: usize, now: DateTime<Utc>) {
        if let Some(instalment) = self.offer.instalments.get_mut(index) {
            instalment.announced_at = Some(now);
            self.touch(now);
        }
    }

    /// Begins an attempt to collect what is due.
    pub fn collect(&mut self, id: Uuid, zone: Tz, now: DateTime<Utc>) -> Result<(), MoneyError> {
        self.begin_attempt(id, day_in(zone, now), now)
    }

    /// When to evaluate it next; `None` if time alone cannot change it.
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
        let spared = |day: NaiveDate| day.max(self.spared_until().unwrap_or(day));
        let unpaid =
            self.offer.instalments.iter().filter(|instalment| instalment.amount != instalment.paid);
        let announce = unpaid
            .clone()
            .filter(|instalment| instalment.announced_at.is_none())
            .map(notice_day)
            .next()
            .filter(|_| !self.is_disputed());
        let miss = unpaid
            .clone()
            .map(|instalment| instalment.due_on)
            .next()
            .and_then(day_after)
            .map(spared)
            .filter(|_| self.state == PlanState::Active && !self.is_collecting());
        let breach = self.grace_end().and_then(day_after).filter(|_| !self.is_collecting());
        let collects = self.collect_automatically && !self.attempt.under_way;
        let collect = self.falls_due_next().map(spared).filter(|_| collects);
        let days = [announce, miss, breach, collect]
            .into_iter()
            .flatten()
            .map(|day| start_of_day(zone, day));
        let promised = self.spared_until().map(|day| start_of_day(zone, day));
        let next_attempt = self
            .attempt
            .next_at
            .filter(|_| collects)
            .map(|at| promised.map_or(at, |promised| at.max(promised)));
        days.chain(next_attempt).min()
    }
}

/// The day on which an instalment is announced.
fn notice_day(instalment: &Instalment) -> NaiveDate {
    instalment.due_on.checked_sub_days(Days::new(NOTICE_DAYS)).unwrap_or(instalment.due_on)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
pub(crate) mod tests;

#[cfg(test)]
#[path = "on_time_tests.rs"]
mod on_time_tests;

#[cfg(test)]
#[path = "plan_model_tests.rs"]
mod model_tests;
