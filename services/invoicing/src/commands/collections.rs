//! What is asked of collections and blocks.

use chrono::{DateTime, NaiveDate, Utc};
use payterms_invoicing_domain::{Customer, Invoice};
use payterms_kernel::{Id, Money};

/// What an owner believes to be open of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedOpen {
    /// Whatever.
    Anything,
    /// At most so much.
    AtMost(Money),
    /// Nothing.
    Nothing,
}

/// What an owner blocks or lets go.
#[derive(Debug, Clone)]
pub struct OwnerInvoices {
    /// Whose invoices they are.
    pub customer: Id<Customer>,
    /// Who alone lifts the blocks.
    pub owner: String,
    /// The invoices, with what their owner believes to be open.
    pub invoices: Vec<(Id<Invoice>, ExpectedOpen)>,
    /// The day of a breach that lets go of them, and whether all is due at once.
    pub breach: Option<(NaiveDate, bool)>,
}

/// What an owner collects.
#[derive(Debug, Clone)]
pub struct CollectForOwner {
    /// Whose invoices they are.
    pub customer: Id<Customer>,
    /// Whose block stands.
    pub owner: String,
    /// The invoices.
    pub invoices: Vec<Id<Invoice>>,
    /// How much.
    pub amount: Money,
    /// How much falls due later.
    pub later: Option<Money>,
    /// The owner's word for the try.
    pub reference: String,
    /// When the customer got its notice.
    pub notified_at: Option<DateTime<Utc>>,
}
