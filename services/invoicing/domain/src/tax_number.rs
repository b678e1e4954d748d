//! Tax numbers: how it is known that one is its customer's
//! (docs/domain/invoicing.md#tax-number).

use crate::{
    customer::Customer,
    tax_number_form::{Spelled, form_fault, must_be_formed, spell, spelled},
    tenant::Tenant,
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Reason, Refusal};

/// Days after which a number that was verified is verified again.
pub const VALID_DAYS: i64 = 90;
/// Hours until a register that gave no answer is asked again; then each day.
const PAUSES_HOURS: [i64; 5] = [1, 2, 4, 8, 16];

/// Whether a customer's tax number is known to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxNumberState {
    /// Nobody has looked; it takes no tax off.
    Unverified,
    /// A register or a person has confirmed it.
    Verified,
    /// A register or a person has found that it is not the customer's.
    Invalid,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    TaxNumberState { Unverified = "UNVERIFIED", Verified = "VERIFIED", Invalid = "INVALID" }
}

/// What shows that a number is right, or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// The register of the European Union answered, with its consultation number; empty where the
    /// seller is not in it.
    Register(String),
    /// A person looked: who, and what they saw.
    Person(String, String),
}

/// What is known of a customer's tax number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxNumber {
    /// How it stands.
    pub state: TaxNumberState,
    /// What shows it; none before anybody has looked.
    pub evidence: Option<Evidence>,
    /// When that was.
    pub checked_at: Option<DateTime<Utc>>,
    /// How often in a row the register has given no answer since.
    pub unanswered: u32,
    /// What it said instead, such as `MS_UNAVAILABLE`; empty where it answered.
    pub failure: String,
}

impl TaxNumber {
    /// A number that nobody has looked at.
    #[must_use]
    pub fn unverified() -> Self {
        Self {
            state: TaxNumberState::Unverified,
            evidence: None,
            checked_at: None,
            unanswered: 0,
            failure: String::new(),
        }
    }
}

impl Customer {
    /// Whether the tax number takes part in the choice of the tax rule.
    #[must_use]
    pub fn has_verified_tax_number(&self) -> bool {
        !self.tax_id.is_empty()
            && self
                .tax_number
                .as_ref()
                .is_some_and(|tax_number| tax_number.state == TaxNumberState::Verified)
    }

    /// Notes that number or country may be another than before: another number has not been looked
    /// at yet. How it is written does not matter.
    pub fn number_set(&mut self, country: &str, number: &str) {
        if self.tax_id.is_empty() {
            self.tax_number = None;
        } else if spell(country, number) != spell(&self.country, &self.tax_id)
            || self.country != country
            || self.tax_number.is_none()
        {
            self.tax_number = Some(TaxNumber::unverified());
        }
    }

    /// A number from before numbers were verified has not been looked at; true if it is such a one.
    pub fn note_number_from_before(&mut self) -> bool {
        if self.tax_id.is_empty() || self.tax_number.is_some() {
            return false;
        }
        self.tax_number = Some(TaxNumber::unverified());
        true
    }

    /// Notes what a person found out about the number that they looked at.
    ///
    /// # Errors
    /// `TAX_NUMBER_REQUIRED`, `TAX_NUMBER_CHANGED` where it is another by now, `TAX_NUMBER_INVALID`
    /// for one that cannot be right.
    pub fn number_judged(
        &mut self,
        number: &str,
        state: TaxNumberState,
        person: &str,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        if self.tax_id.is_empty() {
            return Err(Refusal::precondition(
                Reason::TAX_NUMBER_REQUIRED,
                "The customer has no tax number. Set tax_id first.",
            ));
        }
        if spell(&self.country, number) != spell(&self.country, &self.tax_id) {
            let message = "The customer's tax number is another than the one that was looked at. Read the customer again.";
            return Err(Refusal::precondition(Reason::TAX_NUMBER_CHANGED, message));
        }
        if state == TaxNumberState::Verified {
            must_be_formed(&self.country, &self.tax_id)?;
        }
        self.found(state, Evidence::Person(person.to_owned(), explanation.to_owned()), now);
        Ok(())
    }

    /// Notes what the register answered.
    pub fn number_answered(
        &mut self,
        state: TaxNumberState,
        consultation: String,
        now: DateTime<Utc>,
    ) {
        self.found(state, Evidence::Register(consultation), now);
    }

    /// Notes that the register gave no answer: what was known last holds. Answers when it is asked
    /// again.
    pub fn number_unanswered(&mut self, failure: &str, now: DateTime<Utc>) -> DateTime<Utc> {
        let tax_number = self.tax_number.get_or_insert_with(TaxNumber::unverified);
        let pause = PAUSES_HOURS
            .get(usize::try_from(tax_number.unanswered).unwrap_or(usize::MAX))
            .copied()
            .unwrap_or(24);
        tax_number.unanswered = tax_number.unanswered.saturating_add(1);
        failure.clone_into(&mut tax_number.failure);
        now + TimeDelta::hours(pause)
    }

    fn found(&mut self, state: TaxNumberState, evidence: Evidence, now: DateTime<Utc>) {
        let (unanswered, failure) = (0, String::new());
        self.tax_number = Some(TaxNumber {
            state,
            evidence: Some(evidence),
            checked_at: Some(now),
            unanswered,
            failure,
        });
    }

    /// When the number is to be verified again; none for one that is not verified.
    #[must_use]
    pub fn number_due_at(&self) -> Option<DateTime<Utc>> {
        let tax_number = self
            .tax_number
            .as_ref()
            .filter(|tax_number| tax_number.state == TaxNumberState::Verified)?;
        tax_number.checked_at.map(|at| at + TimeDelta::days(VALID_DAYS))
    }

    /// The number as the European Union's register knows it: its country and the rest. None where
    /// the register does not have such numbers, its form is wrong, or the tenant's rules do not ask
    /// for one from this country.
    #[must_use]
    pub fn number_to_ask_for(&self, tenant: &Tenant) -> Option<Spelled> {
        let asked =
            tenant.tax_rules.iter().any(|rule| rule.country == self.country && rule.with_tax_id);
        Some(()).filter(|()| asked).and_then(|()| in_register(&self.country, &self.tax_id))
    }
}

impl Tenant {
    /// The tenant's own number as the register knows it: who asks with one gets a consultation
    /// number.
    #[must_use]
    pub fn number_to_ask_with(&self) -> Option<Spelled> {
        in_register(&self.country, &self.business.tax_id)
    }
}

/// A number that the register of the European Union may have.
fn in_register(country: &str, number: &str) -> Option<Spelled> {
    let this_spelled = spelled(country, number)
        .filter(|_| !number.is_empty() && form_fault(country, number).is_none())?;
    let outside = ["", "GB", "NO", "CH"].contains(&this_spelled.prefix);
    Some(this_spelled).filter(|_| !outside)
}

#[cfg(test)]
#[path = "tax_number_tests.rs"]
mod tests;
