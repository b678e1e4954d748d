//! Validation of amounts, currencies and decimals in requests.

use crate::wire::fields::Fields;
use payterms_kernel::{
    Currency, Money, Reason,
    money::{MAX_UNITS, MoneyError, WALLET_DECIMALS, parse_decimal},
};
use payterms_proto::google::r#type as google;
use rust_decimal::Decimal;

/// The precision that an amount may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// The currency's minor unit: documents, charges, top-ups.
    MinorUnit,
    /// Six decimals: entries, unit prices, quantities.
    Wallet,
}

/// The side of zero that an amount may be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Positive,
    Either,
}

impl Fields {
    /// A positive amount.
    pub fn money(&mut self, field: &str, money: Option<&google::Money>, digits: Digits) -> Money {
        self.amount(field, money, digits, Sign::Positive)
    }

    /// An amount above or below zero.
    pub fn signed_money(
        &mut self,
        field: &str,
        money: Option<&google::Money>,
        digits: Digits,
    ) -> Money {
        self.amount(field, money, digits, Sign::Either)
    }

    fn amount(
        &mut self,
        field: &str,
        money: Option<&google::Money>,
        digits: Digits,
        sign: Sign,
    ) -> Money {
        let nothing = Money::zero(fallback_currency());
        let Some(money) = money else {
            self.wrong(field, Reason::FIELD_REQUIRED, "Set an amount.");
            return nothing;
        };
        let currency = self.currency(&format!("{field}.currency_code"), &money.currency_code);
        if money.nanos.unsigned_abs() > 999_999_999
            || (money.units > 0 && money.nanos < 0)
            || (money.units < 0 && money.nanos > 0)
        {
            self.wrong(
                field,
                Reason::AMOUNT_OUT_OF_RANGE,
                "Units and nanos must agree in sign, nanos below a whole unit.",
            );
        } else if money.units.checked_abs().is_none_or(|units| units > MAX_UNITS) {
            self.wrong(
                field,
                Reason::AMOUNT_OUT_OF_RANGE,
                format!("Use at most {MAX_UNITS} units."),
            );
        } else if sign == Sign::Positive
            && (money.units < 0 || money.nanos < 0 || (money.units == 0 && money.nanos == 0))
        {
            self.wrong(field, Reason::AMOUNT_NOT_POSITIVE, "Use an amount above zero.");
        } else if money.units == 0 && money.nanos == 0 {
            self.wrong(field, Reason::FIELD_OUT_OF_RANGE, "Use an amount other than zero.");
        } else {
            let amount = Decimal::from(money.units)
                .checked_add(Decimal::new(i64::from(money.nanos), 9))
                .unwrap_or_default();
            let most =
                if digits == Digits::MinorUnit { currency.exponent() } else { WALLET_DECIMALS };
            match Money::new(currency, amount) {
                Ok(money) if amount.normalize().scale() <= most => return money,
                _ => self.wrong(
                    field,
                    Reason::AMOUNT_PRECISION,
                    format!("Use at most {most} digits after the point."),
                ),
            }
        }
        nothing
    }

    /// A currency code.
    pub fn currency(&mut self, field: &str, code: &str) -> Currency {
        Currency::parse(code).unwrap_or_else(|| {
            self.wrong(field, Reason::CURRENCY_UNSUPPORTED, "Use an ISO 4217 code such as USD.");
            fallback_currency()
        })
    }

    /// A decimal in `least..=most` with at most `decimals` digits after the point.
    pub fn decimal(
        &mut self,
        field: &str,
        decimal: Option<&google::Decimal>,
        decimals: u32,
        least: Decimal,
        most: Decimal,
    ) -> Decimal {
        let Some(decimal) = decimal else {
            self.wrong(field, Reason::FIELD_REQUIRED, "Set a number.");
            return Decimal::ZERO;
        };
        match parse_decimal(&decimal.value, decimals) {
            Ok(value) if value >= least && value <= most => return value,
            Ok(_) | Err(MoneyError::Overflow) => self.wrong(
                field,
                Reason::FIELD_OUT_OF_RANGE,
                format!("Use a number from {least} to {most}."),
            ),
            Err(MoneyError::Precision(_)) => {
                self.wrong(
                    field,
                    Reason::AMOUNT_PRECISION,
                    format!("Use at most {decimals} digits after the point."),
                );
            }
            Err(_) => self.wrong(
                field,
                Reason::AMOUNT_MALFORMED,
                "Write a plain decimal number such as 12.5.",
            ),
        }
        Decimal::ZERO
    }
}

/// Stands in for a malformed currency. The request is refused before the value is used.
fn fallback_currency() -> Currency {
    #[expect(clippy::expect_used, reason = "a constant code; a test of the kernel parses it")]
    Currency::parse("USD").expect("USD is a currency")
}
