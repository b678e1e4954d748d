//! What is asked of approvals.

use super::invoices::InvoiceRef;
use payterms_invoicing_domain::Approval;
use payterms_kernel::{Id, Money};

/// Proposes what takes a second person.
#[derive(Debug, Clone)]
pub struct ProposeApproval {
    /// The invoice that it is about.
    pub invoice: InvoiceRef,
    /// The amount of a credit note; none: a write-off of what is open.
    pub credit: Option<Money>,
    /// Why.
    pub explanation: String,
}

/// Says yes or no.
#[derive(Debug, Clone)]
pub struct DecideApproval {
    /// Which.
    pub approval: Id<Approval>,
    /// Whether it is approved.
    pub approve: bool,
    /// Why, or why not.
    pub explanation: String,
}
