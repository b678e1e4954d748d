//! What is asked of top-ups by transfer.

use payterms_invoicing_domain::TopUp;

/// Whom an invoice is made out to, and who asks.
#[derive(Debug, Clone)]
pub struct RaiseTopUp {
    /// Whom it is made out to; its tax and bank details are the tenant's.
    pub top_up: TopUp,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
