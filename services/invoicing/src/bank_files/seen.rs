//! What is known of bookings, and what a file adds to it.

use payterms_bank_files::{Place, identity::Seen};
use payterms_invoicing_domain::{BankLine, bank::Shown};
use payterms_kernel::{Currency, Id};
use std::collections::BTreeSet;

/// An account in one currency.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// As it is compared.
    pub key: String,
    /// Its currency.
    pub currency: Currency,
}

/// A booking, by its first line.
#[derive(Debug, Clone)]
pub struct StoredBooking {
    /// The line.
    pub line: Id<BankLine>,
    /// What is known of it.
    pub known: Seen,
}

impl StoredBooking {
    /// A line that is a part of a booking, and none by itself.
    #[must_use]
    pub fn part(line: Id<BankLine>, shown: &Shown) -> Self {
        let known = Seen {
            day: shown.booked_on,
            amount: 0,
            party: String::new(),
            text: String::new(),
            references: Vec::new(),
            statements: Vec::new(),
            whole: false,
        };
        Self { line, known }
    }
}

/// What a file adds to what is known.
#[derive(Debug, Default)]
pub struct Taken {
    /// The lines that have the reference of the transfer back that they may be.
    pub named_refunds: BTreeSet<Id<BankLine>>,
    /// Lines that are new, in the file's order.
    pub lines: Vec<BankLine>,
    /// Entries that are known lines.
    pub duplicates: Vec<(Place, Id<BankLine>)>,
    /// The bookings that are new, or known in more detail now.
    pub bookings: Vec<StoredBooking>,
}
