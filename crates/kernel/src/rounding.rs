//! The one rounding of the suite: half away from zero (Australia's GST Act s 9-90, French use).

use rust_decimal::{Decimal, RoundingStrategy};

/// Rounds half away from zero at `decimals` digits after the point.
#[must_use]
pub fn half_away(value: Decimal, decimals: u32) -> Decimal {
    value.round_dp_with_strategy(decimals, RoundingStrategy::MidpointAwayFromZero)
}

/// The least multiple of one unit at `decimals` digits that is not below `value`.
#[must_use]
pub fn up(value: Decimal, decimals: u32) -> Decimal {
    value.round_dp_with_strategy(decimals, RoundingStrategy::ToPositiveInfinity)
}

/// The largest multiple of one unit at `decimals` digits that is not above `value`.
#[must_use]
pub fn down(value: Decimal, decimals: u32) -> Decimal {
    value.round_dp_with_strategy(decimals, RoundingStrategy::ToNegativeInfinity)
}

#[cfg(test)]
mod tests {
    use super::{down, half_away, up};
    use rust_decimal::Decimal;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn half_goes_away_from_zero_on_both_sides() {
        for (value, decimals, rounded) in [
            ("0.005", 2, "0.01"),
            ("-0.005", 2, "-0.01"),
            ("0.0049", 2, "0.00"),
            ("2.5", 0, "3"),
            ("-2.5", 0, "-3"),
            ("0.0000005", 6, "0.000001"),
        ] {
            assert_eq!(half_away(dec(value), decimals), dec(rounded), "{value}");
        }
    }

    #[test]
    fn up_and_down_enclose() {
        assert_eq!(up(dec("1.001"), 2), dec("1.01"));
        assert_eq!(up(dec("-1.009"), 2), dec("-1.00"));
        assert_eq!(down(dec("1.009"), 2), dec("1.00"));
        assert_eq!(down(dec("-1.001"), 2), dec("-1.01"));
    }
}
