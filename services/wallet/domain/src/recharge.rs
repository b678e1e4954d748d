//! Auto-recharge: when a wallet buys credit by itself, and how much (docs/domain/wallet.md#auto-recharge).
//!
//! Triggers only mark a wallet. A wallet has at most one open recharge; when it ends, the rules are evaluated again. So many
//! triggers at once cannot charge twice.

use crate::{
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{
    Id, Money, Refusal, Violation,
    ladder::{AUTHENTICATION_REQUIRED, Ladder, Rung},
    money::MoneyError,
};

/// The failure of a recharge that the month's ceiling leaves no room for.
const CEILING: &str = "CEILING";

/// What a threshold recharge does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Buys this much.
    Amount(Money),
    /// Buys what is missing up to this balance.
    UpTo(Money),
}

/// When a wallet recharges; figures are credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// The threshold of the available balance, and what happens below it.
    pub threshold: Option<(Money, Then)>,
    /// The amount to buy on the last day of each month.
    pub month_end: Option<Money>,
    /// Whether a negative balance is bought back at once.
    pub repair_negative: bool,
    /// The most that is charged in a month; `None` for three times the largest figure.
    pub ceiling: Option<Money>,
}

impl Rules {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.threshold.is_none() && self.month_end.is_none() && !self.repair_negative
    }

    /// Refuses figures in another currency than the wallet's, and a target that is not above its
    /// threshold.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `FIELD_OUT_OF_RANGE`.
    pub fn must_fit(&self, wallet: &Wallet) -> Result<(), Refusal> {
        if let Some((below, then)) = self.threshold {
            wallet.takes(below)?;
            let (Then::Amount(figure) | Then::UpTo(figure)) = then;
            wallet.takes(figure)?;
            if matches!(then, Then::UpTo(target) if target.compare(below)?.is_le()) {
                let description = "Name a balance above the threshold.".to_owned();
                let field = "auto_recharge.threshold_up_to".to_owned();
                return Err(Refusal::invalid(vec![Violation { field, reason: "FIELD_OUT_OF_RANGE", description }]));
            }
        }
        self.month_end.iter().chain(&self.ceiling).try_for_each(|amount| wallet.takes(*amount))
    }

    /// Refuses a ceiling that leaves no room for a figure of the rules or for the least charge, with every reason.
    ///
    /// # Errors
    /// `FIELD_OUT_OF_RANGE`; those of `charge`, which says what is charged for so much credit.
    pub fn must_work(&self, least: Money, charge: impl Fn(Money) -> Result<Money, Refusal>) -> Result<(), Refusal> {
        let Some(ceiling) = self.ceiling else { return Ok(()) };
        let (amount, target) = match self.threshold {
            Some((_, Then::Amount(amount))) => (Some(amount), None),
            Some((_, Then::UpTo(target))) => (None, Some(target)),
            None => (None, None),
        };
        let figures = [("threshold_amount", amount), ("threshold_up_to", target), ("month_end_amount", self.month_end)];
        let mut wrong = Vec::new();
        let mut add = |description: String| {
            let field = "auto_recharge.monthly_ceiling".to_owned();
            wrong.push(Violation { field, reason: "FIELD_OUT_OF_RANGE", description });
        };
        for (name, credit) in figures.into_iter().filter_map(|(name, figure)| Some((name, figure?))) {
            let charged = charge(credit)?;
            if charged.compare(ceiling)?.is_gt() {
                add(format!(
                    "{charged} are charged for {name}, more than the ceiling of {ceiling}. Raise the ceiling or lower the figure."
                ));
            }
        }
        if least.compare(ceiling)?.is_gt() {
            add(format!("The least charge is {least}, more than the ceiling of {ceiling}. Raise the ceiling."));
        }
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::invalid(wrong)) }
    }

    /// The credit that a threshold rule buys at once when the balance is zero.
    fn credit_from_zero(&self) -> Result<Option<Money>, MoneyError> {
        let Some((below, then)) = self.threshold else { return Ok(None) };
        Ok(Some(match then {
            Then::Amount(amount) => times(amount, multiple(amount, below)?)?,
            Then::UpTo(target) => target,
        }))
    }

    /// What one recharge charges at most while nothing is owed: for a balance of zero, or at the month's end. None for a rule that
    /// only repairs a negative balance.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn largest_charge(&self, charge: impl Fn(Money) -> Result<Money, Refusal>) -> Result<Option<Money>, Refusal> {
        let mut largest: Option<Money> = None;
        for credit in [self.credit_from_zero()?, self.month_end].into_iter().flatten() {
            let charged = charge(credit)?;
            largest = Some(largest.map_or(Ok(charged), |most| most.max(charged))?);
        }
        match (largest, self.ceiling_in_force(charge)?) {
            (Some(largest), Some(ceiling)) => Ok(Some(largest.min(ceiling)?)),
            (largest, _) => Ok(largest),
        }
    }

    /// What bounds the charges of a month, of which `charged` is charged already.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn figures(
        &self,
        (month, charged): (NaiveDate, Money),
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<MonthFigures, Refusal> {
        let ceiling = self.ceiling_in_force(&charge)?;
        let left = ceiling.map(|ceiling| ceiling.minus(ceiling.min(charged)?)).transpose()?;
        Ok(MonthFigures { month, ceiling, left, largest_charge: self.largest_charge(charge)? })
    }

    /// The most that is charged in a month: as stated, or three times the larger of the largest figure and the charge from a
    /// balance of zero. None for a rule that only repairs a negative balance and states no ceiling.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn ceiling_in_force(&self, charge: impl Fn(Money) -> Result<Money, Refusal>) -> Result<Option<Money>, Refusal> {
        if self.ceiling.is_some() {
            return Ok(self.ceiling);
        }
        let figure = self.threshold.map(|(_, Then::Amount(figure) | Then::UpTo(figure))| figure);
        let from_zero = self.credit_from_zero()?.map(charge).transpose()?;
        let figures: Vec<_> = [figure, from_zero, self.month_end].into_iter().flatten().collect();
        let largest =
            figures.iter().skip(1).try_fold(figures.first().copied(), |largest, own| largest.map(|most| most.max(*own)).transpose())?;
        Ok(largest.map(|figure| times(figure, 3)).transpose()?)
    }

    /// What is charged for the credit that the rules require: all of it, or, of a rule with a fixed amount, the largest smaller
    /// multiple that the month's ceiling leaves. `charged` is what recharges of the month have charged or may still charge.
    ///
    /// # Errors
    /// `CEILING`, which is shown as the reason of the failure; those of `charge`.
    pub fn fit(&self, charged: Money, wanted: Wanted, charge: impl Fn(Money) -> Result<Money, Refusal>) -> Result<Money, Refusal> {
        let amount = charge(wanted.credit)?;
        let Some(ceiling) = self.ceiling_in_force(&charge)? else { return Ok(amount) };
        let fits = |amount: Money| Ok::<_, Refusal>(charged.plus(amount)?.compare(ceiling)?.is_le());
        if fits(amount)? {
            return Ok(amount);
        }
        let mut best = None;
        if let Some(step) = wanted.step {
            // More credit is never charged less: the largest multiple that fits is between those that do and those that do not.
            let (mut fitting, mut passing) = (0, multiple(step, wanted.credit)?);
            while passing - fitting > 1 {
                let middle = fitting + (passing - fitting) / 2;
                let amount = charge(times(step, middle)?)?;
                if fits(amount)? {
                    (fitting, best) = (middle, Some(amount));
                } else {
                    passing = middle;
                }
            }
        }
        best.ok_or_else(|| {
            let message = format!("Charging {amount} would pass the ceiling of {ceiling} a month; {charged} are charged already.");
            Refusal::precondition(CEILING, message)
        })
    }
}

