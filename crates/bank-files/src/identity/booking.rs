//! Bookings as they are compared: those of a statement with what it says of itself, and those that
//! are known.

use crate::model::{Reference, ReferenceKind};
use chrono::NaiveDate;

/// A booking of the statement that is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Booking {
    /// The day.
    pub day: NaiveDate,
    /// What came in, or went out below zero, in millionths.
    pub amount: i64,
    /// Who paid, or was paid.
    pub party: String,
    /// What else was written on it.
    pub text: String,
    /// Its references.
    pub references: Vec<Reference>,
}

/// What a statement says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The format, or who told it: two of them may name one thing differently.
    pub source: String,
    /// Equal where the same statement was sent twice; empty: nothing identifies it.
    pub fingerprint: String,
    /// The first and the last day that it covers.
    pub covers: Option<(NaiveDate, NaiveDate)>,
    /// Whether it holds every booking of each of these days.
    pub whole: bool,
}

impl Claim {
    /// Whether it holds every booking of a day.
    pub(super) fn holds(&self, day: NaiveDate) -> bool {
        self.whole && self.covers.is_some_and(|(from, to)| from <= day && day <= to)
    }
}

/// A reference of a booking that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenReference {
    /// Who gave it.
    pub kind: ReferenceKind,
    /// The reference, in capitals and digits.
    pub value: String,
    /// The source of a statement in which it occurs once; none: of no statement.
    pub unique_in: Option<String>,
}

/// A booking that is known, whatever number of statements hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The day.
    pub day: NaiveDate,
    /// What came in, or went out below zero, in millionths.
    pub amount: i64,
    /// Who paid, or was paid.
    pub party: String,
    /// What else was written on it.
    pub text: String,
    /// Its references.
    pub references: Vec<SeenReference>,
    /// Fingerprints of the statements that hold it, the last of them.
    pub statements: Vec<String>,
    /// Whether one of them holds every booking of the day.
    pub whole: bool,
}
