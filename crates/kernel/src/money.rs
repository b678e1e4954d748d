//! Money: a currency and an exact decimal of at most six digits after the point.
//!
//! Every operation is checked: an overflow or a mix of currencies is an error, never a panic.
//! In databases money is a whole number of millionths ([`Money::micros`]); a decimal never
//! reaches a column.

use crate::{currency::Currency, rounding};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use std::{cmp::Ordering, fmt};

/// Digits after the point that a wallet entry, unit price or quantity may have.
pub const WALLET_DECIMALS: u32 = 6;

/// The largest magnitude of one amount, in whole units: what is larger is a mistake, and the
/// bound leaves room for sums inside 64 bits of millionths.
pub const MAX_UNITS: i64 = 100_000_000_000;

const MICROS_PER_UNIT: i64 = 1_000_000;

/// Why an operation on money has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The two amounts are of different currencies.
    #[error("amounts of {0} and {1} cannot be combined")]
    CurrencyMismatch(Currency, Currency),
    /// An amount is in one currency where another one is expected.
    #[error("the amount is in {0}, {1} is expected")]
    WrongCurrency(Currency, Currency),
    /// The result does not fit the ledger's columns.
    #[error("the amount is too large")]
    Overflow,
    /// The text or number has more digits after the point than its use allows.
    #[error("the amount has more than {0} digits after the point")]
    Precision(u32),
    /// The text is no plain decimal number.
    #[error("the amount is not a plain decimal number such as 12.50")]
    Malformed,
}

/// An exact amount of one currency. May be negative: a balance can be.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    currency: Currency,
    amount: Decimal,
}

impl Money {
    /// Nothing, in `currency`.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { currency, amount: Decimal::ZERO }
    }

    /// From a decimal of at most six digits after the point.
    ///
    /// # Errors
    /// `Precision` or `Overflow`; nothing is rounded.
    pub fn new(currency: Currency, amount: Decimal) -> Result<Self, MoneyError> {
        let amount = amount.normalize();
        if amount.scale() > WALLET_DECIMALS {
            return Err(MoneyError::Precision(WALLET_DECIMALS));
        }
        let money = Self { currency, amount };
        money.checked_micros().map(|_| money)
    }

    /// From millionths of the currency unit, as columns hold them.
    #[must_use]
    pub fn from_micros(currency: Currency, micros: i64) -> Self {
        Self { currency, amount: Decimal::new(micros, WALLET_DECIMALS).normalize() }
    }

    /// From a price times a quantity, rounded half away from zero once, at six digits.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn from_product(
        currency: Currency,
        price: Decimal,
        quantity: Decimal,
    ) -> Result<Self, MoneyError> {
        let product = price.checked_mul(quantity).ok_or(MoneyError::Overflow)?;
        Self::new(currency, rounding::half_away(product, WALLET_DECIMALS))
    }

    /// Parses the strict grammar `-?digits[.digits]`: no sign `+`, no exponent, no grouping, no
    /// white space, ASCII digits only, at most 19 before and 6 after the point.
    ///
    /// # Errors
    /// `Malformed`, `Precision` or `Overflow`.
    pub fn parse(currency: Currency, text: &str) -> Result<Self, MoneyError> {
        Self::new(currency, parse_decimal(text, WALLET_DECIMALS)?)
    }

    /// The currency.
    #[must_use]
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The decimal amount.
    #[must_use]
    pub fn amount(self) -> Decimal {
        self.amount
    }

    /// Millionths of the unit, as columns hold them.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.checked_micros().unwrap_or(i64::MAX)
    }

    fn checked_micros(self) -> Result<i64, MoneyError> {
        let micros =
            self.amount.checked_mul(Decimal::from(MICROS_PER_UNIT)).ok_or(MoneyError::Overflow)?;
        micros.to_i64().ok_or(MoneyError::Overflow)
    }

    /// Whether the amount is a whole number of minor units, as documents and charges must be.
    #[must_use]
    pub fn is_at_minor_unit(self) -> bool {
        self.amount.scale() <= self.currency.exponent()
    }

    /// Rounded half away from zero at the minor unit.
    #[must_use]
    pub fn round_to_minor_unit(self) -> Self {
        Self {
            amount: rounding::half_away(self.amount, self.currency.exponent()).normalize(),
            ..self
        }
    }

    /// Rounded down (towards minus infinity) to the minor unit.
    #[must_use]
    pub fn round_down_to_minor_unit(self) -> Self {
        Self { amount: rounding::down(self.amount, self.currency.exponent()).normalize(), ..self }
    }

    /// Rounded up (towards plus infinity) to the minor unit.
    #[must_use]
    pub fn round_up_to_minor_unit(self) -> Self {
        Self { amount: rounding::up(self.amount, self.currency.exponent()).normalize(), ..self }
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub fn is_positive(self) -> bool {
        self.amount > Decimal::ZERO
    }

    /// Whether the amount is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.amount < Decimal::ZERO
    }

    /// Whether the amount is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.amount.is_zero()
    }

    /// The same amount with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { amount: -self.amount, ..self }
    }

    /// The sum.
    ///
    /// # Errors
    /// `CurrencyMismatch` or `Overflow`.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let sum = self.amount.checked_add(other.amount).ok_or(MoneyError::Overflow)?;
        Self::new(self.currency, sum)
    }

    /// The difference.
    ///
    /// # Errors
    /// `CurrencyMismatch` or `Overflow`.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.negated())
    }

    /// The smaller of two amounts.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn min(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(other)? == Ordering::Greater { other } else { self })
    }

    /// The larger of two amounts.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn max(self, other: Self) -> Result<Self, MoneyError> {
        Ok(if self.compare(other)? == Ordering::Less { other } else { self })
    }

    /// Orders two amounts of one currency.
    ///
    /// # Errors
    /// `CurrencyMismatch`.
    pub fn compare(self, other: Self) -> Result<Ordering, MoneyError> {
        self.same_currency(other)?;
        Ok(self.amount.cmp(&other.amount))
    }

    /// The amount for people to read: `1,100.00 USD`.
    #[must_use]
    pub fn grouped(self) -> String {
        let plain = self.to_string();
        let (amount, code) = plain.split_once(' ').unwrap_or((plain.as_str(), ""));
        format!("{} {code}", group_digits(amount, ',', '.'))
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }
}

