//! Tenants: the businesses that sell and bill through the suite.

use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use rust_decimal::Decimal;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its slug.
    pub id: TenantId,
    /// Name of the business.
    pub display_name: String,
    /// Where it is taxed.
    pub country: String,
    /// The zone that its days are counted in, an IANA name.
    pub time_zone: String,
    /// Whether it may have a test clock.
    pub sandbox: bool,
    /// Whether customers do not see their invoices.
    pub invoices_hidden: bool,
    /// Tax by the customer's country, in the order of countries.
    pub tax_rules: Vec<TaxRule>,
    /// Whether all its writes are refused.
    pub suspended: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The tax that a tenant takes from customers of one country.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRule {
    /// The customer's country.
    pub country: String,
    /// In percent, at most four decimals.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
}

impl Tenant {
    /// The rule for customers of a country.
    #[must_use]
    pub fn tax_rule(&self, country: &str) -> Option<&TaxRule> {
        self.tax_rules.iter().find(|rule| rule.country == country)
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
