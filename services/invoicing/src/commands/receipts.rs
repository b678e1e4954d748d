//! References to receipts.

use payterms_invoicing_domain::{Customer, Receipt};
use payterms_kernel::{Id, TenantId};

/// Names a receipt.
#[derive(Debug, Clone)]
pub struct ReceiptRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The receipt.
    pub receipt: Id<Receipt>,
}
