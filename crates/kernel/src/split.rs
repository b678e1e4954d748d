//! Splitting an amount so that the parts always sum to it.

use crate::money::{Money, MoneyError};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Equal parts at the minor unit. The remainder goes to the first parts, one minor unit each.
///
/// 100.00 in 3 is 33.34, 33.33, 33.33 (docs/domain/plans.md#schedule).
///
/// # Errors
/// `Precision` if the amount is not whole minor units, `Overflow` if `parts` is zero.
pub fn equal(total: Money, parts: u32) -> Result<Vec<Money>, MoneyError> {
    by_weight(total, &vec![Decimal::ONE; parts as usize])
}

/// Parts in proportion to `weights`, at the minor unit, by largest remainder (ties: the first).
///
/// # Errors
/// `Precision` if the amount is not whole minor units; `Overflow` without a positive weight,
/// with a negative one, or beyond what a decimal holds.
pub fn by_weight(total: Money, weights: &[Decimal]) -> Result<Vec<Money>, MoneyError> {
    let currency = total.currency();
    let exponent = currency.exponent();
    if !total.is_at_minor_unit() {
        return Err(MoneyError::Precision(exponent));
    }
    let sum = weights
        .iter()
        .try_fold(Decimal::ZERO, |sum, w| sum.checked_add(*w))
        .ok_or(MoneyError::Overflow)?;
    if sum <= Decimal::ZERO || weights.iter().any(Decimal::is_sign_negative) {
        return Err(MoneyError::Overflow);
    }
    let unit = Decimal::new(1, exponent);
    let units = total.amount().abs().checked_div(unit).ok_or(MoneyError::Overflow)?;
    let mut floors = Vec::with_capacity(weights.len());
    let mut remainder = units;
    for (index, weight) in weights.iter().enumerate() {
        let exact = units
            .checked_mul(*weight)
            .and_then(|share| share.checked_div(sum))
            .ok_or(MoneyError::Overflow)?;
        remainder = remainder.checked_sub(exact.floor()).ok_or(MoneyError::Overflow)?;
        floors.push((index, exact.floor(), exact.fract()));
    }
    let extra = remainder.to_usize().ok_or(MoneyError::Overflow)?;
    floors.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    for part in floors.iter_mut().take(extra) {
        part.1 = part.1.checked_add(Decimal::ONE).ok_or(MoneyError::Overflow)?;
    }
    floors.sort_by_key(|part| part.0);
    let sign = if total.is_negative() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    floors
        .into_iter()
        .map(|(_, units, _)| {
            let amount = units
                .checked_mul(unit)
                .and_then(|a| a.checked_mul(sign))
                .ok_or(MoneyError::Overflow)?;
            Money::new(currency, amount)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{by_weight, equal};
    use crate::{currency::Currency, money::Money};
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn usd(text: &str) -> Money {
        Money::parse(Currency::parse("USD").unwrap(), text).unwrap()
    }

    #[test]
    fn the_worked_examples_of_the_domain() {
        assert_eq!(equal(usd("100.00"), 3).unwrap(), ["33.34", "33.33", "33.33"].map(usd));
        assert_eq!(equal(usd("100.01"), 3).unwrap(), ["33.34", "33.34", "33.33"].map(usd));
        assert!(equal(usd("1.001"), 3).is_err());
        assert!(equal(usd("1.00"), 0).is_err());
    }

    proptest! {
        #[test]
        fn parts_always_sum_to_the_whole(cents in -1_000_000_000_i64..1_000_000_000, weights in prop::collection::vec(0_u32..10_000, 1..40)) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let weights: Vec<_> = weights.into_iter().map(Decimal::from).collect();
            let total = Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
            let parts = by_weight(total, &weights).unwrap();
            let sum = parts.iter().try_fold(Money::zero(total.currency()), |sum, part| sum.plus(*part)).unwrap();
            prop_assert_eq!(sum, total);
            prop_assert!(parts.iter().all(|part| part.is_at_minor_unit()));
        }

        #[test]
        fn equal_parts_differ_by_one_unit_and_fall(cents in 0_i64..1_000_000_000, parts in 1_u32..400) {
            let total = Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000);
            let parts = equal(total, parts).unwrap();
            let micros: Vec<_> = parts.iter().map(|part| part.micros()).collect();
            prop_assert!(micros.windows(2).all(|pair| pair[0] >= pair[1]));
            prop_assert!(micros[0] - micros[micros.len() - 1] <= 10_000);
        }
    }
}
