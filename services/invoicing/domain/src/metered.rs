//! Metered services: what a customer uses and pays after the month's end, each with its own status
//! and bill (docs/domain/invoicing.md#metered-services).

use crate::{customer::Customer, invoice::Invoice, tenant::Tenant};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Condition, Currency, Id, Reason, Refusal, calendar::PaymentTerm};

/// Where a service is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceState {
    /// It can be used.
    Active,
    /// The collection of one of its invoices has failed; it can be used still.
    Overdue,
    /// It stayed overdue: it cannot be used.
    Suspended,
    /// It was switched off; what was used before is billed.
    Disabled,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    ServiceState { Active = "ACTIVE", Overdue = "OVERDUE", Suspended = "SUSPENDED", Disabled = "DISABLED" }
}

/// How a service bills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The product that it meters.
    pub product: String,
    /// What the customer reads.
    pub display_name: String,
    /// Currency of its prices.
    pub currency: Currency,
    /// Whether they include tax.
    pub prices_include_tax: bool,
    /// Category of the tax rules.
    pub tax_category: String,
    /// When its invoices fall due.
    pub term: PaymentTerm,
}

/// A service that a customer uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeteredService {
    /// Its id.
    pub id: Id<MeteredService>,
    /// Who uses it.
    pub customer: Id<Customer>,
    /// How it bills.
    pub terms: Terms,
    /// Where it is.
    pub state: ServiceState,
    /// Since when it is overdue.
    pub overdue_since: Option<DateTime<Utc>>,
    /// Counts its changes.
    pub version: i64,
    /// When it was enabled first.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// The service and month that an invoice bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Billed {
    /// The service.
    pub service: Id<MeteredService>,
    /// First day of the month.
    pub month: NaiveDate,
}

/// How the invoices of a service stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Open invoices whose collection has failed for good.
    pub failed: i64,
    /// Those of them that no block keeps from consequences.
    pub failed_unblocked: i64,
    /// Open invoices with a failure behind them, those that are tried again too.
    pub troubled: i64,
    /// The last day before which nothing follows from a failed one, because a payment of it was
    /// taken back.
    pub spared_until: Option<NaiveDate>,
}

/// Refuses where what billing needs is missing, naming each thing.
///
/// # Errors
/// `PROFILE_INCOMPLETE`, `COLLECTION_METHOD_REQUIRED`, `TAX_UNKNOWN`: the first is the reason, all
/// are conditions.
pub fn must_be_billable(
    tenant: &Tenant,
    customer: &Customer,
    terms: &Terms,
    has_method: bool,
) -> Result<(), Refusal> {
    let mut refusal = customer.must_have_billing_profile().err();
    let mut missing = |against: Refusal, subject: &str| {
        let condition = Condition {
            name: against.reason.name(),
            subject: subject.to_owned(),
            description: against.message.clone(),
        };
        refusal.get_or_insert(against).conditions.push(condition);
    };
    if !has_method {
        let message = "There is no card to bill the service from. Save one and choose it as the collection method.";
        missing(
            Refusal::precondition(Reason::COLLECTION_METHOD_REQUIRED, message),
            "collection_method",
        );
    }
    if tenant.tax_rule(customer, &terms.tax_category).is_none() {
        missing(Refusal::tax_unknown(&customer.country, &terms.tax_category, false), "tax_rules");
    }
    refusal.map_or(Ok(()), Err)
}

