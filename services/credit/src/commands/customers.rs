//! Which customer.

use payterms_credit_domain::Customer;
use payterms_kernel::{Id, TenantId};

/// Names a customer.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}
