//! The wallet's copy of a customer, with only the fields that it needs. Invoicing owns customers.

use payterms_kernel::{Condition, Id, Reason, Refusal};
use rust_decimal::Decimal;

/// A customer: no name and no address, only whether invoicing has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: Id<Customer>,
    /// The country in which it is taxed.
    pub country: String,
    /// The tier that the tenant assigned.
    pub tier: String,
    /// Whether the registered name is complete.
    pub has_legal_name: bool,
    /// Whether the billing address is complete.
    pub has_billing_address: bool,
    /// Whether there is a billing e-mail address.
    pub has_billing_email: bool,
    /// The tax on purchases; `None` while the tenant has no rule for the country.
    pub tax: Option<Tax>,
}

/// The tax treatment of a customer, as invoicing resolved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// The rate in percent.
    pub rate_percent: Decimal,
    /// The sentence that documents print about it.
    pub sentence: String,
    /// The version of the treatment.
    pub version: i64,
}

impl Customer {
    /// Refuses while items of the profile are missing, and names each of them.
    ///
    /// # Errors
    /// `PROFILE_INCOMPLETE`.
    pub fn must_have_profile(&self) -> Result<(), Refusal> {
        let items = [
            (self.has_legal_name, "legal_name"),
            (self.has_billing_address, "billing_address"),
            (self.has_billing_email, "billing_email"),
        ];
        let missing: Vec<_> =
            items.iter().filter(|(is_present, _)| !is_present).map(|(_, name)| *name).collect();
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

    /// The tax treatment. Without one no money may be taken, since no correct receipt could be
    /// made.
    ///
    /// # Errors
    /// `TAX_UNKNOWN`.
    pub fn must_have_tax(&self) -> Result<&Tax, Refusal> {
        self.tax.as_ref().ok_or_else(|| Refusal::tax_unknown(&self.country, "", false))
    }
}