impl MeteredService {
    /// Enables a service.
    #[must_use]
    pub fn enable(id: Id<Self>, customer: Id<Customer>, terms: Terms, now: DateTime<Utc>) -> Self {
        let state = ServiceState::Active;
        Self {
            id,
            customer,
            terms,
            state,
            overdue_since: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// Enables it again after it was disabled, on new terms.
    ///
    /// # Errors
    /// `SERVICE_STATE` for one that is enabled.
    pub fn enable_again(&mut self, terms: Terms, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.state != ServiceState::Disabled {
            return Err(self.refuses(&["DisableMeteredService"]));
        }
        self.terms = terms;
        self.set(ServiceState::Active, now);
        Ok(())
    }

    /// Switches it off; again changes nothing.
    pub fn disable(&mut self, now: DateTime<Utc>) {
        if self.state != ServiceState::Disabled {
            self.set(ServiceState::Disabled, now);
        }
    }

    fn refuses(&self, allowed: &[&str]) -> Refusal {
        Refusal::state(Reason::SERVICE_STATE, "The metered service", self.state.name(), allowed)
    }

    /// Judges it by its invoices: overdue while one has failed, active again when none is in
    /// trouble. True where that changed it.
    pub fn evaluate(&mut self, standing: Standing, now: DateTime<Utc>) -> bool {
        let next = match self.state {
            ServiceState::Active if standing.failed_unblocked > 0 => ServiceState::Overdue,
            ServiceState::Overdue | ServiceState::Suspended if standing.troubled == 0 => {
                ServiceState::Active
            }
            _ => return false,
        };
        self.set(next, now);
        true
    }

    /// When it is suspended, if it stays overdue.
    #[must_use]
    pub fn suspended_at(&self, after_days: Option<u16>) -> Option<DateTime<Utc>> {
        let since = self.overdue_since.filter(|_| self.state == ServiceState::Overdue)?;
        after_days.map(|days| since + TimeDelta::days(days.into()))
    }

    /// The time to suspend it has come: true where it is suspended. A block keeps it from that.
    pub fn suspend(&mut self, standing: Standing, now: DateTime<Utc>) -> bool {
        let due = self.state == ServiceState::Overdue && standing.failed_unblocked > 0;
        if due {
            self.set(ServiceState::Suspended, now);
        }
        due
    }

    fn set(&mut self, state: ServiceState, now: DateTime<Utc>) {
        self.state = state;
        self.overdue_since = match state {
            ServiceState::Overdue => Some(now),
            ServiceState::Suspended => self.overdue_since,
            ServiceState::Active | ServiceState::Disabled => None,
        };
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

impl Invoice {
    /// Marks it as the bill of a service's month.
    pub fn bills(&mut self, service: Id<MeteredService>, month: NaiveDate) {
        self.billed = Some(Billed { service, month });
    }
}

#[cfg(test)]
mod tests {
    use super::{MeteredService, ServiceState, Standing, Terms};
    use chrono::{DateTime, TimeDelta, Utc};
    use payterms_kernel::Reason;
    use payterms_kernel::{Currency, Id, calendar::PaymentTerm};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn service() -> MeteredService {
        let terms = Terms {
            product: "maps".into(),
            display_name: "Maps".into(),
            currency: Currency::parse("USD").unwrap(),
            prices_include_tax: false,
            tax_category: String::new(),
            term: PaymentTerm::NetDays(0),
        };
        MeteredService::enable(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), terms, NOW)
    }

    #[test]
    fn a_failure_makes_it_overdue_then_suspended_and_payment_restores_it() {
        let mut metered_service = service();
        let failed = Standing { failed: 1, failed_unblocked: 1, troubled: 1, spared_until: None };
        assert!(
            !metered_service.evaluate(Standing { troubled: 1, ..Standing::default() }, NOW),
            "a rung is left"
        );
        assert!(metered_service.evaluate(failed, NOW));
        assert_eq!(
            (
                metered_service.state,
                metered_service.suspended_at(Some(3)),
                metered_service.suspended_at(None)
            ),
            (ServiceState::Overdue, Some(NOW + TimeDelta::days(3)), None)
        );
        assert!(
            !metered_service.suspend(Standing { failed_unblocked: 0, ..failed }, NOW),
            "a block keeps it from new consequences"
        );
        assert!(metered_service.suspend(failed, NOW));
        assert!(
            !metered_service.evaluate(Standing { troubled: 1, ..Standing::default() }, NOW),
            "a retry under way restores nothing"
        );
        assert!(metered_service.evaluate(Standing::default(), NOW));
        assert_eq!(
            (metered_service.state, metered_service.overdue_since),
            (ServiceState::Active, None)
        );
        metered_service.disable(NOW);
        assert!(!metered_service.evaluate(failed, NOW), "what is off has no status to lose");
        assert!(metered_service.enable_again(metered_service.terms.clone(), NOW).is_ok());
        assert_eq!(
            metered_service.enable_again(metered_service.terms.clone(), NOW).unwrap_err().reason,
            Reason::SERVICE_STATE
        );
    }
}
