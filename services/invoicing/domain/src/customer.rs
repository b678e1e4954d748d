//! Customers: the businesses that buy from a tenant, and the tax that is taken from them.

use crate::{invoice::Party, tax_number::TaxNumber, tenant::Tenant};
use chrono::{DateTime, Utc};
use payterms_kernel::{Condition, Id, Marks, Reason, Refusal};
use rust_decimal::Decimal;

/// A customer. Its profile items are personal data: it has no `Display`, and logs never hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: Id<Customer>,
    /// Registered name; may be empty.
    pub legal_name: String,
    /// Billing address.
    pub address: Option<Address>,
    /// Where documents are mailed to; may be empty.
    pub billing_email: String,
    /// Where the customer is taxed.
    pub country: String,
    /// Tax number as it was written; may be empty.
    pub tax_id: String,
    /// What is known of it; none where there is no number, and for one from before numbers were
    /// verified.
    pub tax_number: Option<TaxNumber>,
    /// Tier that the tenant puts the customer in; may be empty.
    pub tier: String,
    /// `en` or `fr`.
    pub locale: String,
    /// People to write to beside the billing e-mail.
    pub contacts: Vec<Contact>,
    /// What tax is taken; none where the tenant has no rule for the country.
    pub tax: Option<TaxTreatment>,
    /// Version that the next treatment follows; 0 before the first.
    pub tax_version: i64,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A person whom the tenant writes to. It has no `Display`, and logs never hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Name; may be empty.
    pub name: String,
    /// Mail address.
    pub email: String,
    /// Whether documents go there too.
    pub receives_documents: bool,
}

/// A postal address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Street, number, unit.
    pub lines: Vec<String>,
    /// City or locality.
    pub city: String,
    /// State, region or province.
    pub region: String,
    /// Postal code.
    pub postal_code: String,
    /// ISO 3166-1 country.
    pub country: String,
}

/// The tax that is taken from one customer; who charges uses the version that held then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxTreatment {
    /// In percent; 0 is no tax.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
    /// 1 for the first, one more with each change.
    pub version: i64,
    /// From when it holds.
    pub valid_from: DateTime<Utc>,
}

impl Customer {
    /// Resolves the tax treatment anew from the tenant's rules; true if it changed.
    pub fn resolve_tax(&mut self, tenant: &Tenant, now: DateTime<Utc>) -> bool {
        let rule = tenant.tax_rule(self, "");
        let same = match (&self.tax, rule) {
            (None, None) => true,
            (Some(tax), Some(rule)) => {
                tax.rate_percent == rule.rate_percent && tax.sentence == rule.sentence
            }
            _ => false,
        };
        if same {
            return false;
        }
        self.tax = rule.map(|rule| {
            self.tax_version = self.tax_version.saturating_add(1);
            TaxTreatment {
                rate_percent: rule.rate_percent,
                sentence: rule.sentence.clone(),
                version: self.tax_version,
                valid_from: now,
            }
        });
        true
    }

    /// The customer as a document names it.
    #[must_use]
    pub fn party(&self) -> Party {
        Party {
            legal_name: self.legal_name.clone(),
            address: self.address.clone(),
            country: self.country.clone(),
            tax_id: self.tax_id.clone(),
            bank_details: String::new(),
            language: self.locale.clone(),
        }
    }

    /// Refuses while the profile lacks what a document must name, naming each item.
    ///
    /// # Errors
    /// `PROFILE_INCOMPLETE`.
    pub fn must_have_billing_profile(&self) -> Result<(), Refusal> {
        let items = [
            (!self.legal_name.is_empty(), "legal_name"),
            (self.address.is_some(), "billing_address"),
            (!self.billing_email.is_empty(), "billing_email"),
        ];
        let missing: Vec<_> =
            items.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let conditions = missing.iter().map(|name| Condition {
            name: Reason::PROFILE_INCOMPLETE.name(),
            subject: (*name).to_owned(),
            description: format!("Complete {name} in the customer's profile."),
        });
        let message =
            format!("The customer's profile lacks {}. Complete it first.", missing.join(", "));
        Err(Refusal::precondition(Reason::PROFILE_INCOMPLETE, message)
            .with("missing", missing.join(","))
            .with_conditions(conditions.collect()))
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

#[cfg(test)]
mod tests {
    use super::Customer;
    use crate::{
        tax_number::TaxNumberState,
        tenant::{TaxRule, Tenant},
    };
    use chrono::DateTime;
    use payterms_kernel::Id;
    use rust_decimal::Decimal;

    fn tenant(rate: i64) -> Tenant {
        let rule = |country: &str, rate: i64| TaxRule {
            country: country.into(),
            rate_percent: Decimal::from(rate),
            sentence: String::new(),
            category: String::new(),
            with_tax_id: false,
        };
        let reverse = TaxRule { with_tax_id: true, ..rule("DE", 0) };
        Tenant {
            id: "acme".parse().unwrap(),
            display_name: "Acme".into(),
            country: "AU".into(),
            time_zone: "Australia/Sydney".into(),
            sandbox: false,
            invoices_hidden: false,
            overpayment_refused: false,
            payment_notice: crate::PaymentNotice::Confirmation,
            call_limits: crate::CallLimits::default(),
            bank_automation: crate::bank::Automation::Reference,
            business: crate::tenant::Business::default(),
            dunning: crate::tenant::Dunning::default(),
            transfer_tolerances: Vec::new(),
            approval_limits: Vec::new(),
            tax_rules: vec![rule("AU", rate), rule("DE", 19), reverse, rule("GB", 0)],
            suspended: false,
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn customer(country: &str) -> Customer {
        Customer {
            id: Id::from_uuid(uuid::Uuid::from_u128(1)),
            legal_name: String::new(),
            address: None,
            billing_email: String::new(),
            country: country.into(),
            tax_id: String::new(),
            tax_number: None,
            tier: String::new(),
            locale: "en".into(),
            contacts: Vec::new(),
            tax: None,
            tax_version: 0,
            marks: payterms_kernel::Marks::default(),
            version: 1,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_treatment_gets_a_version_when_it_changes_and_only_then() {
        let mut buyer = customer("AU");
        assert!(buyer.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH));
        assert!(!buyer.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH));
        assert!(buyer.resolve_tax(&tenant(11), DateTime::UNIX_EPOCH));
        assert_eq!(
            buyer.tax.as_ref().map(|tax| (tax.version, tax.rate_percent)),
            Some((2, Decimal::from(11)))
        );
    }

    #[test]
    fn a_verified_tax_number_brings_the_reverse_charge() {
        let mut german = customer("DE");
        german.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH);
        assert_eq!(german.tax.as_ref().map(|tax| tax.rate_percent), Some(Decimal::from(19)));
        german.tax_id = "DE123456788".into();
        german.number_set("DE", "");
        assert!(
            !german.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH),
            "a number alone changes nothing"
        );
        german.number_answered(TaxNumberState::Verified, String::new(), DateTime::UNIX_EPOCH);
        assert!(german.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH));
        assert_eq!(german.tax.map(|tax| (tax.rate_percent, tax.version)), Some((Decimal::ZERO, 2)));
    }

    #[test]
    fn no_rule_no_treatment_and_no_tax_is_a_treatment() {
        let (mut french, mut british) = (customer("FR"), customer("GB"));
        assert!(!french.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH));
        assert!(british.resolve_tax(&tenant(10), DateTime::UNIX_EPOCH));
        assert_eq!(
            (french.tax, british.tax.map(|tax| tax.rate_percent)),
            (None, Some(Decimal::ZERO))
        );
    }
}