/// Credit that the rules require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// How much.
    pub credit: Money,
    /// The fixed amount of the rule, of which it is a multiple.
    pub step: Option<Money>,
}

/// How often an amount is needed to reach another, once at least.
fn multiple(amount: Money, reaches: Money) -> Result<i64, MoneyError> {
    let (amount, reaches) = (amount.micros(), reaches.micros().max(1));
    let up = reaches.checked_add(amount).and_then(|sum| sum.checked_sub(1)).ok_or(MoneyError::Overflow)?;
    up.checked_div(amount).map(|count| count.max(1)).ok_or(MoneyError::Overflow)
}

fn times(amount: Money, count: i64) -> Result<Money, MoneyError> {
    amount.micros().checked_mul(count).map(|micros| Money::from_micros(amount.currency(), micros)).ok_or(MoneyError::Overflow)
}

/// What bounds the charges of a month, as the customer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonthFigures {
    /// First day of the month.
    pub month: NaiveDate,
    /// The ceiling in force; `None` where there is none.
    pub ceiling: Option<Money>,
    /// What the ceiling still leaves.
    pub left: Option<Money>,
    /// What one recharge charges at most while nothing is owed.
    pub largest_charge: Option<Money>,
}

/// What may end a stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Credit was bought by hand or by transfer.
    CreditBought,
    /// A payment method was added.
    MethodAdded,
    /// Another method became the collection method.
    MethodReplaced,
}

