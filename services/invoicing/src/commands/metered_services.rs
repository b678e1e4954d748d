//! References to metered services.

use payterms_invoicing_domain::{Customer, MeteredService};
use payterms_kernel::{Id, TenantId};

/// Names a service of a customer.
pub type MeteredServiceRef = (TenantId, Id<Customer>, Id<MeteredService>);
