//! Statements: what a customer owed at the beginning of a month, what came to it, and what is left
//! (docs/domain/invoicing.md#statement).

use crate::{customer::Customer, invoice::Invoice, invoice::InvoiceState};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, Money, money::MoneyError};

/// What changes what a customer owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// An invoice was issued.
    Issued,
    /// A credit note or a void took something off.
    Credited,
    /// Something was written off, or that was reversed.
    WrittenOff,
    /// Something was paid, or given back.
    Paid,
}

impl Movement {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Issued, Self::Credited, Self::WrittenOff, Self::Paid];

    /// The name in columns.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Issued => "ISSUED",
            Self::Credited => "CREDITED",
            Self::WrittenOff => "WRITTEN_OFF",
            Self::Paid => "PAID",
        }
    }

    /// How much of it an invoice has seen in all.
    #[must_use]
    pub fn of(self, invoice: &Invoice) -> Money {
        let issued = invoice.state != InvoiceState::Draft;
        match self {
            Self::Issued if issued => invoice.amounts.total,
            Self::Credited if issued => invoice.credited,
            Self::WrittenOff if issued => invoice.written_off,
            Self::Paid if issued => invoice.paid,
            _ => Money::zero(invoice.currency),
        }
    }
}

/// The movements of a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// What was invoiced.
    pub issued: Money,
    /// What was credited.
    pub credited: Money,
    /// What was written off, less what of that was reversed.
    pub written_off: Money,
    /// What was paid, less what was given back.
    pub paid: Money,
}

impl Moved {
    /// Nothing.
    #[must_use]
    pub fn nothing(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self { issued: zero, credited: zero, written_off: zero, paid: zero }
    }
}

/// A statement of one month and currency; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its id.
    pub id: Id<Statement>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// First day of the month.
    pub month: NaiveDate,
    /// What was owed when it began: the closing of the one before.
    pub opening: Money,
    /// What came to it.
    pub moved: Moved,
    /// What is owed at its end.
    pub closing: Money,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Statement {
    /// Draws a month up.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn draw_up(
        id: Id<Self>,
        (customer, month): (Id<Customer>, NaiveDate),
        opening: Money,
        moved: Moved,
        now: DateTime<Utc>,
    ) -> Result<Self, MoneyError> {
        let closing = opening.plus(moved.issued)?.minus(moved.credited)?.minus(moved.written_off)?.minus(moved.paid)?;
        Ok(Self { id, customer, month, opening, moved, closing, created_at: now })
    }

    /// The currency of all amounts.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.closing.currency()
    }
}
