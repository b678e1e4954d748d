//! Discounts: of a line, and of a whole draft, before tax (docs/domain/invoicing.md#line-discount).

use payterms_kernel::{Money, money::MoneyError, rounding};
use rust_decimal::Decimal;

/// How much is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// In percent: above 0, at most 100.
    Percent(Decimal),
    /// An amount above zero, at the minor unit, with or without tax as the prices are.
    Amount(Money),
}

/// What is taken off a line, or off all lines of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// How much.
    pub off: Off,
    /// What the document calls it; empty: a discount.
    pub description: String,
}

impl Discount {
    /// The percentage, where it is one.
    #[must_use]
    pub fn percent(&self) -> Option<Decimal> {
        if let Off::Percent(percent) = self.off { Some(percent) } else { None }
    }

    /// What is left of an exact amount, rounded once to the minor unit of the discount's currency.
    ///
    /// # Errors
    /// `Overflow`, `CurrencyMismatch`.
    pub fn leaves(&self, like: Money, exact: Decimal) -> Result<Money, MoneyError> {
        let round = |exact| {
            Money::new(like.currency(), rounding::half_away(exact, like.currency().exponent()))
        };
        match self.off {
            Off::Percent(percent) => {
                let rest = Decimal::ONE_HUNDRED.checked_sub(percent).ok_or(MoneyError::Overflow)?;
                let left =
                    exact.checked_mul(rest).and_then(|left| left.checked_div(Decimal::ONE_HUNDRED));
                round(left.ok_or(MoneyError::Overflow)?)
            }
            Off::Amount(amount) => round(exact)?.minus(amount),
        }
    }

    /// What is taken off a sum.
    ///
    /// # Errors
    /// `Overflow`, `CurrencyMismatch`.
    pub fn taken_off(&self, sum: Money) -> Result<Money, MoneyError> {
        match self.off {
            Off::Percent(percent) => {
                let part = sum
                    .amount()
                    .checked_mul(percent)
                    .and_then(|part| part.checked_div(Decimal::ONE_HUNDRED));
                Money::new(
                    sum.currency(),
                    rounding::half_away(
                        part.ok_or(MoneyError::Overflow)?,
                        sum.currency().exponent(),
                    ),
                )
            }
            // Lines of another currency are refused where they are summed.
            Off::Amount(amount) => sum.compare(amount).map(|_| amount),
        }
    }
}
