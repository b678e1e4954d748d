//! Revocations: bought credit is taken from its lot for cause, by two people, and can be given back
//! (docs/domain/wallet.md#revocation).

use crate::{
    ledger::{Account, TransferKind},
    lot::{Lot, LotKind},
    settlement::belongs_to,
    wallet::{Payer, Wallet},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Kind, Money, Reason, Refusal};

/// Where a revocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationState {
    /// Another person decides. The credit can still be used.
    Proposed,
    /// It was refused: nothing was taken.
    Refused,
    /// The credit is withheld.
    Revoked,
    /// The credit is the customer's again.
    Restored,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    RevocationState { Proposed = "PROPOSED", Refused = "REFUSED", Revoked = "REVOKED", Restored = "RESTORED" }
}

impl RevocationState {
    /// The methods that a state allows.
    fn allowed(self) -> &'static [&'static str] {
        match self {
            Self::Proposed => &["DecideRevocation"],
            Self::Revoked => &["RestoreCredit"],
            Self::Refused | Self::Restored => &[],
        }
    }
}

/// Why credit is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It was bought by fraud.
    Fraud,
    /// The law forbids to do business with the customer.
    Sanction,
    /// It should never have been there.
    Error,
}

payterms_kernel::names! {
    /// The name in columns.
    Cause { Fraud = "FRAUD", Sanction = "SANCTION", Error = "ERROR" }
}

/// A revocation of credit of one lot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Its id.
    pub id: Id<Revocation>,
    /// The wallet.
    pub wallet: Id<Wallet>,
    /// The lot that the credit is taken from.
    pub lot: Id<Lot>,
    /// The lot that has it again, once it is restored.
    pub restored_to: Option<Id<Lot>>,
    /// Where it is.
    pub state: RevocationState,
    /// Why.
    pub cause: Cause,
    /// How much.
    pub amount: Money,
    /// Why, in a sentence that the customer reads.
    pub explanation: String,
    /// Who proposed it, as their token names them.
    pub proposed_by: String,
    /// Who decided; empty before.
    pub decided_by: String,
    /// What was said with the decision or, later, with the restoration; the customer reads the
    /// latter.
    pub answer: String,
    /// Counts its changes.
    pub version: i64,
    /// When it was proposed.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A revocation to propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Why.
    pub cause: Cause,
    /// How much; `None` for all that no hold pins.
    pub amount: Option<Money>,
    /// Why, in a sentence.
    pub explanation: String,
}

/// The credit of a lot that no hold pins; nothing of one that is over.
fn free(wallet: &Wallet, lot: Id<Lot>, now: DateTime<Utc>) -> Result<Money, Refusal> {
    let this_lot = wallet.lots.iter().find(|each| each.id == lot && each.in_force(now));
    Ok(this_lot.map_or(Ok(Money::zero(wallet.currency)), Lot::unpinned)?)
}

/// The credit of a lot that can be revoked now.
///
/// # Errors
/// `LOT_STATE` for granted credit, and for a lot of which nothing is free.
fn revocable(wallet: &Wallet, lot: Id<Lot>, now: DateTime<Utc>) -> Result<Money, Refusal> {
    if wallet
        .lots
        .iter()
        .any(|each| each.id == lot && each.in_force(now) && each.kind == LotKind::Granted)
    {
        return Err(crate::error::lot_state(
            "Only bought credit is revoked. Void what was granted with VoidGrant.",
        ));
    }
    let left = free(wallet, lot, now)?;
    if left.is_positive() {
        return Ok(left);
    }
    Err(crate::error::lot_state(
        "Nothing of the lot is free: it is used up, expired, or reserved by holds.",
    ))
}

fn must_suffice(left: Money, amount: Money) -> Result<(), Refusal> {
    if left.compare(amount)?.is_ge() {
        return Ok(());
    }
    let message = format!(
        "{left} of the lot are free now, {amount} are to be revoked. Propose at most what is free."
    );
    Err(Refusal::precondition(Reason::REVOCATION_TOO_LARGE, message)
        .with("left", left.amount())
        .with("amount", amount.amount()))
}

