//! What every store reads from columns the same way.

use crate::error::AppError;
use chrono::NaiveDate;
use payterms_kernel::{Currency, Money};

/// The currency of a row.
///
/// # Errors
/// `Fault` for a code that no currency has.
pub fn currency(code: &str) -> Result<Currency, AppError> {
    Currency::parse(code).ok_or_else(|| AppError::Fault(format!("a row in currency {code:?}")))
}

/// An amount of a row.
///
/// # Errors
/// `Fault` for a code that no currency has.
pub fn money(code: &str, micros: i64) -> Result<Money, AppError> {
    Ok(Money::from_micros(currency(code)?, micros))
}

/// A name that a column holds and no enum has.
#[must_use]
pub fn unknown(what: &str, name: &str) -> AppError {
    AppError::Fault(format!("a row with {what} {name:?}"))
}

/// A date of a column.
///
/// # Errors
/// `Fault` for a text that is none.
pub fn date(text: &str) -> Result<NaiveDate, AppError> {
    text.parse().map_err(|_| unknown("date", text))
}

/// Amounts as one column holds them, `CODE:millionths` with a blank between.
#[must_use]
pub fn amounts_text(amounts: &[Money]) -> String {
    amounts.iter().map(|own| format!("{}:{}", own.currency(), own.micros())).collect::<Vec<_>>().join(" ")
}

/// One of such amounts.
///
/// # Errors
/// `Fault` for a word that is none.
pub fn amount(word: &str) -> Result<Money, AppError> {
    let (code, micros) = word.split_once(':').ok_or_else(|| unknown("amount", word))?;
    money(code, micros.parse().map_err(|_| unknown("amount", word))?)
}
