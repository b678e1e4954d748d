//! Credit notes: documents that take a part or all off an invoice and never change.

use crate::{invoice::Invoice, tax::TaxAmount};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money};

/// A credit note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditNote {
    /// Its id.
    pub id: Id<CreditNote>,
    /// What it takes off from.
    pub invoice: Id<Invoice>,
    /// Its number.
    pub number: String,
    /// When it was issued.
    pub issue_date: NaiveDate,
    /// What it takes off, tax included.
    pub amount: Money,
    /// The part of each rate.
    pub taxes: Vec<TaxAmount>,
    /// What a person wrote, or the code of why the suite itself issued it.
    pub explanation: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}
