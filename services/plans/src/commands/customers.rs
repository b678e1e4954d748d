//! References to customers.

use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::Customer;

/// Names a customer.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}
