//! A line: its limit, its exposure, where it is, and what is being done about its method in the
//! wallet (docs/domain/credit.md#lines).

use crate::{
    edges::Verb,
    programme::{Customer, Programme},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{
    Actor, Currency, Id, Money, Reason, Refusal, calendar::PaymentTerm, money::MoneyError,
};
use uuid::Uuid;

/// Where a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineState {
    /// It waits to be activated.
    Offered,
    /// It can be drawn on.
    Active,
    /// The customer has put it aside.
    Inactive,
    /// It cannot be drawn on.
    Suspended,
    /// It was not activated in time.
    Expired,
    /// The customer did not want it.
    Declined,
    /// It is over.
    Closed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    LineState {
        Offered = "OFFERED",
        Active = "ACTIVE",
        Inactive = "INACTIVE",
        Suspended = "SUSPENDED",
        Expired = "EXPIRED",
        Declined = "DECLINED_BY_CUSTOMER",
        Closed = "CLOSED",
    }
}

impl LineState {
    /// Whether a line in this state keeps the customer from another one in its currency.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Offered | Self::Active | Self::Inactive | Self::Suspended)
    }
}

/// Why a line is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// Something drawn on it is past due.
    PastDue,
    /// The tenant says so.
    ByTenant,
}

payterms_kernel::names! {
    /// The name of the reason, as in the contract.
    Suspension { PastDue = "PAST_DUE", ByTenant = "BY_TENANT" }
}

/// An edge that was taken, or a limit that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// By what.
    pub verb: String,
    /// From where; none: it was offered.
    pub from: Option<LineState>,
    /// To where.
    pub to: LineState,
    /// Whose doing.
    pub by: Actor,
    /// The limit after it.
    pub limit: Money,
    /// What was said.
    pub explanation: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A verb that changes the method in the wallet: it is done once the wallet has done so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTransition {
    /// The verb.
    pub verb: Verb,
    /// Who asked.
    pub by: Actor,
    /// What was said.
    pub explanation: String,
}

/// What a customer may owe at most, and how much it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its id, and that of its method in the wallet.
    pub id: Id<Line>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The programme.
    pub programme: Id<Programme>,
    /// The application that it was granted on; none: offered without one.
    pub application: Option<Uuid>,
    /// Where it is.
    pub state: LineState,
    /// Where it was before it was suspended.
    pub before: Option<LineState>,
    /// Why it is suspended.
    pub suspensions: Vec<Suspension>,
    /// What may be owed at most.
    pub limit: Money,
    /// What is authorised and not captured.
    pub authorized: Money,
    /// What was captured.
    pub captured: Money,
    /// What was repaid of it.
    pub repaid: Money,
    /// When a purchase falls due.
    pub term: PaymentTerm,
    /// Until when it can be activated.
    pub expires_at: DateTime<Utc>,
    /// What was said last.
    pub explanation: String,
    /// Reasons of the last change of the limit.
    pub limit_reasons: Vec<String>,
    /// The earliest day on which something of it falls due; none: nothing is owed, or all of it is
    /// blocked.
    pub next_due: Option<NaiveDate>,
    /// The same, blocked or not.
    pub first_due: Option<NaiveDate>,
    /// What is being done about its method.
    pub pending_transition: Option<PendingTransition>,
    /// Counts the moves.
    pub moves: i64,
    /// Counts the entries of its exposure.
    pub entries: i64,
    /// Edges that were taken since it was loaded.
    pub taken: Vec<Taken>,
    /// Counts its changes.
    pub version: i64,
    /// When it was offered.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What is offered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The limit.
    pub limit: Money,
    /// The application; none: without one.
    pub application: Option<Uuid>,
    /// Who offers.
    pub by: Actor,
    /// Why.
    pub explanation: String,
}

impl Line {
    /// Offers a line under an open programme, up to its cap.
    ///
    /// # Errors
    /// `PROGRAMME_STATE`, `CURRENCY_MISMATCH`, `LIMIT_ABOVE_CAP`, `NOT_ELIGIBLE` outside its
    /// countries.
    pub fn offer(
        id: Id<Self>,
        programme: &Programme,
        customer: &Customer,
        offer: Offer,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        programme.must_be_open()?;
        programme.must_allow(offer.limit)?;
        if let Some(condition) = programme.against_the_country(customer) {
            let message = format!("The customer is not eligible. {}", condition.description);
            return Err(Refusal::precondition(Reason::NOT_ELIGIBLE, message)
                .with_conditions(vec![condition]));
        }
        let zero = Money::zero(offer.limit.currency());
        let mut line = Self {
            id,
            customer: customer.id,
            programme: programme.id,
            application: offer.application,
            state: LineState::Offered,
            before: None,
            suspensions: Vec::new(),
            limit: offer.limit,
            authorized: zero,
            captured: zero,
            repaid: zero,
            term: programme.term,
            expires_at: now + TimeDelta::days(programme.offer_days.into()),
            explanation: String::new(),
            limit_reasons: Vec::new(),
            next_due: None,
            first_due: None,
            pending_transition: None,
            moves: 0,
            entries: 0,
            taken: Vec::new(),
            version: 0,
            created_at: now,
            updated_at: now,
        };
        line.note("OFFER", None, offer.by, &offer.explanation, now);
        Ok(line)
    }

    /// The currency of all its amounts.
    #[must_use]
    pub fn currency(&self) -> Currency {
        self.limit.currency()
    }

    /// What is authorised, and captured and not repaid.
    pub fn exposure(&self) -> Result<Money, MoneyError> {
        self.authorized.plus(self.captured)?.minus(self.repaid)
    }

    /// What can be drawn now.
    pub fn available(&self) -> Result<Money, MoneyError> {
        let zero = Money::zero(self.currency());
        if self.state == LineState::Active {
            self.limit.minus(self.exposure()?)?.max(zero)
        } else {
            Ok(zero)
        }
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
