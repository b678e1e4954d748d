//! A plan: the invoices that it covers, its instalments, its state, and the pending change of its
//! blocks.

use crate::{
    Customer, Invoice,
    collection::Attempt,
    edges::{self, Verb},
    on_time::{Breaches, Restart},
    schedule::{Instalment, Schedule},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{
    Actor, Currency, DatedAmount, Id, Kind as RefusalKind, Marks, Money, Reason, Refusal,
    money::MoneyError,
};

/// The state of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanState {
    /// A flow is blocking the invoices; nobody sees the plan yet.
    Pending,
    /// It waits for the tenant's answer.
    Proposed,
    /// It waits for the customer's answer to a counter-offer.
    Countered,
    /// Instalments fall due on their dates.
    Active,
    /// An instalment is late.
    InGrace,
    /// All is paid.
    Completed,
    /// The tenant refused it.
    Refused,
    /// The customer withdrew it.
    Withdrawn,
    /// Nobody answered in time.
    Lapsed,
    /// An instalment stayed late through the grace period.
    Breached,
    /// The tenant cancelled it.
    Cancelled,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    PlanState {
        Pending = "PENDING",
        Proposed = "PROPOSED",
        Countered = "COUNTERED",
        Active = "ACTIVE",
        InGrace = "IN_GRACE",
        Completed = "COMPLETED",
        Refused = "REFUSED",
        Withdrawn = "WITHDRAWN",
        Lapsed = "LAPSED",
        Breached = "BREACHED",
        Cancelled = "CANCELLED",
    }
}

impl PlanState {
    /// Whether a plan in this state holds its invoices: an invoice is in one such plan at most.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Proposed | Self::Countered | Self::Active | Self::InGrace
        )
    }

    /// Whether instalments fall due.
    #[must_use]
    pub fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::InGrace)
    }

    /// Whether it still follows the payments of its invoices. A payment of one that was paid may be
    /// taken back.
    #[must_use]
    pub fn is_followed(self) -> bool {
        self.is_live() || matches!(self, Self::Breached | Self::Completed)
    }
}

/// An invoice of a plan, with the newest amounts that plans received from invoicing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The invoice.
    pub invoice: Id<Invoice>,
    /// Its number.
    pub number: String,
    /// The due date that it has without the plan.
    pub due_on: NaiveDate,
    /// Its open amount at the proposal; from the approval on, that at the approval.
    pub covered: Money,
    /// Its paid amount at the same time.
    pub paid_before: Money,
    /// Its open amount now.
    pub open: Money,
    /// Its paid amount now.
    pub paid: Money,
    /// The same by effective day, the earliest first.
    pub paid_by_day: Vec<DatedAmount>,
    /// The day from which anything follows from what is open of it.
    pub no_consequence_before: Option<NaiveDate>,
    /// Its open amount when the block was requested. A repeated request must have the same content,
    /// so it is stored.
    pub expected: Money,
    /// Invoicing's revision of these amounts; a higher one is newer.
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