/// Proposes a revocation; nothing is taken before another person has decided.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `LOT_STATE`, `REVOCATION_TOO_LARGE`.
pub fn propose(
    wallet: &Wallet,
    lot: Id<Lot>,
    id: Id<Revocation>,
    by: &str,
    proposal: Proposal,
    now: DateTime<Utc>,
) -> Result<Revocation, Refusal> {
    if let Some(amount) = proposal.amount {
        wallet.takes(amount)?;
    }
    let left = revocable(wallet, lot, now)?;
    let amount = proposal.amount.unwrap_or(left);
    must_suffice(left, amount)?;
    Ok(Revocation {
        id,
        wallet: wallet.id,
        lot,
        restored_to: None,
        state: RevocationState::Proposed,
        cause: proposal.cause,
        amount,
        explanation: proposal.explanation,
        proposed_by: by.to_owned(),
        decided_by: String::new(),
        answer: String::new(),
        version: 1,
        created_at: now,
        updated_at: now,
    })
}

/// What a person says to a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Who decides.
    pub by: String,
    /// Whether the credit is taken.
    pub approve: bool,
    /// What they say with it.
    pub answer: String,
}

impl Revocation {
    fn must_be(&self, state: RevocationState) -> Result<(), Refusal> {
        if self.state == state {
            return Ok(());
        }
        Err(Refusal::state(
            Reason::REVOCATION_STATE,
            "The revocation",
            self.state.name(),
            self.state.allowed(),
        ))
    }

    /// Takes a decision in, never the proposer's own. What is approved is withheld: purchased
    /// credit → withheld.
    ///
    /// # Errors
    /// `REVOCATION_STATE`, `SEPARATION_OF_DUTIES`, `REVOCATION_TOO_LARGE` where less is left than
    /// was proposed.
    pub fn decide(
        &mut self,
        wallet: &mut Wallet,
        ids: &mut IdSource,
        decision: Decision,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        self.must_be(RevocationState::Proposed)?;
        if self.proposed_by == decision.by {
            let message = "Nobody decides what they have proposed themselves. Ask a second person.";
            return Err(Refusal::new(Kind::Denied, Reason::SEPARATION_OF_DUTIES, message));
        }
        if decision.approve {
            must_suffice(free(wallet, self.lot, now)?, self.amount)?;
            if let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == self.lot) {
                lot.remaining = lot.remaining.minus(self.amount)?;
            }
            let sides = vec![
                (Account::CustomerCredit, Some(self.lot), self.amount.negated()),
                (Account::Withheld, None, self.amount),
            ];
            wallet.post(ids, TransferKind::Revocation, sides, self.explanation.clone(), now)?;
            belongs_to(wallet, self.id.uuid());
        }
        self.state =
            if decision.approve { RevocationState::Revoked } else { RevocationState::Refused };
        self.decided_by = decision.by;
        self.answer = decision.answer;
        self.touch(now);
        Ok(())
    }

    /// Gives the credit back: withheld → the lot that it came from, or a new one like it if that is
    /// over. Returns the lots that have it: what the lot has no room for is in a new one, too.
    ///
    /// # Errors
    /// `REVOCATION_STATE`.
    pub fn restore(
        &mut self,
        wallet: &mut Wallet,
        ids: &mut IdSource,
        lot: &Lot,
        answer: String,
        now: DateTime<Utc>,
    ) -> Result<Vec<Id<Lot>>, Refusal> {
        self.must_be(RevocationState::Revoked)?;
        let parts = wallet.restore(ids, lot, self.amount, now)?;
        let mut sides = vec![(Account::Withheld, None, self.amount.negated())];
        sides.extend(parts.iter().map(|(lot, part)| (Account::CustomerCredit, Some(*lot), *part)));
        wallet.post(ids, TransferKind::Restoration, sides, answer.clone(), now)?;
        belongs_to(wallet, self.id.uuid());
        let restored: Vec<_> = parts.into_iter().map(|(lot, _)| lot).collect();
        restored.iter().try_for_each(|lot| wallet.settle_owed(ids, *lot, Payer::Free, now))?;
        self.state = RevocationState::Restored;
        self.restored_to = restored.first().copied();
        self.answer = answer;
        self.touch(now);
        Ok(restored)
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

#[cfg(test)]
#[path = "revocation_tests.rs"]
mod tests;