/// A wallet's rules and their state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoRecharge {
    /// The rules.
    pub rules: Rules,
    /// Whether a month end has passed for which no recharge was made yet.
    pub month_end_marked: bool,
    /// The open recharge.
    pub open: Option<Id<TopUp>>,
    /// Whether the open or failed recharge was for the month's end.
    pub for_month_end: bool,
    /// Why the last recharge failed; empty if it did not.
    pub failure: String,
    /// The failures of this period.
    pub ladder: Ladder,
    /// When it is retried automatically.
    pub retry_at: Option<DateTime<Utc>>,
    /// Counts changes.
    pub version: i64,
}

impl AutoRecharge {
    /// The credit that the rules require now; `None` while a recharge is open or has failed, or if the wallet is postpaid.
    pub fn wanted(&self, wallet: &Wallet, now: DateTime<Utc>) -> Result<Option<Wanted>, Refusal> {
        if self.open.is_some() || !self.failure.is_empty() || wallet.overdraft.is_some() {
            return Ok(None);
        }
        // What is owed because a transfer was taken back is never collected by itself: the rules do not see it.
        let deficit = Money::zero(wallet.currency).minus(wallet.posted)?.minus(wallet.owed_undone)?;
        let repair = (self.rules.repair_negative && deficit.is_positive()).then_some(deficit);
        let available = wallet.available(now)?.plus(wallet.owed_undone)?;
        let below = match self.rules.threshold {
            Some((below, then)) if available.compare(below)?.is_lt() => Some(match then {
                // One trigger makes one charge, which brings the wallet back to its threshold.
                Then::Amount(amount) => {
                    let credit = times(amount, multiple(amount, below.minus(available)?)?)?;
                    Wanted { credit, step: Some(amount) }
                }
                Then::UpTo(target) => Wanted { credit: target.minus(available)?, step: None },
            }),
            _ => None,
        };
        let plain = |credit: Money| Wanted { credit, step: None };
        let month_end = self.rules.month_end.filter(|_| self.month_end_marked).map(plain);
        // What reaches the threshold repairs the balance too.
        let Some(rule) = below.or(repair.map(plain)).or(month_end) else { return Ok(None) };
        let credit = rule.credit.max(deficit)?.round_up_to_minor_unit();
        Ok(Some(Wanted { credit, step: rule.step.filter(|_| credit == rule.credit) }))
    }

    /// Begins a recharge. It clears the mark of the month's end only if no other rule required credit.
    pub fn begin(&mut self, top_up: Id<TopUp>, wallet: &Wallet, now: DateTime<Utc>) -> Result<(), Refusal> {
        let others = Self { month_end_marked: false, ..self.clone() };
        self.for_month_end = others.wanted(wallet, now)?.is_none();
        self.month_end_marked &= !self.for_month_end;
        self.open = Some(top_up);
        self.version = self.version.saturating_add(1);
        Ok(())
    }

