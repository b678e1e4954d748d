//! Amounts by day: what has been paid by when. Lists of them are sorted, with each day once and no
//! amount of zero.

use crate::{Currency, Money, money::MoneyError};
use chrono::NaiveDate;

/// An amount of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatedAmount {
    /// The day.
    pub on: NaiveDate,
    /// How much.
    pub amount: Money,
}

/// Adds an amount to its day.
///
/// # Errors
/// `Overflow`, `CurrencyMismatch`.
pub fn add(list: &mut Vec<DatedAmount>, on: NaiveDate, amount: Money) -> Result<(), MoneyError> {
    match list.binary_search_by_key(&on, |dated| dated.on) {
        Ok(found) => {
            if let Some(dated) = list.get_mut(found) {
                dated.amount = dated.amount.plus(amount)?;
            }
        }
        Err(place) => list.insert(place, DatedAmount { on, amount }),
    }
    list.retain(|dated| !dated.amount.is_zero());
    Ok(())
}

/// Takes an amount off a day. What the day does not have comes off the other days, the last one
/// first.
///
/// # Errors
/// `CurrencyMismatch`.
pub fn take(list: &mut Vec<DatedAmount>, on: NaiveDate, amount: Money) -> Result<(), MoneyError> {
    let mut left = amount;
    let (same, others): (Vec<_>, Vec<_>) = list.iter_mut().rev().partition(|dated| dated.on == on);
    for dated in same.into_iter().chain(others) {
        let part = dated.amount.min(left)?;
        dated.amount = dated.amount.minus(part)?;
        left = left.minus(part)?;
    }
    list.retain(|dated| !dated.amount.is_zero());
    Ok(())
}

/// The sum of what is dated on or before a day.
///
/// # Errors
/// `Overflow`, `CurrencyMismatch`.
pub fn sum_until(
    list: &[DatedAmount],
    currency: Currency,
    last: NaiveDate,
) -> Result<Money, MoneyError> {
    list.iter()
        .take_while(|dated| dated.on <= last)
        .try_fold(Money::zero(currency), |sum, dated| sum.plus(dated.amount))
}

#[cfg(test)]
mod tests {
    use super::{DatedAmount, add, sum_until, take};
    use crate::{Currency, Money};
    use chrono::NaiveDate;

    fn usd(cents: i64) -> Money {
        Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
    }

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, number).unwrap()
    }

    fn short(list: &[DatedAmount]) -> Vec<(NaiveDate, Money)> {
        list.iter().map(|dated| (dated.on, dated.amount)).collect()
    }

    #[test]
    fn amounts_are_added_to_their_day_and_taken_off_it_first() {
        let mut list = Vec::new();
        for (on, cents) in [(5, 100), (3, 50), (5, 20), (9, 0)] {
            add(&mut list, day(on), usd(cents)).unwrap();
        }
        assert_eq!(short(&list), [(day(3), usd(50)), (day(5), usd(120))]);
        let until = |last| sum_until(&list, usd(0).currency(), day(last)).unwrap();
        assert_eq!([until(2), until(3), until(4), until(5)], [usd(0), usd(50), usd(50), usd(170)]);
        take(&mut list, day(3), usd(30)).unwrap();
        assert_eq!(short(&list), [(day(3), usd(20)), (day(5), usd(120))]);
        take(&mut list, day(3), usd(50)).unwrap();
        assert_eq!(
            short(&list),
            [(day(5), usd(90))],
            "what the day does not have comes off the last one"
        );
        take(&mut list, day(1), usd(500)).unwrap();
        assert!(list.is_empty());
    }
}
