//! Disputes: an issuer has taken a charge back, and it is decided whether that stands (docs/domain/wallet.md#disputes).

use crate::{
    Customer,
    chargeback::TakenBack,
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind},
    method::PaymentMethod,
    restore::LEAST_DAYS,
    settlement::{self, Charge, ChargeState, deposit, post},
    top_up::{TopUp, TopUpState},
    wallet::{LotFunding, NewLot, Wallet},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal};
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

impl DisputeState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Open, Self::Won, Self::Lost];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Won => "WON",
            Self::Lost => "LOST",
        }
    }
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
    /// Why, in the provider's code; may be empty.
    pub provider_reason: String,
    /// The day until which the provider takes evidence.
    pub evidence_due: Option<NaiveDate>,
    /// How the provider has decided it, whoever decided it first.
    pub told: Option<Outcome>,
    /// What a person said who decided it; empty where the provider did.
    pub explanation: String,
    /// The provider's id of the charge.
    pub provider_charge_id: String,
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
    /// Opens the dispute of what was taken back. A debit that a bank returned is lost from the start.
    #[must_use]
    pub fn open(
        id: Id<Self>,
        customer: Id<Customer>,
        wallet: Id<Wallet>,
        (disputed, method, provider_charge_id): (Disputed, Option<Id<PaymentMethod>>, &str),
        (told, taken): (&ProviderDispute, TakenBack),
        now: DateTime<Utc>,
    ) -> Self {
        Self {
            id,
            customer,
            wallet,
            disputed,
            method,
            state: if told.is_final { DisputeState::Lost } else { DisputeState::Open },
            is_final: told.is_final,
            taken,
            provider_reason: told.reason.clone(),
            evidence_due: told.evidence_due,
            told: told.outcome.filter(|_| told.is_final),
            explanation: String::new(),
            provider_charge_id: provider_charge_id.to_owned(),
            created_at: now,
            updated_at: now,
            ended_at: told.is_final.then_some(now),
        }
    }

    /// Decides the dispute. Returns false where it is decided like this already. What the provider says is noted in any case; it changes
    /// nothing where a person has decided otherwise before.
    ///
    /// # Errors
    /// `DISPUTE_STATE` for a person where it is decided otherwise.
    pub fn decide(&mut self, outcome: Outcome, by: Decider, now: DateTime<Utc>) -> Result<bool, Refusal> {
        if by == Decider::Provider && self.told != Some(outcome) {
            self.told = Some(outcome);
            self.updated_at = now.max(self.updated_at);
        }
        if self.state != DisputeState::Open {
            return match by {
                Decider::Person(_) if self.state != outcome.state() => {
                    Err(Refusal::state("DISPUTE_STATE", "The dispute", self.state.name(), &[]))
                }
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

/// Books that the dispute of a top-up is won: provider clearing → purchased credit and tax payable. The new lot has the terms of the old
/// one, and pays what is owed first; what is free of the old one moves to it. Returns the lot.
pub fn won_top_up(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    taken: TakenBack,
    (old, expires_at): (Option<&Lot>, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<Option<Id<Lot>>, Refusal> {
    if top_up.state != TopUpState::ChargedBack {
        return Ok(None);
    }
    let least = now.checked_add_signed(TimeDelta::days(LEAST_DAYS)).unwrap_or(now);
    top_up.state = TopUpState::Succeeded;
    top_up.updated_at = now.max(top_up.updated_at);
    if !taken.credit.is_positive() {
        let sides = vec![(Account::ProviderClearing, None, taken.amount.negated()), (Account::TaxPayable, None, taken.tax)];
        post(wallet, ids, TransferKind::DisputeWon, None, sides, now)?;
        return Ok(None);
    }
    let expires_at = old.map_or(expires_at, |lot| lot.expires_at).map(|expiry| expiry.max(least));
    let new = NewLot {
        kind: LotKind::Purchased,
        tax_kind: Some(top_up.tax_kind),
        priority: old.map_or(0, |lot| lot.priority),
        amount: taken.credit,
        expires_at,
        description: old.map(|lot| lot.description.clone()).unwrap_or_default(),
    };
    let funding = LotFunding { kind: TransferKind::DisputeWon, source: Account::ProviderClearing, tax: taken.tax, recharge: false };
    let lot = wallet.add_lot(ids, new, funding, now)?;
    gather(wallet, ids, (top_up.lot, lot), now)?;
    // What can be refunded of the top-up lies in this lot now.
    (top_up.lot, top_up.expires_at) = (Some(lot), expires_at);
    Ok(Some(lot))
}

/// Moves what is free of a top-up's old lot to its new one: a refund takes from one lot.
fn gather(wallet: &mut Wallet, ids: &mut IdSource, (old, new): (Option<Id<Lot>>, Id<Lot>), now: DateTime<Utc>) -> Result<(), Refusal> {
    let Some(lot) = wallet.lots.iter_mut().find(|lot| Some(lot.id) == old && lot.in_force(now)) else { return Ok(()) };
    let free = lot.unpinned()?;
    if !free.is_positive() {
        return Ok(());
    }
    lot.remaining = lot.remaining.minus(free)?;
    if let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == new) {
        lot.amount = lot.amount.plus(free)?;
        lot.remaining = lot.remaining.plus(free)?;
    }
    let sides = vec![(Account::CustomerCredit, old, free.negated()), (Account::CustomerCredit, Some(new), free)];
    post(wallet, ids, TransferKind::DisputeWon, None, sides, now)
}

/// Books that the dispute of a charge is won: provider clearing → invoice settlement, and what had been credit is credit again. So is what
/// refunds meant to give back while the issuer had it all (`unmoved`). Returns the lot of that credit.
pub fn won_charge(
    charge: &mut Charge,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    (taken, unmoved): (TakenBack, Money),
    expires_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Option<Id<Lot>>, Refusal> {
    if charge.state != ChargeState::ChargedBack {
        return Ok(None);
    }
    let sides = vec![(Account::ProviderClearing, None, taken.amount.negated()), (Account::InvoiceSettlement, None, taken.amount)];
    post(wallet, ids, TransferKind::DisputeWon, Some(charge.payment), sides, now)?;
    let credit = taken.credit.plus(unmoved)?;
    let lot = if credit.is_positive() {
        let new = deposit(credit, expires_at);
        Some(settlement::add_lot(wallet, ids, TransferKind::DisputeWon, charge.payment, new, now)?)
    } else {
        None
    };
    charge.state = ChargeState::Succeeded;
    charge.charged_back = None;
    charge.updated_at = now.max(charge.updated_at);
    Ok(lot)
}

#[cfg(test)]
#[path = "dispute_tests.rs"]
mod tests;
