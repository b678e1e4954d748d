//! Amounts as Stripe writes them: whole numbers of the smallest unit, which for a few currencies is
//! not that of ISO 4217.

use super::super::Unknown;
use payterms_kernel::{Currency, Money};
use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Digits after the point.
fn exponent(currency: Currency) -> u32 {
    match currency.code() {
        // Stripe keeps two digits of these, which have none any more.
        "ISK" | "UGX" => 2,
        // Stripe takes no fraction of an ariary.
        "MGA" => 0,
        _ => currency.exponent(),
    }
}

/// The smallest units; `None` where the amount is no whole number of what Stripe takes: of a
/// currency with three digits it wants the last to be 0.
pub(super) fn of_money(money: Money) -> Option<i64> {
    let factor = Decimal::from(10_i64.checked_pow(exponent(money.currency()))?);
    let units = money.amount().checked_mul(factor)?.normalize();
    let units = units.is_integer().then(|| units.to_i64()).flatten()?;
    (exponent(money.currency()) < 3 || units % 10 == 0).then_some(units)
}

/// The amount.
pub(super) fn to_money(code: &str, units: i64) -> Result<Money, Unknown> {
    let currency = Currency::parse(&code.to_ascii_uppercase())
        .ok_or_else(|| Unknown(format!("a currency {code:?}")))?;
    Money::new(currency, Decimal::new(units, exponent(currency)).normalize())
        .map_err(|error| Unknown(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{of_money, to_money};
    use payterms_kernel::{Currency, Money};

    #[test]
    fn amounts_go_there_and_back() {
        let money =
            |code: &str, text: &str| Money::parse(Currency::parse(code).unwrap(), text).unwrap();
        for (code, text, units) in [
            ("USD", "20.05", 2_005),
            ("EUR", "0.01", 1),
            ("JPY", "500", 500),
            ("KWD", "1.230", 1_230),
            ("ISK", "500", 50_000),
            ("UGX", "7", 700),
            ("MGA", "300", 300),
        ] {
            assert_eq!(of_money(money(code, text)), Some(units), "{code}");
            assert_eq!(to_money(&code.to_lowercase(), units).unwrap(), money(code, text), "{code}");
        }
        assert_eq!(of_money(money("USD", "0.001")), None);
        assert_eq!(of_money(money("KWD", "1.234")), None, "Stripe refuses it");
        assert_eq!(of_money(money("MGA", "0.5")), None);
        assert!(to_money("xxq", 1).is_err());
    }
}
