//! What the wallet knows of a customer: a copy of what invoicing tells, no more than it needs.

use payterms_kernel::{Condition, Id, Refusal};
use rust_decimal::Decimal;

/// A customer, as the wallet knows it: no name, no address, only whether they are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: Id<Customer>,
    /// Where it is taxed.
    pub country: String,
    /// Tier that the tenant puts it in.
    pub tier: String,
    /// Whether the registered name is there.
    pub has_legal_name: bool,
    /// Whether the billing address is there.
    pub has_billing_address: bool,
    /// Whether the billing e-mail is there.
    pub has_billing_email: bool,
    /// The tax that is taken; none while the tenant has no rule for the country.
    pub tax: Option<Tax>,
}

/// The tax that is taken from a customer, as invoicing resolved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// In percent.
    pub rate_percent: Decimal,
    /// What documents say about it.
    pub sentence: String,
    /// Which version of the treatment it is.
    pub version: i64,
}

impl Customer {
    /// Refuses while profile items are missing, naming each.
    ///
    /// # Errors
    /// `PROFILE_INCOMPLETE`.
    pub fn must_have_profile(&self) -> Result<(), Refusal> {
        let items =
            [(self.has_legal_name, "legal_name"), (self.has_billing_address, "billing_address"), (self.has_billing_email, "billing_email")];
        let missing: Vec<_> = items.iter().filter(|(there, _)| !there).map(|(_, name)| *name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let conditions = missing.iter().map(|name| Condition {
            name: "PROFILE_INCOMPLETE",
            subject: (*name).to_owned(),
            description: format!("Complete {name} in the customer's profile."),
        });
        let message = format!("The customer's profile lacks {}. Complete it first.", missing.join(", "));
        Err(Refusal::precondition("PROFILE_INCOMPLETE", message).with("missing", missing.join(",")).with_conditions(conditions.collect()))
    }

    /// The tax treatment, which must be known before any money is taken.
    ///
    /// # Errors
    /// `TAX_UNKNOWN`.
    pub fn must_have_tax(&self) -> Result<&Tax, Refusal> {
        self.tax.as_ref().ok_or_else(|| {
            let message = format!("The tenant has no tax rule for {}, so no receipt could be made. Add one first.", self.country);
            Refusal::precondition("TAX_UNKNOWN", message).with("country", &self.country)
        })
    }
}
