//! What is asked of customers.

use payterms_invoicing_domain::{Address, Contact, Customer, TaxNumberState};
use payterms_kernel::{Id, Marks, TenantId};

/// What a customer is given.
#[derive(Debug, Clone)]
pub struct CustomerFields {
    /// Registered name.
    pub legal_name: String,
    /// Billing address.
    pub address: Option<Address>,
    /// Where documents go.
    pub billing_email: String,
    /// Where it is taxed.
    pub country: String,
    /// Tax number.
    pub tax_id: String,
    /// Tier.
    pub tier: String,
    /// Language.
    pub locale: String,
    /// People to write to.
    pub contacts: Vec<Contact>,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// Changes a customer.
#[derive(Debug, Clone)]
pub struct UpdateCustomer {
    /// Which.
    pub customer: Id<Customer>,
    /// The new values.
    pub fields: CustomerFields,
    /// Which of them count.
    pub paths: Vec<String>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// Notes what a person found out about a tax number.
#[derive(Debug, Clone)]
pub struct VerifyTaxNumber {
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The number that was looked at.
    pub number: String,
    /// What was found.
    pub state: TaxNumberState,
    /// What was seen.
    pub explanation: String,
}

/// One row: its line, and the customer or all that is wrong.
#[derive(Debug, Clone)]
pub struct ImportedCustomer {
    /// Its line in the file.
    pub line: i32,
    /// What is added, or why not.
    pub customer: Result<CustomerFields, Vec<String>>,
}

/// Names a customer.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Which.
    pub customer: Id<Customer>,
    /// Whether a member of the customer asks: drafts and hidden invoices are not for them.
    pub as_customer: bool,
}
