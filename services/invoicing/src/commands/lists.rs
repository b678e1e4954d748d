//! Lists of what customers have.

use payterms_chassis::listing::Listing;
use payterms_invoicing_domain::{Customer, Invoice};
use payterms_kernel::{Id, TenantId};

/// Asks for what a customer has, or all customers.
#[derive(Debug, Clone)]
pub struct ListOfCustomers {
    /// The tenant.
    pub tenant: TenantId,
    /// Only of this customer; none: of all.
    pub customer: Option<Id<Customer>>,
    /// Whether a member of the customer asks: hidden invoices are not for them.
    pub as_customer: bool,
    /// What else must hold, the order and the page.
    pub listing: Listing,
}

/// Asks for what was made of invoices.
#[derive(Debug, Clone)]
pub struct ListOfInvoices {
    /// Of whose.
    pub of: ListOfCustomers,
    /// Only of this invoice; none: of all.
    pub invoice: Option<Id<Invoice>>,
}
