//! References to metered services.

use payterms_invoicing_domain::{Customer, MeteredService};
use payterms_kernel::{Id, TenantId};

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
