//! Tax of a document: once per rate on the sum of its lines
//! (docs/domain/money-and-time.md#half-away).

use payterms_kernel::{Currency, Money, money::MoneyError, rounding, split};
use rust_decimal::Decimal;

/// One rate with the sentence that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// In percent.
    pub percent: Decimal,
    /// What the document says about it.
    pub sentence: String,
}

/// The tax of all lines of one rate, and how much of it credit notes have taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxAmount {
    /// The rate.
    pub rate: Rate,
    /// Sum of the lines without tax.
    pub net: Money,
    /// The tax.
    pub tax: Money,
    /// Part of the net that was credited.
    pub credited_net: Money,
    /// Part of the tax that was credited.
    pub credited_tax: Money,
}

impl TaxAmount {
    /// Net and tax.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn gross(&self) -> Result<Money, MoneyError> {
        self.net.plus(self.tax)
    }

    fn credited(&self) -> Result<Money, MoneyError> {
        self.credited_net.plus(self.credited_tax)
    }
}

/// What a document comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amounts {
    /// Tax by rate, in the order of the lines.
    pub taxes: Vec<TaxAmount>,
    /// Sum without tax.
    pub net: Money,
    /// Sum with tax.
    pub total: Money,
}

/// The sum of the lines of each rate, in the order of the lines.
///
/// # Errors
/// `Overflow`, `CurrencyMismatch`.
pub fn sums(currency: Currency, lines: &[(Money, Rate)]) -> Result<Vec<(Rate, Money)>, MoneyError> {
    let mut sums: Vec<(Rate, Money)> = Vec::new();
    for (amount, rate) in lines {
        match sums.iter_mut().find(|(each, _)| each == rate) {
            Some((_, sum)) => *sum = sum.plus(*amount)?,
            None => sums.push((rate.clone(), Money::zero(currency).plus(*amount)?)),
        }
    }
    Ok(sums)
}

/// The amounts of lines, each with its rate.
///
/// # Errors
/// `Overflow`, `CurrencyMismatch`.
pub fn amounts(
    currency: Currency,
    inclusive: bool,
    lines: &[(Money, Rate)],
) -> Result<Amounts, MoneyError> {
    let zero = Money::zero(currency);
    let sums = sums(currency, lines)?;
    let (mut taxes, mut net, mut total) = (Vec::with_capacity(sums.len()), zero, zero);
    for (rate, sum) in sums {
        let tax = if inclusive { tax_in(sum, rate.percent)? } else { tax_on(sum, rate.percent)? };
        let amount = if inclusive { sum.minus(tax)? } else { sum };
        net = net.plus(amount)?;
        total = total.plus(amount)?.plus(tax)?;
        taxes.push(TaxAmount { rate, net: amount, tax, credited_net: zero, credited_tax: zero });
    }
    Ok(Amounts { taxes, net, total })
}

/// The tax on an amount without tax, rounded half away once at the minor unit.
///
/// # Errors
/// `Overflow`.
pub fn tax_on(net: Money, percent: Decimal) -> Result<Money, MoneyError> {
    part(net, percent, Decimal::ONE_HUNDRED)
}

/// The tax inside an amount that includes it, rounded half away once at the minor unit.
///
/// # Errors
/// `Overflow`.
pub fn tax_in(gross: Money, percent: Decimal) -> Result<Money, MoneyError> {
    part(gross, percent, Decimal::ONE_HUNDRED.checked_add(percent).ok_or(MoneyError::Overflow)?)
}

fn part(of: Money, times: Decimal, over: Decimal) -> Result<Money, MoneyError> {
    let exact = of
        .amount()
        .checked_mul(times)
        .and_then(|part| part.checked_div(over))
        .ok_or(MoneyError::Overflow)?;
    Money::new(of.currency(), rounding::half_away(exact, of.currency().exponent()))
}

/// Takes `amount` off the taxes of a document, in proportion: over the rates by largest remainder
/// of what each has left, and of each rate round(tax × credited so far ÷ total) less the tax
/// credited before, so that the last note takes the rest. Answers the note's own part of each rate.
///
/// # Errors
/// `Overflow` where more is taken off than there is.
pub fn credit(taxes: &mut [TaxAmount], amount: Money) -> Result<Vec<TaxAmount>, MoneyError> {
    let left = taxes
        .iter()
        .map(|tax_amount| Ok(tax_amount.gross()?.minus(tax_amount.credited()?)?.amount()))
        .collect::<Result<Vec<_>, MoneyError>>()?;
    let sum = left
        .iter()
        .try_fold(Decimal::ZERO, |sum, left| sum.checked_add(*left))
        .ok_or(MoneyError::Overflow)?;
    if amount.amount() > sum {
        return Err(MoneyError::Overflow);
    }
    let mut note = Vec::new();
    for (tax_amount, gross) in taxes.iter_mut().zip(split::by_weight(amount, &left)?) {
        if tax_amount.gross()?.is_zero() {
            continue;
        }
        let credited = tax_amount.credited()?.plus(gross)?;
        let tax = part(tax_amount.tax, credited.amount(), tax_amount.gross()?.amount())?
            .minus(tax_amount.credited_tax)?;
        let net = gross.minus(tax)?;
        tax_amount.credited_tax = tax_amount.credited_tax.plus(tax)?;
        tax_amount.credited_net = tax_amount.credited_net.plus(net)?;
        if !gross.is_zero() {
            let zero = Money::zero(amount.currency());
            note.push(TaxAmount {
                rate: tax_amount.rate.clone(),
                net,
                tax,
                credited_net: zero,
                credited_tax: zero,
            });
        }
    }
    Ok(note)
}