/// The pending change of the blocks. While it is set, a flow over invoicing is open, and no other
/// verb is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingTransition {
    /// The invoices are being blocked; the verb is applied after that.
    Block {
        /// The verb that is applied when the blocks are set.
        verb: Verb,
        /// Who asked for it.
        by: Actor,
        /// Why.
        explanation: String,
    },
    /// The plan has ended and its blocks are being lifted.
    Lift,
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// What caused it.
    pub verb: Verb,
    /// The state before.
    pub from: PlanState,
    /// The state after.
    pub to: PlanState,
    /// Who did it.
    pub by: Actor,
    /// Why.
    pub explanation: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// Two dates that bound a search, each of them included; `None` leaves that side open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DateRange {
    /// The first date.
    pub from: Option<NaiveDate>,
    /// The last date.
    pub to: Option<NaiveDate>,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its id.
    pub id: Id<Plan>,
    /// The customer that pays it.
    pub customer: Id<Customer>,
    /// Its state.
    pub state: PlanState,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The invoices that it covers, the earliest due date first.
    pub covered: Vec<Covered>,
    /// The offer that is valid: the proposal, or an accepted counter-offer.
    pub offer: Offer,
    /// The tenant's counter-offer, while it waits for an answer.
    pub counter: Option<Offer>,
    /// Whether instalments are collected automatically with the customer's collection method.
    pub collect_automatically: bool,
    /// The day from which anything is collected of its customer, where a dispute has taken the only
    /// method: [`undecided`](crate::on_time::undecided) while that is open.
    pub collected_from: Option<NaiveDate>,
    /// The customer's note to the tenant.
    pub note: String,
    /// The explanation of the last change of state.
    pub explanation: String,
    /// Days within which an offer is answered.
    pub answer_days: u32,
    /// Days for which an instalment may be late.
    pub grace_days: u32,
    /// Whether a breach makes the whole rest due at once.
    pub accelerates: bool,
    /// When the offer lapses; `None` if no answer is awaited.
    pub answer_by: Option<DateTime<Utc>>,
    /// The first day of the present grace period.
    pub late_since: Option<NaiveDate>,
    /// When it was breached.
    pub breached_on: Option<NaiveDate>,
    /// When it became active again after a breach or its completion. The grace period does not end
    /// before that day is over.
    pub reinstated_on: Option<NaiveDate>,
    /// Its breaches, and what disproves the last one.
    pub breaches: Breaches,
    /// What decides whether it becomes active again by itself.
    pub restart: Restart,
    /// The newest attempt to collect.
    pub attempt: Attempt,
    /// The pending change of the blocks.
    pub pending_transition: Option<PendingTransition>,
    /// Counts the changes of the blocks. It is part of the ids of their steps, so that a later
    /// change is not taken for a repetition of an earlier one.
    pub moves: i64,
    /// Changes of state since it was loaded; they are not in the history yet.
    pub transitions: Vec<Transition>,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// Counts its changes.
    pub version: i64,
    /// When it was proposed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Plan {
    /// Changes the state.
    ///
    /// # Errors
    /// `PLAN_STATE` if the verb is not allowed in this state.
    pub fn go(
        &mut self,
        verb: Verb,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let to = self.target(verb)?;
        let transition = Transition {
            verb,
            from: self.state,
            to,
            by,
            explanation: explanation.to_owned(),
            at: now,
        };
        self.transitions.push(transition);
        self.state = to;
        explanation.clone_into(&mut self.explanation);
        self.touch(now);
        Ok(())
    }

    /// The state that a verb leads to.
    ///
    /// # Errors
    /// `PLAN_STATE` if the verb is not allowed in this state.
    pub fn target(&self, verb: Verb) -> Result<PlanState, Refusal> {
        let refused = || {
            Refusal::state(
                Reason::PLAN_STATE,
                "The plan",
                self.state.name(),
                &edges::allowed(self.state),
            )
        };
        edges::target(self.state, verb).ok_or_else(refused)
    }

    /// Refuses while a flow sets or lifts blocks, because it will change the plan when it has
    /// finished.
    ///
    /// # Errors
    /// `CONCURRENT_UPDATE`.
    pub fn must_rest(&self) -> Result<(), Refusal> {
        if self.pending_transition.is_none() {
            return Ok(());
        }
        let message = "The plan's invoices are being blocked or unblocked. Retry in a moment.";
        Err(Refusal::new(RefusalKind::Conflict, Reason::CONCURRENT_UPDATE, message))
    }

    /// Begins to block the invoices so that a verb can be done.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn block_for(
        &mut self,
        verb: Verb,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        self.pending_transition =
            Some(PendingTransition::Block { verb, by, explanation: explanation.to_owned() });
        for invoice in &mut self.covered {
            invoice.expected = invoice.open;
        }
        self.moves = self.moves.saturating_add(1);
        self.touch(now);
        Ok(())
    }

    /// Ends the plan, and begins to lift the blocks of its invoices.
    ///
    /// # Errors
    /// `PLAN_STATE`, `CONCURRENT_UPDATE`.
    pub fn end(
        &mut self,
        verb: Verb,
        by: Actor,
        explanation: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.target(verb)?;
        self.must_rest()?;
        let had_blocks = self.state.is_live();
        self.go(verb, by, explanation, now)?;
        self.restart = Restart { refused: false, paid_at_completion: None };
        if verb == Verb::Complete {
            self.restart.paid_at_completion = Some(self.paid_since_begin()?);
        }
        self.answer_by = None;
        self.attempt.next_at = None;
        self.attempt.waits = false;
        if had_blocks {
            self.pending_transition = Some(PendingTransition::Lift);
            self.moves = self.moves.saturating_add(1);
        }
        Ok(())
    }

    /// The open amount of the invoices now.
    pub fn open(&self) -> Result<Money, MoneyError> {
        self.covered
            .iter()
            .try_fold(Money::zero(self.currency), |sum, invoice| sum.plus(invoice.open))
    }

    /// Sum of the instalments.
    pub fn total(&self) -> Result<Money, MoneyError> {
        self.offer
            .instalments
            .iter()
            .try_fold(Money::zero(self.currency), |sum, instalment| sum.plus(instalment.amount))
    }

    /// The index and the instalment of the earliest one that is not wholly paid.
    #[must_use]
    pub fn next_instalment(&self) -> Option<(usize, &Instalment)> {
        let is_unpaid =
            |instalment: &Instalment| instalment.amount.micros() > instalment.paid.micros();
        self.offer
            .instalments
            .iter()
            .enumerate()
            .find(|(_, instalment)| is_unpaid(instalment))
            .filter(|_| self.state.is_followed())
    }

    /// Raises the version, and sets the time of the last change.
    pub fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}
