//! Programmes: under which terms customers pay later, and which customers may
//! (docs/domain/credit.md#programmes).

use crate::policy::Policy;
use chrono::{DateTime, Utc};
use payterms_kernel::{Condition, Currency, Id, Money, Reason, Refusal, calendar::PaymentTerm};

/// Whether a programme takes applications and offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgrammeState {
    /// It does.
    Open,
    /// It does no more.
    Closed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ProgrammeState { Open = "OPEN", Closed = "CLOSED" }
}

/// What a tenant offers to those who pay later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// Its id.
    pub id: Id<Programme>,
    /// What it is called.
    pub title: String,
    /// Whether it takes applications and offers.
    pub state: ProgrammeState,
    /// The currency of its lines.
    pub currency: Currency,
    /// The largest limit.
    pub cap: Money,
    /// When a purchase falls due.
    pub term: PaymentTerm,
    /// Countries of eligible customers.
    pub countries: Vec<String>,
    /// Eligible tiers; none: every tier.
    pub tiers: Vec<String>,
    /// Whether only invited customers may apply.
    pub invitation_only: bool,
    /// Days between a refusal and the next application.
    pub cool_down_days: u32,
    /// Whether deferred invoices may be paid in a plan.
    pub plans_allowed: bool,
    /// Whether a customer may draw while one of its invoices is in a plan.
    pub draws_during_plans: bool,
    /// What decides applications.
    pub policy: Id<Policy>,
    /// Days within which an offer is taken.
    pub offer_days: u32,
    /// Counts its changes.
    pub version: i64,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A customer, as credit knows it: no name, no address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: Id<Customer>,
    /// Where it is.
    pub country: String,
    /// Tier that the tenant puts it in.
    pub tier: String,
}

fn not_for(name: &'static str, subject: &str, description: String) -> Condition {
    Condition { name, subject: subject.to_owned(), description }
}

impl Programme {
    /// Refuses once it is closed.
    ///
    /// # Errors
    /// `PROGRAMME_STATE`.
    pub fn must_be_open(&self) -> Result<(), Refusal> {
        match self.state {
            ProgrammeState::Open => Ok(()),
            ProgrammeState::Closed => Err(Refusal::state(
                Reason::PROGRAMME_STATE,
                "The programme",
                self.state.name(),
                &[],
            )),
        }
    }

    /// Takes no more applications and offers.
    ///
    /// # Errors
    /// `PROGRAMME_STATE`.
    pub fn close(&mut self, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.must_be_open()?;
        self.state = ProgrammeState::Closed;
        self.touch(now);
        Ok(())
    }

    /// Refuses a limit above the cap.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `LIMIT_ABOVE_CAP`.
    pub fn must_allow(&self, limit: Money) -> Result<(), Refusal> {
        if limit.compare(self.cap)?.is_gt() {
            let message =
                format!("The programme's lines go up to {}. Ask for at most that.", self.cap);
            return Err(Refusal::precondition(Reason::LIMIT_ABOVE_CAP, message)
                .with("cap", self.cap.amount()));
        }
        Ok(())
    }

    /// What is against its country; the tenant may pass over tier and invitation, not over the
    /// country.
    #[must_use]
    pub fn against_the_country(&self, customer: &Customer) -> Option<Condition> {
        let eligible = self.countries.contains(&customer.country);
        (!eligible).then(|| {
            let known = self.countries.join(", ");
            not_for(
                "COUNTRY_NOT_ELIGIBLE",
                &customer.country,
                format!("The programme is for customers in {known}."),
            )
        })
    }

    /// All that is against an application of a customer by who it is.
    #[must_use]
    pub fn against(&self, customer: &Customer, invited: bool) -> Vec<Condition> {
        let mut against: Vec<_> = self.against_the_country(customer).into_iter().collect();
        if self.state == ProgrammeState::Closed {
            against.push(not_for(
                "PROGRAMME_CLOSED",
                &self.title,
                "The programme takes no more applications.".to_owned(),
            ));
        }
        if invited {
            return against;
        }
        if self.invitation_only {
            against.push(not_for(
                "INVITATION_REQUIRED",
                &self.title,
                "Only invited customers may apply. Ask the seller.".to_owned(),
            ));
        } else if !self.tiers.is_empty() && !self.tiers.contains(&customer.tier) {
            let known = self.tiers.join(", ");
            against.push(not_for(
                "TIER_NOT_ELIGIBLE",
                &customer.tier,
                format!("The programme is for the tiers {known}, or by invitation."),
            ));
        }
        against
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
