//! What is asked of tenants.

use payterms_invoicing_domain::{Business, Dunning, PaymentNotice, TaxRule, bank::Automation};
use payterms_kernel::Money;

/// What a tenant is given.
#[derive(Debug, Clone)]
pub struct TenantFields {
    /// Name of the business.
    pub display_name: String,
    /// Where it is taxed.
    pub country: String,
    /// The zone of its days.
    pub time_zone: String,
    /// Whether it tests.
    pub sandbox: bool,
    /// Whether customers do not see invoices.
    pub invoices_hidden: bool,
    /// Whether a payment beyond what is payable is refused.
    pub overpayment_refused: bool,
    /// What a customer is sent for a payment; none: as it is, or the default.
    pub payment_notice: Option<PaymentNotice>,
    /// How far bank lines are matched without a person; none: as it is, or the default.
    pub bank_automation: Option<Automation>,
    /// How documents name it.
    pub business: Business,
    /// What happens when something is not paid.
    pub dunning: Dunning,
    /// How much less than asked may arrive by transfer.
    pub transfer_tolerances: Vec<Money>,
    /// Above what a second person is needed.
    pub approval_limits: Vec<Money>,
    /// Tax by country.
    pub tax_rules: Vec<TaxRule>,
    /// The version that may be changed; empty: any.
    pub etag: String,
}

/// Changes a tenant.
#[derive(Debug, Clone)]
pub struct UpdateTenant {
    /// The new values.
    pub fields: TenantFields,
    /// Which of them count.
    pub paths: Vec<String>,
}
