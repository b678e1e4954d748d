//! Tables and properties of [`super::Money`].
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{Money, MoneyError, parse_decimal};
use crate::currency::Currency;
use proptest::prelude::*;
use rust_decimal::Decimal;

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

#[test]
fn the_grammar_takes_plain_decimals_only() {
    for bad in [
        "NaN", "Infinity", "1e400", "1e10", "1_000", "+5", "", "0x10", " 1", "1 ", "1,5", "٣", ".",
        "1.", ".5", "-", "--1", "1.2.3",
    ] {
        assert_eq!(Money::parse(usd(), bad), Err(MoneyError::Malformed), "{bad:?}");
    }
    assert_eq!(Money::parse(usd(), "1.0000001"), Err(MoneyError::Precision(6)));
    assert_eq!(Money::parse(usd(), "123456789012345678901234567890123"), Err(MoneyError::Overflow));
    assert_eq!(Money::parse(usd(), "1.50").unwrap().micros(), 1_500_000);
    assert_eq!(Money::parse(usd(), "-0.000001").unwrap().micros(), -1);
    assert_eq!(Money::parse(usd(), "1.00000000000000").unwrap().micros(), 1_000_000);
}

#[test]
fn the_edges_of_the_column_are_errors_not_panics() {
    let most = Money::from_micros(usd(), i64::MAX);
    assert_eq!(most.plus(Money::from_micros(usd(), 1)), Err(MoneyError::Overflow));
    assert_eq!(
        Money::from_micros(usd(), i64::MIN).minus(Money::from_micros(usd(), 1)),
        Err(MoneyError::Overflow)
    );
    assert_eq!(Money::new(usd(), Decimal::MAX), Err(MoneyError::Overflow));
    assert_eq!(Money::from_product(usd(), Decimal::MAX, Decimal::MAX), Err(MoneyError::Overflow));
}

#[test]
fn currencies_never_mix() {
    let yen = Money::zero(Currency::parse("JPY").unwrap());
    assert!(matches!(Money::zero(usd()).plus(yen), Err(MoneyError::CurrencyMismatch(..))));
    assert!(matches!(Money::zero(usd()).compare(yen), Err(MoneyError::CurrencyMismatch(..))));
}

#[test]
fn the_minor_unit_is_the_currencys() {
    for (code, text, at_unit, up) in [
        ("USD", "1.001", false, "1.01"),
        ("JPY", "1.5", false, "2"),
        ("BHD", "1.001", true, "1.001"),
        ("BHD", "1.0001", false, "1.002"),
    ] {
        let money = Money::parse(Currency::parse(code).unwrap(), text).unwrap();
        assert_eq!(money.is_at_minor_unit(), at_unit, "{text} {code}");
        let expected = Money::parse(money.currency(), up).unwrap();
        if !at_unit && code != "BHD" {
            assert_eq!(money.round_up_to_minor_unit(), expected);
        }
    }
    assert_eq!(Money::parse(usd(), "20").unwrap().to_string(), "20.00 USD");
    assert_eq!(Money::parse(usd(), "0.000125").unwrap().to_string(), "0.000125 USD");
    for (plain, read) in
        [("1100", "1,100.00 USD"), ("-1234567.5", "-1,234,567.50 USD"), ("999", "999.00 USD")]
    {
        assert_eq!(Money::parse(usd(), plain).unwrap().grouped(), read);
    }
    assert_eq!(
        Money::parse(Currency::parse("JPY").unwrap(), "11000").unwrap().grouped(),
        "11,000 JPY"
    );
}

proptest! {
    #[test]
    fn micros_survive_the_round_trip(micros in any::<i64>()) {
        prop_assert_eq!(Money::from_micros(usd(), micros).micros(), micros);
    }

    #[test]
    fn addition_is_that_of_integers(a in any::<i64>(), b in any::<i64>()) {
        let sum = Money::from_micros(usd(), a).plus(Money::from_micros(usd(), b)).ok().map(Money::micros);
        prop_assert_eq!(sum, a.checked_add(b));
    }

    #[test]
    fn text_survives_the_round_trip(micros in any::<i64>()) {
        let money = Money::from_micros(usd(), micros);
        let shown = money.to_string();
        let text = shown.trim_end_matches(" USD");
        prop_assert_eq!(Money::parse(usd(), text), Ok(money));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = parse_decimal(&text, 6);
    }
}
