//! What is asked of top-ups by transfer.

use payterms_invoicing_domain::{Customer, TopUp};
use payterms_kernel::{Id, Money};

/// Sells credit by transfer.
#[derive(Debug, Clone)]
pub struct RaiseTopUp {
    /// Who buys.
    pub customer: Id<Customer>,
    /// How much credit.
    pub amount: Money,
    /// Whom it is made out to; its tax and bank details are the tenant's.
    pub top_up: TopUp,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