    /// Records the end of a recharge: the instant, and when the next month begins. A failure is stored, so that the customer
    /// sees it.
    pub fn end(&mut self, top_up: &TopUp, times: (DateTime<Utc>, DateTime<Utc>)) {
        match top_up.state {
            TopUpState::Processing => return,
            TopUpState::Succeeded | TopUpState::ChargedBack => self.start_anew(),
            TopUpState::Failed if top_up.decline_code.is_empty() => self.fail("DECLINED", "DECLINED", times),
            TopUpState::Failed => self.fail(&top_up.decline_code, &top_up.decline_code, times),
            TopUpState::RequiresAction => self.fail("REQUIRES_ACTION", AUTHENTICATION_REQUIRED, times),
        }
        // The month's end did not get its credit, so its mark is set again for the retry.
        self.month_end_marked |= self.for_month_end && !self.failure.is_empty() && self.rules.month_end.is_some();
        self.for_month_end = false;
        self.open = None;
        self.version = self.version.saturating_add(1);
    }

    /// Records that a recharge could not be made: the instant, and when the next month begins. One that would exceed the
    /// ceiling is retried then.
    pub fn refused(&mut self, refusal: &Refusal, times: (DateTime<Utc>, DateTime<Utc>)) {
        if refusal.reason == CEILING {
            refusal.reason.clone_into(&mut self.failure);
            self.retry_at = Some(times.1);
        } else {
            self.fail(refusal.reason, refusal.reason, times);
        }
        self.version = self.version.saturating_add(1);
    }

    fn fail(&mut self, shown: &str, reason: &str, (now, next_month): (DateTime<Utc>, DateTime<Utc>)) {
        shown.clone_into(&mut self.failure);
        self.retry_at = match self.ladder.failed(reason, now) {
            Rung::At(at) => Some(at),
            // Attempts belong to a month, as the ceiling does.
            Rung::Over => Some(next_month),
            Rung::Hard | Rung::Action => None,
        };
    }

    /// Starts a new ladder of retries, after a success, with new rules or in a new period.
    pub fn start_anew(&mut self) {
        self.failure.clear();
        self.ladder = Ladder::default();
        self.retry_at = None;
    }

    /// Retries when that is due, and returns whether there was something to retry. A month that began after the first failure, at
    /// `month_began`, has a ladder of its own.
    pub fn retry_due(&mut self, month_began: DateTime<Utc>) -> bool {
        let has_failed = !self.failure.is_empty();
        if has_failed {
            self.forget_failure();
            if self.ladder.first_failed_at.is_some_and(|at| at < month_began) {
                self.ladder = Ladder::default();
            }
        }
        has_failed
    }

    /// Ends a stop because of a change, and returns whether there was one that it ends. A final decline or authentication that is
    /// needed, after which no retry is planned, would meet the same method again: only another one ends such a stop.
    pub fn end_stop(&mut self, change: Change) -> bool {
        let ends = !self.failure.is_empty() && (change == Change::MethodReplaced || self.retry_at.is_some());
        if ends {
            self.start_anew();
            self.version = self.version.saturating_add(1);
        }
        ends
    }

    /// Retries after a failure, on request. It uses up the next rung of the ladder. Where nothing has failed, nothing changes: a stop
    /// may have ended by itself a moment before.
    ///
    /// # Errors
    /// `RECHARGE_STATE` if there are no rules.
    pub fn retry(&mut self) -> Result<(), Refusal> {
        if self.rules.is_none() && self.failure.is_empty() {
            return Err(Refusal::state("RECHARGE_STATE", "Auto-recharge", "OFF", &["UpdateAutoRecharge"]));
        }
        if !self.failure.is_empty() {
            self.forget_failure();
        }
        Ok(())
    }

    fn forget_failure(&mut self) {
        self.failure.clear();
        self.retry_at = None;
        self.version = self.version.saturating_add(1);
    }
}

#[cfg(test)]
#[path = "recharge_tests.rs"]
mod tests;
