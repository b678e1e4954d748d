//! The rules of auto-recharge: what they require, and what a month's ceiling leaves of it
//! (docs/domain/wallet.md#auto-recharge).

use crate::wallet::Wallet;
use chrono::NaiveDate;
use payterms_kernel::{Condition, Money, Reason, Refusal, Violation, money::MoneyError};

/// Why a recharge is not charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCharged {
    /// The month's ceiling leaves no room for it: no refusal of a call, since nobody called.
    Ceiling,
    /// A top-up of the same amount would be refused.
    Refused(Refusal),
}

impl NotCharged {
    /// What the rule shows as its failure.
    #[must_use]
    pub fn failure(&self) -> &'static str {
        match self {
            Self::Ceiling => "CEILING",
            Self::Refused(refusal) => refusal.reason.name(),
        }
    }
}

impl From<Refusal> for NotCharged {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<MoneyError> for NotCharged {
    fn from(error: MoneyError) -> Self {
        Self::Refused(error.into())
    }
}

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

    /// Refuses figures in another currency than the wallet's, each by its field.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`.
    pub fn must_fit(&self, wallet: &Wallet) -> Result<(), Refusal> {
        let figure = |(_, then)| match then {
            Then::Amount(amount) => ("threshold_amount", amount),
            Then::UpTo(target) => ("threshold_up_to", target),
        };
        let figures = [
            self.threshold.map(|(below, _)| ("threshold", below)),
            self.threshold.map(figure),
            self.month_end.map(|amount| ("month_end_amount", amount)),
            self.ceiling.map(|ceiling| ("monthly_ceiling", ceiling)),
        ];
        let wrong = figures.into_iter().flatten().filter_map(|(field, amount)| {
            let refusal = wallet.takes(amount).err()?;
            let condition = Condition {
                name: refusal.reason.name(),
                subject: format!("auto_recharge.{field}"),
                description: refusal.message.clone(),
            };
            Some(refusal.with_conditions(vec![condition]))
        });
        Refusal::all(wrong.collect()).map_or(Ok(()), Err)
    }

    /// What is wrong with a target that is not above its threshold.
    fn wrong_target(&self) -> Result<Option<Violation>, MoneyError> {
        let Some((below, Then::UpTo(target))) = self.threshold else { return Ok(None) };
        let description = "Name a balance above the threshold.".to_owned();
        let wrong = Violation {
            field: "auto_recharge.threshold_up_to".to_owned(),
            reason: Reason::FIELD_OUT_OF_RANGE,
            description,
        };
        Ok(target.compare(below)?.is_le().then_some(wrong))
    }

    /// Refuses a target that is not above its threshold: all that can be said where nothing can be
    /// charged.
    ///
    /// # Errors
    /// `FIELD_OUT_OF_RANGE`.
    pub fn must_aim_above_threshold(&self) -> Result<(), Refusal> {
        self.wrong_target()?.map_or(Ok(()), |wrong| Err(Refusal::invalid(vec![wrong])))
    }

