//! References to statements.

use payterms_invoicing_domain::{Customer, Statement};
use payterms_kernel::{Id, TenantId};

/// Names a statement.
#[derive(Debug, Clone)]
pub struct StatementRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The statement.
    pub statement: Id<Statement>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
