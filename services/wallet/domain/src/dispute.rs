//! Disputes: an issuer has taken a charge back, and it is decided whether that stands
//! (docs/domain/wallet.md#disputes).

use crate::{
    Customer,
    charge::Charge,
    chargeback::{LotParts, TakenBack},
    method::PaymentMethod,
    top_up::TopUp,
    wallet::Wallet,
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Id, Money, Reason, Refusal, money::MoneyError};
use uuid::Uuid;

/// Where a dispute is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// It is not decided.
    Open,
    /// The seller keeps the money: what was taken is given back.
    Won,
    /// The payer keeps the money: what was taken stays taken.
    Lost,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    DisputeState { Open = "OPEN", Won = "WON", Lost = "LOST" }
}

/// How a dispute is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The seller keeps the money.
    Won,
    /// The payer keeps it.
    Lost,
}

impl Outcome {
    /// The name of the outcome, which is that of the state it leads to.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.state().name()
    }

    /// The state that it leads to.
    #[must_use]
    pub fn state(self) -> DisputeState {
        match self {
            Self::Won => DisputeState::Won,
            Self::Lost => DisputeState::Lost,
        }
    }
}

/// What the provider says of a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderDispute {
    /// The provider's id of it; empty where it has none.
    pub id: String,
    /// How much is taken back.
    pub amount: Money,
    /// Why, in the provider's code.
    pub reason: String,
    /// The day until which it takes evidence, where it says one.
    pub evidence_due: Option<NaiveDate>,
    /// Whether nobody decides it any more: a bank has returned a debit.
    pub is_final: bool,
    /// How it is decided; `None` while it is open.
    pub outcome: Option<Outcome>,
}

/// The charge that is disputed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disputed {
    /// That of a top-up.
    TopUp(Id<TopUp>),
    /// One of a payment of invoices.
    Charge {
        /// The charge.
        charge: Id<Charge>,
        /// The payment.
        payment: Uuid,
        /// The step of the payment that asked for it.
        step: Uuid,
    },
}

/// A dispute. What was taken back is stored, since it is what a won dispute gives back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id.
    pub id: Id<Dispute>,
    /// Whose charge it is.
    pub customer: Id<Customer>,
    /// The wallet in whose ledger it is booked.
    pub wallet: Id<Wallet>,
    /// What is disputed.
    pub disputed: Disputed,
    /// The charged method.
    pub method: Option<Id<PaymentMethod>>,
    /// Where it is.
    pub state: DisputeState,
    /// Whether a bank has returned a debit, which nobody decides any more.
    pub is_final: bool,
    /// What was taken back, and from where.
    pub taken: TakenBack,
    /// The lots that the credit was taken from; the rest of it became debt.
    pub lots: LotParts,
    /// Why, in the provider's code; may be empty.
    pub provider_reason: String,
    /// The day until which the provider takes evidence.
    pub evidence_due: Option<NaiveDate>,
    /// How the provider has decided it, whoever decided it first.
    pub told: Option<Outcome>,
    /// What a person said who decided it; empty where the provider did.
    pub explanation: String,
    /// What refunds had meant to give back while the issuer had it, and became credit when the
    /// dispute was won.
    pub unmoved: Money,
    /// The provider's id of the charge.
    pub provider_charge_id: String,
    /// The provider's id of the dispute; empty where it has none, and in disputes from before it
    /// was kept.
    pub provider_dispute_id: String,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
    /// When it was decided.
    pub ended_at: Option<DateTime<Utc>>,
}

/// Who decides a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decider {
    /// The provider.
    Provider,
    /// A person, who says why.
    Person(String),
}