#[cfg(test)]
mod tests {
    use super::{Amounts, Rate, amounts, credit};
    use payterms_kernel::{Currency, Money};
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn money(currency: &str, text: &str) -> Money {
        Money::parse(Currency::parse(currency).unwrap(), text).unwrap()
    }

    fn rate(percent: &str) -> Rate {
        Rate { percent: percent.parse().unwrap(), sentence: String::new() }
    }

    fn sums(currency: &str, inclusive: bool, lines: &[(&str, &str)]) -> Amounts {
        let lines: Vec<_> = lines
            .iter()
            .map(|(amount, percent)| (money(currency, amount), rate(percent)))
            .collect();
        amounts(Currency::parse(currency).unwrap(), inclusive, &lines).unwrap()
    }

    #[test]
    fn australia_to_the_united_kingdom_takes_no_tax() {
        let amounts = sums("AUD", false, &[("100.00", "0")]);
        assert_eq!((amounts.net, amounts.total), (money("AUD", "100"), money("AUD", "100")));
    }

    #[test]
    fn australia_domestic_ten_percent_inclusive_and_exclusive() {
        let inclusive = sums("AUD", true, &[("55.00", "10")]);
        assert_eq!((inclusive.net, inclusive.total), (money("AUD", "50"), money("AUD", "55")));
        let exclusive = sums("AUD", false, &[("50.00", "10")]);
        assert_eq!(
            (exclusive.taxes[0].tax, exclusive.total),
            (money("AUD", "5"), money("AUD", "55"))
        );
        // Half a cent goes away from zero: 0.05 × 10 % is 0.005.
        assert_eq!(sums("AUD", false, &[("0.05", "10")]).taxes[0].tax, money("AUD", "0.01"));
    }

    #[test]
    fn france_twenty_and_five_and_a_half_on_one_invoice() {
        let amounts = sums("EUR", false, &[("10.01", "20"), ("10.01", "5.5"), ("10.01", "20")]);
        let taxes: Vec<_> =
            amounts.taxes.iter().map(|tax_amount| (tax_amount.net, tax_amount.tax)).collect();
        // Tax is rounded once per rate on the sum of its lines: 20.02 × 20 % = 4.004.
        assert_eq!(
            taxes,
            [
                (money("EUR", "20.02"), money("EUR", "4")),
                (money("EUR", "10.01"), money("EUR", "0.55"))
            ]
        );
        assert_eq!(amounts.total, money("EUR", "34.58"));
    }

    #[test]
    fn three_notes_of_a_third_take_the_whole_tax() {
        let mut amounts = sums("AUD", true, &[("100.00", "10")]);
        assert_eq!(amounts.taxes[0].tax, money("AUD", "9.09"));
        let thirds = ["33.33", "33.33", "33.34"]
            .map(|part| credit(&mut amounts.taxes, money("AUD", part)).unwrap()[0].tax);
        assert_eq!(thirds, [money("AUD", "3.03"), money("AUD", "3.03"), money("AUD", "3.03")]);
        assert!(credit(&mut amounts.taxes, money("AUD", "0.01")).is_err(), "nothing is left");
    }

    proptest! {
        #[test]
        fn inclusive_and_exclusive_add_up(cents in prop::collection::vec((1_i64..1_000_000, 0_i64..3_000), 1..20), inclusive: bool) {
            let eur = Currency::parse("EUR").unwrap();
            let lines: Vec<_> = cents.iter().map(|(cents, rate)| {
                (Money::from_micros(eur, cents * 10_000), Rate { percent: Decimal::new(*rate, 2), sentence: String::new() })
            }).collect();
            let amounts = amounts(eur, inclusive, &lines).unwrap();
            let sum = lines.iter().fold(Money::zero(eur), |sum, (amount, _)| sum.plus(*amount).unwrap());
            let tax = amounts.taxes.iter().fold(Money::zero(eur), |sum, tax_amount| sum.plus(tax_amount.tax).unwrap());
            prop_assert_eq!(if inclusive { amounts.total } else { amounts.net }, sum);
            prop_assert_eq!(amounts.net.plus(tax).unwrap(), amounts.total);
        }

        #[test]
        fn credit_notes_sum_to_the_document(cents in prop::collection::vec((0_i64..100_000, 0_i64..3_000), 1..6), cuts in prop::collection::vec(1_i64..60_000, 0..8)) {
            let eur = Currency::parse("EUR").unwrap();
            let lines: Vec<_> = cents.iter().map(|(cents, rate)| {
                (Money::from_micros(eur, cents * 10_000), Rate { percent: Decimal::new(*rate, 2), sentence: String::new() })
            }).collect();
            let mut amounts = amounts(eur, false, &lines).unwrap();
            prop_assume!(amounts.total.is_positive());
            let mut left = amounts.total;
            for cut in cuts {
                let part = Money::from_micros(eur, cut * 10_000).min(left).unwrap();
                if part.is_zero() { break; }
                for tax_amount in credit(&mut amounts.taxes, part).unwrap() {
                    prop_assert!(!tax_amount.net.is_negative() && !tax_amount.tax.is_negative());
                }
                left = left.minus(part).unwrap();
            }
            if !left.is_zero() {
                credit(&mut amounts.taxes, left).unwrap();
            }
            for tax_amount in &amounts.taxes {
                prop_assert_eq!((tax_amount.credited_net, tax_amount.credited_tax), (tax_amount.net, tax_amount.tax));
            }
        }
    }
}
