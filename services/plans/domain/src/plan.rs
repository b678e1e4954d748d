//! A plan: what it covers, its instalments, where it is, and what is being done about its blocks.

use crate::{
    Customer, Invoice,
    collection::Attempt,
    edges::{self, Verb},
    schedule::{Instalment, Schedule},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Actor, Currency, Id, Kind as RefusalKind, Money, Refusal, money::MoneyError};

/// Where a plan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanState {
    /// It is being sent.
    Pending,
    /// The tenant is to answer.
    Proposed,
    /// The customer is to answer.
    Countered,
    /// Instalments fall due on their dates.
    Active,
    /// An instalment is late.
    InGrace,
    /// All is paid.
    Completed,
    /// The tenant said no.
    Refused,
    /// The customer took it back.
    Withdrawn,
    /// Nobody answered.
    Lapsed,
    /// An instalment stayed late.
    Breached,
    /// The tenant ended it.
    Cancelled,
}

impl PlanState {
    /// All states.
    pub const ALL: [Self; 11] = [
        Self::Pending,
        Self::Proposed,
        Self::Countered,
        Self::Active,
        Self::InGrace,
        Self::Completed,
        Self::Refused,
        Self::Withdrawn,
        Self::Lapsed,
        Self::Breached,
        Self::Cancelled,
    ];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Proposed => "PROPOSED",
            Self::Countered => "COUNTERED",
            Self::Active => "ACTIVE",
            Self::InGrace => "IN_GRACE",
            Self::Completed => "COMPLETED",
            Self::Refused => "REFUSED",
            Self::Withdrawn => "WITHDRAWN",
            Self::Lapsed => "LAPSED",
            Self::Breached => "BREACHED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether a plan in this state holds its invoices: an invoice is in one such plan at most.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Pending | Self::Proposed | Self::Countered | Self::Active | Self::InGrace)
    }

    /// Whether instalments fall due.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::InGrace)
    }

    /// Whether it still follows what is paid of its invoices.
    #[must_use]
    pub fn is_followed(self) -> bool {
        self.is_live() || self == Self::Breached
    }
}

/// An invoice of a plan, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Its number.
    pub number: String,
    /// When it is due by itself.
    pub due_on: NaiveDate,
    /// What was open of it at the proposal, and after that at the approval.
    pub covered: Money,
    /// What was paid of it then.
    pub paid_before: Money,
    /// What is open of it now.
    pub open: Money,
    /// What is paid of it now.
    pub paid: Money,
    /// What was open of it when its block was asked for: a step that is asked again says the same.
    pub expected: Money,
    /// Which of its changes is known: later ones are higher.
    pub revision: i64,
}

/// A schedule with its instalments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// How the dates are made.
    pub schedule: Schedule,
    /// The parts.
    pub instalments: Vec<Instalment>,
    /// Who offers it.
    pub by: Actor,
    /// Why.
    pub explanation: String,
}

/// What is being done about the blocks: a flow over invoicing is open while this is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingTransition {
    /// The invoices are being blocked so that the verb can be done.
    Block {
        /// The verb that follows.
        verb: Verb,
        /// Who asked for it.
        by: Actor,
        /// Why.
        explanation: String,
    },
    /// The blocks are being lifted after the end.
    Lift,
}

