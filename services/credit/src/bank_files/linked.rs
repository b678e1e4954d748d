//! The stored form of statements of linked accounts: JSON.

use chrono::NaiveDate;
use payterms_chassis::AppError;
use payterms_credit_domain::bank::{
    Booking, BookingKind, Reference, ReferenceKind, Returned, Source, Statement, StatementId,
};
use payterms_kernel::Currency;
use serde::{Deserialize, Serialize};

/// A statement of a linked account, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredStatement {
    account: String,
    currency: String,
    covers: (NaiveDate, NaiveDate),
    closing: Option<i64>,
    bookings: Vec<StoredBooking>,
}

/// A booking, as it is stored. Older files have only the first five fields.
#[derive(Debug, Serialize, Deserialize)]
struct StoredBooking {
    day: NaiveDate,
    amount: i64,
    party: String,
    reference: String,
    returned: bool,
    #[serde(default)]
    whose: Option<Returned>,
    #[serde(default)]
    kind: BookingKind,
    #[serde(default)]
    text: String,
}

fn stored(booking: &Booking) -> StoredBooking {
    StoredBooking {
        day: booking.day,
        amount: booking.amount,
        party: booking.party.clone(),
        reference: booking
            .references
            .first()
            .map(|reference| reference.value.clone())
            .unwrap_or_default(),
        returned: booking.returned.is_some(),
        whose: booking.returned,
        kind: booking.kind,
        text: booking.text.clone(),
    }
}

fn booking(stored: StoredBooking) -> Booking {
    let reference = Reference { kind: ReferenceKind::Servicer, value: stored.reference };
    Booking {
        day: stored.day,
        amount: stored.amount,
        party: stored.party,
        text: stored.text,
        references: Some(reference)
            .filter(|reference| !reference.value.is_empty())
            .into_iter()
            .collect(),
        returned: stored.whose.or(stored.returned.then_some(Returned::Unstated)),
        kind: stored.kind,
        parts: Vec::new(),
    }
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
        bookings: statement.bookings.iter().map(stored).collect(),
    };
    serde_json::to_vec(&statements.iter().map(stored).collect::<Vec<_>>())
        .map_err(|error| AppError::Fault(error.to_string()))
}

/// Reads what was stored.
///
/// # Errors
/// `Fault` for content that is none of ours.
pub fn decode_linked(content: &[u8]) -> Result<Vec<Statement>, AppError> {
    let stored: Vec<StoredStatement> =
        serde_json::from_slice(content).map_err(|error| AppError::Fault(error.to_string()))?;
    let statement = |stored: StoredStatement| {
        let currency = Currency::parse(&stored.currency)
            .ok_or_else(|| AppError::Fault(format!("a currency {:?}", stored.currency)))?;
        let bookings = stored.bookings.into_iter().map(booking).collect();
        Ok(pulled(stored.account, currency, stored.covers, stored.closing, bookings))
    };
    stored.into_iter().map(statement).collect()
}

/// A pull of a linked account: the provider answers every booking of the days.
#[must_use]
pub fn pulled(
    account: String,
    currency: Currency,
    covers: (NaiveDate, NaiveDate),
    closing: Option<i64>,
    bookings: Vec<Booking>,
) -> Statement {
    let (source, id) = (Source::Link, StatementId::default());
    Statement {
        account,
        currency,
        source,
        id,
        covers,
        whole: true,
        closing,
        reports_returns: true,
        bookings,
    }
}
