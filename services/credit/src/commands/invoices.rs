//! What credit follows of invoices.

use chrono::NaiveDate;
use payterms_credit_domain::{Customer, Invoice, draw::Figures};
use payterms_kernel::{Id, Money};

/// How an invoice stands.
#[derive(Debug, Clone)]
pub struct FollowInvoice {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// What decides on a draw that defers it.
    pub figures: Figures,
    /// What is paid of it.
    pub paid: Money,
    /// The effective day of the last payment that stands.
    pub last_paid_on: Option<NaiveDate>,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// The name of the payment plan that holds it, if one does.
    pub plan: Option<String>,
    /// Whether it sells credit.
    pub is_top_up: bool,
    /// Whether it was taken back.
    pub is_void: bool,
    /// The name of the draw that defers it; none: it is not deferred.
    pub draw: Option<String>,
}