/// An edge that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// By what.
    pub verb: Verb,
    /// From where.
    pub from: PlanState,
    /// To where.
    pub to: PlanState,
    /// Whose doing it was.
    pub by: Actor,
    /// Why.
    pub explanation: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its id.
    pub id: Id<Plan>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// Where it is.
    pub state: PlanState,
    /// Currency of all amounts.
    pub currency: Currency,
    /// What it covers, oldest due first.
    pub covered: Vec<Covered>,
    /// The offer that stands.
    pub offer: Offer,
    /// The counter-offer.
    pub counter: Option<Offer>,
    /// Whether instalments are taken from the collection method.
    pub collect_automatically: bool,
    /// What the customer said.
    pub note: String,
    /// What was said last.
    pub explanation: String,
    /// Days within which an offer is answered.
    pub answer_days: u32,
    /// Days for which an instalment may be late.
    pub grace_days: u32,
    /// Whether a breach makes all due at once.
    pub accelerates: bool,
    /// When it lapses.
    pub answer_by: Option<DateTime<Utc>>,
    /// Since when it is in grace.
    pub late_since: Option<NaiveDate>,
    /// When it was breached.
    pub breached_on: Option<NaiveDate>,
    /// When it was given another chance: that day is one of grace.
    pub reinstated_on: Option<NaiveDate>,
    /// How the collection of what is due stands.
    pub attempt: Attempt,
    /// What is being done about the blocks.
    pub pending_transition: Option<PendingTransition>,
    /// Counts what was done about the blocks: each has step ids of its own.
    pub moves: i64,
    /// The edges that were taken since it was loaded.
    pub taken: Vec<Taken>,
    /// Counts its changes.
    pub version: i64,
    /// When it was proposed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Plan {
    /// Takes an edge.
    ///
    /// # Errors
    /// `PLAN_STATE` where the state has no such edge.
    pub fn go(&mut self, verb: Verb, by: Actor, explanation: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        let to = self.target(verb)?;
        let taken = Taken { verb, from: self.state, to, by, explanation: explanation.to_owned(), at: now };
        self.taken.push(taken);
        self.state = to;
        explanation.clone_into(&mut self.explanation);
        self.touch(now);
        Ok(())
    }

    /// Where a verb leads.
    ///
    /// # Errors
    /// `PLAN_STATE` where the state has no such edge.
    pub fn target(&self, verb: Verb) -> Result<PlanState, Refusal> {
        let refused = || Refusal::state("PLAN_STATE", "The plan", self.state.name(), &edges::allowed(self.state));
        edges::target(self.state, verb).ok_or_else(refused)
    }

    /// Refuses while blocks are being set or lifted.
    ///
    /// # Errors
    /// `CONCURRENT_UPDATE`.
    pub fn must_rest(&self) -> Result<(), Refusal> {
        if self.pending_transition.is_none() {
            return Ok(());
        }
        let message = "The plan's invoices are being blocked or unblocked. Retry in a moment.";
        Err(Refusal::new(RefusalKind::Conflict, "CONCURRENT_UPDATE", message))
    }

    /// Begins to block the invoices so that a verb can be done.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn block_for(&mut self, verb: Verb, by: Actor, explanation: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        self.pending_transition = Some(PendingTransition::Block { verb, by, explanation: explanation.to_owned() });
        for own in &mut self.covered {
            own.expected = own.open;
        }
        self.moves = self.moves.saturating_add(1);
        self.touch(now);
        Ok(())
    }

    /// Takes an edge that ends the plan's hold on its invoices, and begins to lift the blocks.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn end(&mut self, verb: Verb, by: Actor, explanation: &str, now: DateTime<Utc>) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        let held = self.state.is_live();
        self.go(verb, by, explanation, now)?;
        self.answer_by = None;
        self.attempt.next_at = None;
        self.attempt.waits = false;
        if held {
            self.pending_transition = Some(PendingTransition::Lift);
            self.moves = self.moves.saturating_add(1);
        }
        Ok(())
    }

    /// What is open of the invoices now.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn open(&self) -> Result<Money, MoneyError> {
        self.covered.iter().try_fold(Money::zero(self.currency), |sum, own| sum.plus(own.open))
    }

    /// Sum of the instalments.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.offer.instalments.iter().try_fold(Money::zero(self.currency), |sum, own| sum.plus(own.amount))
    }

    /// The earliest instalment that is not wholly paid, with its place.
    #[must_use]
    pub fn next_instalment(&self) -> Option<(usize, &Instalment)> {
        let unpaid = |own: &&Instalment| own.amount.micros() > own.paid.micros();
        self.offer.instalments.iter().enumerate().find(|(_, own)| unpaid(own)).filter(|_| self.state.is_followed())
    }

    /// Notes a change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
