//! What is asked of ageing.

use chrono::NaiveDate;
use payterms_chassis::page::Page;
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, TenantId};

/// Asks for what customers owe by how long it is past due.
#[derive(Debug, Clone)]
pub struct ListAgeing {
    /// The tenant.
    pub tenant: TenantId,
    /// Only of this customer; none: of all.
    pub customer: Option<Id<Customer>>,
    /// At the end of which day of the tenant; none: now.
    pub as_of: Option<NaiveDate>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
    /// The page.
    pub page: Page,
}
