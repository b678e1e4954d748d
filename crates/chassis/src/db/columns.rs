//! Conversions of columns that all stores share.

use crate::wire::error::{AppError, corrupt};
use chrono::NaiveDate;
use payterms_kernel::{Currency, DatedAmount, Money, Side, calendar::PaymentTerm};

/// The currency of a row.
///
/// # Errors
/// `Corrupt` for a code that no currency has.
pub fn currency(code: &str) -> Result<Currency, AppError> {
    Currency::parse(code).ok_or_else(|| unknown("currency", code))
}

/// An amount of a row.
///
/// # Errors
/// `Corrupt` for a code that no currency has.
pub fn money(code: &str, micros: i64) -> Result<Money, AppError> {
    Ok(Money::from_micros(currency(code)?, micros))
}

/// The error for a name in a column that is no value of its enum.
#[must_use]
pub fn unknown(what: &str, name: &str) -> AppError {
    corrupt(format!("{what} {name:?}"))
}

/// A date of a column.
///
/// # Errors
/// `Corrupt` for a text that is no date.
pub fn date(text: &str) -> Result<NaiveDate, AppError> {
    text.parse().map_err(|_| unknown("date", text))
}

/// Amounts in the form of a column: `CODE:millionths`, separated by blanks.
#[must_use]
pub fn amounts_text(amounts: &[Money]) -> String {
    amounts
        .iter()
        .map(|amount| format!("{}:{}", amount.currency(), amount.micros()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Parses one word of [`amounts_text`].
///
/// # Errors
/// `Corrupt` for a word that is no amount.
pub fn amount(word: &str) -> Result<Money, AppError> {
    let (code, micros) = word.split_once(':').ok_or_else(|| unknown("amount", word))?;
    money(code, micros.parse().map_err(|_| unknown("amount", word))?)
}

/// Amounts by day in the form of a column: `date:millionths`, separated by blanks. Their currency
/// is that of the row.
#[must_use]
pub fn dated_amounts_text(amounts: &[DatedAmount]) -> String {
    amounts
        .iter()
        .map(|dated| format!("{}:{}", dated.on, dated.amount.micros()))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Parses the column of [`dated_amounts_text`], whatever its order.
///
/// # Errors
/// `Corrupt` for a text that holds something else.
pub fn dated_amounts(currency: Currency, text: &str) -> Result<Vec<DatedAmount>, AppError> {
    let parse = |word: &str| {
        let (on, micros) = word.split_once(':').ok_or_else(|| unknown("dated amount", word))?;
        let micros = micros.parse().map_err(|_| unknown("dated amount", word))?;
        Ok(DatedAmount { on: date(on)?, amount: Money::from_micros(currency, micros) })
    };
    let mut amounts = text.split_whitespace().map(parse).collect::<Result<Vec<_>, AppError>>()?;
    amounts.sort_unstable_by_key(|dated| dated.on);
    Ok(amounts)
}

/// A payment term as two columns: its name and its days.
#[must_use]
pub fn term_columns(term: PaymentTerm) -> (&'static str, i64) {
    match term {
        PaymentTerm::NetDays(days) => ("NET_DAYS", days.into()),
        PaymentTerm::NetDaysEndOfMonth(days) => ("NET_DAYS_END_OF_MONTH", days.into()),
        PaymentTerm::EndOfMonthNetDays(days) => ("END_OF_MONTH_NET_DAYS", days.into()),
        PaymentTerm::EndOfFollowingMonth => ("END_OF_FOLLOWING_MONTH", 0),
    }
}

/// A payment term of two columns.
///
/// # Errors
/// `Corrupt` for a name that is none.
pub fn term(kind: &str, days: i64) -> Result<PaymentTerm, AppError> {
    let days = u16::try_from(days).unwrap_or_default();
    Ok(match kind {
        "NET_DAYS" => PaymentTerm::NetDays(days),
        "NET_DAYS_END_OF_MONTH" => PaymentTerm::NetDaysEndOfMonth(days),
        "END_OF_MONTH_NET_DAYS" => PaymentTerm::EndOfMonthNetDays(days),
        "END_OF_FOLLOWING_MONTH" => PaymentTerm::EndOfFollowingMonth,
        other => return Err(unknown("term", other)),
    })
}

/// A side by its name.
///
/// # Errors
/// `Corrupt` for a name that is none.
pub fn side(name: &str) -> Result<Side, AppError> {
    Side::named(name).ok_or_else(|| unknown("side", name))
}