    /// Refuses a target that is not above its threshold, and a ceiling that leaves no room for a
    /// figure of the rules or for the least charge, with every reason.
    ///
    /// # Errors
    /// `FIELD_OUT_OF_RANGE`; those of `charge`, which says what is charged for so much credit.
    pub fn must_work(
        &self,
        least: Money,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<(), Refusal> {
        let mut wrong: Vec<_> = self.wrong_target()?.into_iter().collect();
        self.note_low_ceiling(least, charge, &mut wrong)?;
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::invalid(wrong)) }
    }

    fn note_low_ceiling(
        &self,
        least: Money,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
        wrong: &mut Vec<Violation>,
    ) -> Result<(), Refusal> {
        let Some(ceiling) = self.ceiling else { return Ok(()) };
        let (amount, target) = match self.threshold {
            Some((_, Then::Amount(amount))) => (Some(amount), None),
            Some((_, Then::UpTo(target))) => (None, Some(target)),
            None => (None, None),
        };
        let figures = [
            ("threshold_amount", amount),
            ("threshold_up_to", target),
            ("month_end_amount", self.month_end),
        ];
        let mut add = |description: String| {
            let field = "auto_recharge.monthly_ceiling".to_owned();
            wrong.push(Violation { field, reason: Reason::FIELD_OUT_OF_RANGE, description });
        };
        for (name, credit) in figures.into_iter().filter_map(|(name, figure)| Some((name, figure?)))
        {
            let charged = charge(credit)?;
            if charged.compare(ceiling)?.is_gt() {
                add(format!(
                    "{charged} are charged for {name}, more than the ceiling of {ceiling}. Raise the ceiling or lower the figure."
                ));
            }
        }
        if least.compare(ceiling)?.is_gt() {
            add(format!(
                "The least charge is {least}, more than the ceiling of {ceiling}. Raise the ceiling."
            ));
        }
        Ok(())
    }

    /// The credit that a threshold rule buys at once when the balance is zero.
    fn credit_from_zero(&self) -> Result<Option<Money>, MoneyError> {
        let Some((below, then)) = self.threshold else { return Ok(None) };
        Ok(Some(match then {
            Then::Amount(amount) => times(amount, multiple(amount, below)?)?,
            Then::UpTo(target) => target,
        }))
    }

    /// What one recharge charges at most while nothing is owed: for a balance of zero, or at the
    /// month's end. None for a rule that only repairs a negative balance.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn largest_charge(
        &self,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<Option<Money>, Refusal> {
        let mut largest: Option<Money> = None;
        for credit in [self.credit_from_zero()?, self.month_end].into_iter().flatten() {
            let charged = charge(credit)?;
            largest = Some(largest.map_or(Ok(charged), |most| most.max(charged))?);
        }
        let zero = largest.map(|largest| Money::zero(largest.currency()));
        let (Some(largest), Some(zero), Some(ceiling)) =
            (largest, zero, self.ceiling_in_force(&charge)?)
        else {
            return Ok(largest);
        };
        if largest.compare(ceiling)?.is_le() {
            return Ok(Some(largest));
        }
        // Of a fixed amount the ceiling leaves a smaller multiple; nothing else is cut to fit.
        let step = self.threshold.and_then(|(_, then)| {
            if let Then::Amount(amount) = then { Some(amount) } else { None }
        });
        let fits =
            self.credit_from_zero()?.map(|credit| self.fit(zero, Wanted { credit, step }, &charge));
        Ok(fits.and_then(Result::ok))
    }

    /// What bounds the charges of a month, of which `charged` is charged already.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn figures(
        &self,
        month: NaiveDate,
        charged: Money,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<MonthFigures, Refusal> {
        let ceiling = self.ceiling_in_force(&charge)?;
        let left = ceiling.map(|ceiling| ceiling.minus(ceiling.min(charged)?)).transpose()?;
        Ok(MonthFigures { month, ceiling, left, largest_charge: self.largest_charge(charge)? })
    }

    /// The most that is charged in a month: as stated, or three times the larger of the largest
    /// figure and the charge from a balance of zero. None for a rule that only repairs a negative
    /// balance and states no ceiling.
    ///
    /// # Errors
    /// Those of `charge`, which says what is charged for so much credit.
    pub fn ceiling_in_force(
        &self,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<Option<Money>, Refusal> {
        if self.ceiling.is_some() {
            return Ok(self.ceiling);
        }
        let figure = self.threshold.map(|(_, Then::Amount(figure) | Then::UpTo(figure))| figure);
        let from_zero = self.credit_from_zero()?.map(&charge).transpose()?;
        let month_end = self.month_end.map(charge).transpose()?;
        let figures: Vec<_> = [figure, from_zero, month_end].into_iter().flatten().collect();
        let largest =
            figures.iter().skip(1).try_fold(figures.first().copied(), |largest, amount| {
                largest.map(|most| most.max(*amount)).transpose()
            })?;
        Ok(largest.map(|figure| times(figure, 3)).transpose()?)
    }

    /// What is charged for the credit that the rules require: all of it, or, of a rule with a fixed
    /// amount, the largest smaller multiple that the month's ceiling leaves. `charged` is what
    /// recharges of the month have charged or may still charge.
    ///
    /// # Errors
    /// `Ceiling`; those of `charge`.
    pub fn fit(
        &self,
        charged: Money,
        wanted: Wanted,
        charge: impl Fn(Money) -> Result<Money, Refusal>,
    ) -> Result<Money, NotCharged> {
        let amount = charge(wanted.credit)?;
        let Some(ceiling) = self.ceiling_in_force(&charge)? else { return Ok(amount) };
        let fits =
            |amount: Money| Ok::<_, MoneyError>(charged.plus(amount)?.compare(ceiling)?.is_le());
        if fits(amount)? {
            return Ok(amount);
        }
        let mut best = None;
        if let Some(step) = wanted.step {
            // More credit is never charged less: the largest multiple that fits is between those
            // that do and those that do not.
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
        best.ok_or(NotCharged::Ceiling)
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
pub(crate) fn multiple(amount: Money, reaches: Money) -> Result<i64, MoneyError> {
    let (amount, reaches) = (amount.micros(), reaches.micros().max(1));
    let up = reaches
        .checked_add(amount)
        .and_then(|sum| sum.checked_sub(1))
        .ok_or(MoneyError::Overflow)?;
    up.checked_div(amount).map(|count| count.max(1)).ok_or(MoneyError::Overflow)
}

pub(crate) fn times(amount: Money, count: i64) -> Result<Money, MoneyError> {
    amount
        .micros()
        .checked_mul(count)
        .map(|micros| Money::from_micros(amount.currency(), micros))
        .ok_or(MoneyError::Overflow)
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
