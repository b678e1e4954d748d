//! What is open of a customer's invoices.

use chrono::NaiveDate;
use payterms_kernel::Money;

/// What is open in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outstanding {
    /// What is left to pay.
    pub open: Money,
    /// The part of it that is past due.
    pub past_due: Money,
    /// What open payments have reserved.
    pub pending: Money,
    /// How many invoices.
    pub count: i64,
    /// How many of them are past due.
    pub past_due_count: i64,
    /// The next due date.
    pub next_due: Option<NaiveDate>,
}
