//! Tenants: the businesses that sell and bill through the suite.

use crate::{
    bank::Automation,
    customer::{Address, Customer},
    invoice::Party,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Currency, Money, TenantId, country};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
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
    /// Whether a payment beyond what is payable is refused.
    pub overpayment_refused: bool,
    /// How documents and mails name it.
    pub business: Business,
    /// What happens when something is not paid.
    pub dunning: Dunning,
    /// How much less than asked may arrive for a top-up by transfer, one figure a currency.
    pub transfer_tolerances: Vec<Money>,
    /// Above what a write-off or a refund takes a second person, one figure a currency.
    pub approval_limits: Vec<Money>,
    /// What a customer is sent for a payment of invoices.
    pub payment_notice: PaymentNotice,
    /// How far its bank lines are matched without a person.
    pub bank_automation: Automation,
    /// Tax by the customer's country, in the order of country, category and `with_tax_id`.
    pub tax_rules: Vec<TaxRule>,
    /// How often its callers may call.
    pub call_limits: CallLimits,
    /// Whether all its writes are refused.
    pub suspended: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// How many calls a second the gateways take; none: as many as they are configured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CallLimits {
    /// Of one caller.
    pub caller: Option<u32>,
    /// Of all who act for one customer.
    pub customer: Option<u32>,
    /// Of all callers.
    pub tenant: Option<u32>,
}

/// What a customer is sent for a payment of invoices (docs/domain/invoicing.md#payment-notice).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PaymentNotice {
    /// Nothing.
    None,
    /// A mail.
    #[default]
    Confirmation,
    /// A mail with a numbered receipt.
    Receipt,
}

payterms_kernel::names! {
    /// The name in columns.
    PaymentNotice { None = "NONE", Confirmation = "CONFIRMATION", Receipt = "RECEIPT" }
}

/// What happens when something is not paid.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dunning {
    /// Days from overdue to suspended for metered services; none: they are not suspended.
    pub suspend_after_days: Option<u16>,
    /// When an open invoice is reminded: days from its due date, in their order.
    pub reminder_days: Vec<i16>,
}

/// How documents and mails name a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Business {
    /// Registered name; empty: the display name.
    pub legal_name: String,
    /// Address.
    pub address: Option<Address>,
    /// Tax number; may be empty.
    pub tax_id: String,
    /// What the law wants on each document; may be empty.
    pub legal_mentions: String,
    /// Where replies and notices go; may be empty.
    pub contact_email: String,
    /// Where customers sign in; may be empty.
    pub portal_url: String,
    /// Where transfers go; may be empty.
    pub bank_details: String,
}

/// The tax that a tenant takes from customers of one country for one category.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRule {
    /// The customer's country.
    pub country: String,
    /// In percent, at most four decimals.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
    /// What is sold; empty: the standard category.
    pub category: String,
    /// Whether it is the rule of customers with a verified tax number.
    pub with_tax_id: bool,
}

impl Tenant {
    /// The rule for a customer and a category: the rule of customers with a tax number comes first
    /// for those whose number is verified (docs/domain/invoicing.md#tax-number).
    #[must_use]
    pub fn tax_rule(&self, customer: &Customer, category: &str) -> Option<&TaxRule> {
        let rules = || {
            self.tax_rules
                .iter()
                .filter(|rule| rule.country == customer.country && rule.category == category)
        };
        let with_tax_number =
            || rules().find(|rule| rule.with_tax_id && customer.has_verified_tax_number());
        with_tax_number().or_else(|| rules().find(|rule| !rule.with_tax_id))
    }

    /// The countries whose rules differ from those of `other`.
    #[must_use]
    pub fn countries_taxed_unlike(&self, other: &Self) -> BTreeSet<String> {
        let rules = self.tax_rules.iter().chain(&other.tax_rules);
        let unlike =
            rules.filter(|rule| !self.tax_rules.contains(rule) || !other.tax_rules.contains(rule));
        unlike.map(|rule| rule.country.clone()).collect()
    }

    /// The tenant as a document names it; where transfers go stands only on what is to be paid.
    #[must_use]
    pub fn party(&self) -> Party {
        let Business { legal_name, address, tax_id, .. } = self.business.clone();
        let legal_name = if legal_name.is_empty() { self.display_name.clone() } else { legal_name };
        Party {
            legal_name,
            address,
            country: self.country.clone(),
            tax_id,
            bank_details: String::new(),
            language: String::new(),
        }
    }

    /// What a transfer in a currency may be short of.
    #[must_use]
    pub fn transfer_tolerance(&self, currency: Currency) -> Money {
        self.transfer_tolerances
            .iter()
            .find(|amount| amount.currency() == currency)
            .copied()
            .unwrap_or_else(|| Money::zero(currency))
    }

    /// Above what a write-off or a refund takes a second person; none: never.
    #[must_use]
    pub fn approval_limit(&self, currency: Currency) -> Option<Money> {
        self.approval_limits.iter().find(|amount| amount.currency() == currency).copied()
    }

    /// Whether an invoice is taken back by a credit note of its own: in the European Union.
    #[must_use]
    pub fn voids_by_credit_note(&self) -> bool {
        country::in_european_union(&self.country)
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
