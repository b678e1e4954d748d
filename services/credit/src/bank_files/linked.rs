//! The stored form of statements of linked accounts: JSON.

use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_credit_domain::bank::{Booking, Statement};
use payterms_kernel::Currency;
use serde::{Deserialize, Serialize};

/// A statement of a linked account, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredStatement {
    account: String,
    currency: String,
    covers: (NaiveDate, NaiveDate),
    closing: Option<i64>,
    bookings: Vec<Booking>,
}

/// What is stored of linked accounts that were read.
///
/// # Errors
/// `Fault` for what has no JSON.
pub fn encode_linked(statements: &[Statement]) -> Result<Vec<u8>, AppError> {
    let stored = |statement: &Statement| StoredStatement {
        account: statement.account.clone(),
        currency: statement.currency.code().to_owned(),
        covers: statement.covers,
        closing: statement.closing,
        bookings: statement.bookings.clone(),
    };
    serde_json::to_vec(&statements.iter().map(stored).collect::<Vec<_>>()).map_err(|error| AppError::Fault(error.to_string()))
}

/// Reads what was stored.
///
/// # Errors
/// `Fault` for content that is none of ours.
pub fn decode_linked(content: &[u8]) -> Result<Vec<Statement>, AppError> {
    let stored: Vec<StoredStatement> = serde_json::from_slice(content).map_err(|error| AppError::Fault(error.to_string()))?;
    let statement = |stored: StoredStatement| {
        let currency = Currency::parse(&stored.currency).ok_or_else(|| AppError::Fault(format!("a currency {:?}", stored.currency)))?;
        Ok(Statement { account: stored.account, currency, covers: stored.covers, closing: stored.closing, bookings: stored.bookings })
    };
    stored.into_iter().map(statement).collect()
}
