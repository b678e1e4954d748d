//! References to metered services.

use payterms_invoicing_domain::{Customer, MeteredService, metered::Terms};
use payterms_kernel::{Id, TenantId};

/// Enables a service.
#[derive(Debug, Clone)]
pub struct EnableService {
    /// Who will use it.
    pub customer: Id<Customer>,
    /// On which terms.
    pub terms: Terms,
    /// Whether a member of the customer asks, who sets no terms.
    pub as_customer: bool,
}

/// Names a service of a customer.
#[derive(Debug, Clone)]
pub struct MeteredServiceRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The service.
    pub service: Id<MeteredService>,
}