impl Dispute {
    /// Opens the dispute of what was taken back. A debit that a bank returned is lost from the
    /// start.
    #[must_use]
    pub fn open(
        id: Id<Self>,
        customer: Id<Customer>,
        wallet: Id<Wallet>,
        (disputed, method, provider_charge_id): (Disputed, Option<Id<PaymentMethod>>, &str),
        (provider_dispute, taken, lots): (&ProviderDispute, TakenBack, LotParts),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            customer,
            wallet,
            disputed,
            method,
            state: if provider_dispute.is_final { DisputeState::Lost } else { DisputeState::Open },
            is_final: provider_dispute.is_final,
            taken,
            lots,
            provider_reason: provider_dispute.reason.clone(),
            evidence_due: provider_dispute.evidence_due,
            told: provider_dispute.outcome.filter(|_| provider_dispute.is_final),
            explanation: String::new(),
            unmoved: Money::zero(taken.amount.currency()),
            provider_charge_id: provider_charge_id.to_owned(),
            provider_dispute_id: provider_dispute.id.clone(),
            created_at: now,
            updated_at: now,
            ended_at: provider_dispute.is_final.then_some(now),
        }
    }

    /// Decides the dispute. Returns false where it is decided like this already. What the provider
    /// says is noted in any case; it changes nothing where a person has decided otherwise before.
    ///
    /// # Errors
    /// `DISPUTE_STATE` for a person where it is decided otherwise.
    pub fn decide(
        &mut self,
        outcome: Outcome,
        by: Decider,
        now: DateTime<Utc>,
    ) -> Result<bool, Refusal> {
        if by == Decider::Provider && self.told != Some(outcome) {
            self.told = Some(outcome);
            self.updated_at = now.max(self.updated_at);
        }
        if self.state != DisputeState::Open {
            return match by {
                Decider::Person(_) if self.state != outcome.state() => Err(Refusal::state(
                    Reason::DISPUTE_STATE,
                    "The dispute",
                    self.state.name(),
                    &[],
                )),
                Decider::Person(_) | Decider::Provider => Ok(false),
            };
        }
        self.state = outcome.state();
        if let Decider::Person(explanation) = by {
            self.explanation = explanation;
        }
        self.ended_at = Some(now);
        self.updated_at = now.max(self.updated_at);
        Ok(true)
    }
}

/// The disputes of one charge that are known, the oldest first. The provider opens another one only
/// after one that was won.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputesOfCharge(pub Vec<Dispute>);

impl DisputesOfCharge {
    /// The one that the provider tells of; `None` where it is not known yet.
    #[must_use]
    pub fn find(&self, provider_dispute: &ProviderDispute) -> Option<&Dispute> {
        let by_id = self.0.iter().find(|dispute| {
            !provider_dispute.id.is_empty() && dispute.provider_dispute_id == provider_dispute.id
        });
        by_id.or_else(|| self.0.last().filter(|last| last.may_be(provider_dispute)))
    }

    /// The one before a dispute that is not known yet, where nobody has told that it is won: the
    /// provider says so by opening another.
    #[must_use]
    pub fn won_unnoticed(&self, provider_dispute: &ProviderDispute) -> Option<&Dispute> {
        self.0.last().filter(|last| {
            self.find(provider_dispute).is_none() && !last.is_final && last.told.is_none()
        })
    }

    /// Whether a dispute can be opened that is not known yet: of the charge is nothing taken back
    /// now.
    #[must_use]
    pub fn may_open(&self, provider_dispute: &ProviderDispute) -> bool {
        self.find(provider_dispute).is_none()
            && self.0.last().is_none_or(|last| last.state == DisputeState::Won)
    }
}

impl Dispute {
    /// Whether the provider may tell of this one, the last of its charge, where one of both has no
    /// id. What is open is another one only where the provider has told that this one is won.
    fn may_be(&self, provider_dispute: &ProviderDispute) -> bool {
        let is_another = self.state == DisputeState::Won
            && self.told == Some(Outcome::Won)
            && provider_dispute.outcome.is_none();
        (self.provider_dispute_id.is_empty() || provider_dispute.id.is_empty()) && !is_another
    }

    /// Notes what more was taken from lots.
    ///
    /// # Errors
    /// `CurrencyMismatch`, `Overflow`.
    pub fn also_from(&mut self, lots: LotParts) -> Result<(), MoneyError> {
        for (lot, part) in lots {
            if let Some(pair) = self.lots.iter_mut().find(|pair| pair.0 == lot) {
                pair.1 = pair.1.plus(part)?;
            } else {
                self.lots.push((lot, part));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "dispute_tests.rs"]
mod tests;
