//! References to customers.

use payterms_kernel::{Id, TenantId};
use payterms_wallet_domain::Customer;

/// A customer that a request names.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}

impl CustomerRef {
    /// The customer's name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("tenants/{}/customers/{}", self.tenant, self.customer)
    }
}