/// A plain decimal with its digits before the point in groups of three.
#[must_use]
pub fn group_digits(plain: &str, group: char, point: char) -> String {
    let (sign, plain) = plain.strip_prefix('-').map_or(("", plain), |rest| ("-", rest));
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let mut grouped = String::from(sign);
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && whole.len().saturating_sub(place).is_multiple_of(3) {
            grouped.push(group);
        }
        grouped.push(digit);
    }
    if !fraction.is_empty() {
        grouped.push(point);
        grouped.push_str(fraction);
    }
    grouped
}

/// Parses a plain decimal by the strict grammar of [`Money::parse`].
///
/// # Errors
/// `Malformed`, `Precision` (more than `decimals` after the point) or `Overflow`.
pub fn parse_decimal(text: &str, decimals: u32) -> Result<Decimal, MoneyError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return Err(MoneyError::Malformed),
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return Err(MoneyError::Malformed);
    }
    if fraction.trim_end_matches('0').len() > decimals as usize {
        return Err(MoneyError::Precision(decimals));
    }
    if whole.len() > 19 || fraction.len() > 28 {
        return Err(if fraction.len() > 28 {
            MoneyError::Precision(decimals)
        } else {
            MoneyError::Overflow
        });
    }
    let significant = fraction.trim_end_matches('0');
    let sign = if text.starts_with('-') { "-" } else { "" };
    let dot = if significant.is_empty() { "" } else { "." };
    Decimal::from_str_exact(&format!("{sign}{whole}{dot}{significant}"))
        .map_err(|_| MoneyError::Overflow)
}

impl fmt::Display for Money {
    /// The amount with at least the currency's minor digits, then the code: `20.00 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.amount;
        if shown.scale() < self.currency.exponent() {
            shown.rescale(self.currency.exponent());
        }
        write!(f, "{shown} {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
#[path = "money_tests.rs"]
mod tests;
