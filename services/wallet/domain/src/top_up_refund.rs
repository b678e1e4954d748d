//! Refunds of top-ups: what is left of the bought credit goes back to the method that paid it
//! (docs/domain/wallet.md#refund-of-top-up).

use crate::{
    dispute::{Dispute, DisputeState},
    hold::{self, Hold, HoldState},
    ledger::{Account, TransferKind},
    lot::Lot,
    refund::Refunded,
    settlement::belongs_to,
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal, money::MoneyError, rounding};

/// Where a refund of a top-up is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopUpRefundState {
    /// The credit is reserved, and the provider is being asked.
    Processing,
    /// The method has received the money.
    Succeeded,
    /// The method does not accept it: the credit is free again.
    Failed,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    TopUpRefundState { Processing = "PROCESSING", Succeeded = "SUCCEEDED", Failed = "FAILED" }
}

/// A refund of a top-up. Amount and provider key are fixed before the provider is called, so that a
/// repeated call cannot refund another amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopUpRefund {
    /// Its id, which is also that of the payment that owns its hold.
    pub id: Id<TopUpRefund>,
    /// The top-up.
    pub top_up: Id<TopUp>,
    /// The wallet of the top-up.
    pub wallet: Id<Wallet>,
    /// Where it is.
    pub state: TopUpRefundState,
    /// The credit that is taken.
    pub credit: Money,
    /// The tax that goes back with it.
    pub tax: Money,
    /// Why, in the words of who asked for it.
    pub explanation: String,
    /// The provider's id; empty before it answered.
    pub provider_refund_id: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl TopUpRefund {
    /// What the method receives.
    pub fn amount(&self) -> Result<Money, MoneyError> {
        self.credit.plus(self.tax)
    }
}

/// A refund to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The credit to refund; `None` for all that can be refunded.
    pub credit: Option<Money>,
    /// Why.
    pub explanation: String,
}

/// Credit and tax of a top-up that an issuer or a bank has taken for good.
fn taken_for_good(top_up: &TopUp, dispute: Option<&Dispute>) -> (Money, Money) {
    let zero = Money::zero(top_up.amount.currency());
    let lost = dispute.filter(|dispute| {
        top_up.state == TopUpState::ChargedBack && dispute.state == DisputeState::Lost
    });
    lost.map_or((zero, zero), |dispute| (dispute.taken.credit, dispute.taken.tax))
}

/// The credit of a top-up that can be refunded now: not what the issuer has taken.
pub fn refundable(
    top_up: &TopUp,
    dispute: Option<&Dispute>,
    wallet: &Wallet,
    now: DateTime<Utc>,
) -> Result<Money, MoneyError> {
    if must_be_refundable(top_up, dispute).is_err() {
        return Ok(Money::zero(wallet.currency));
    }
    let bought = top_up.amount.minus(top_up.tax)?;
    let not_taken =
        bought.minus(taken_for_good(top_up, dispute).0)?.minus(top_up.refunded_credit)?;
    refundable_lot(top_up.lot, wallet, now)?.min(not_taken)
}

/// The credit of a lot that can go back to who paid for it: in force, not held, and free beside the
/// debt.
pub(crate) fn refundable_lot(
    lot: Option<Id<Lot>>,
    wallet: &Wallet,
    now: DateTime<Utc>,
) -> Result<Money, MoneyError> {
    let zero = Money::zero(wallet.currency);
    let lot = wallet.lots.iter().find(|each| Some(each.id) == lot && each.in_force(now));
    let left = lot.map_or(Ok(zero), Lot::unpinned)?;
    let beside_debt = wallet.free(now)?.minus(wallet.debt())?.max(zero)?;
    Ok(left.min(beside_debt)?.round_down_to_minor_unit())
}

/// Begins a refund: reserves the credit on the top-up's own lot. `dispute` is the last one of its
/// charge.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `TOP_UP_STATE`, `DISPUTE_NOT_CONFIRMED`, `REFUND_TOO_LARGE`.
pub fn ask(
    top_up: &mut TopUp,
    dispute: Option<&Dispute>,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    request: RefundRequest,
    now: DateTime<Utc>,
) -> Result<(TopUpRefund, Hold), Refusal> {
    must_be_refundable(top_up, dispute)?;
    let left = refundable(top_up, dispute, wallet, now)?;
    let credit = request.credit.unwrap_or(left);
    wallet.takes(credit)?;
    if left.compare(credit)?.is_lt() || !credit.is_positive() {
        let message = format!(
            "{left} of the top-up's credit can be refunded: what is spent, held or owed cannot."
        );
        return Err(
            Refusal::precondition(Reason::REFUND_TOO_LARGE, message).with("left", left.amount())
        );
    }
    let bought = top_up.amount.minus(top_up.tax)?;
    let so_far = top_up.refunded_credit.plus(credit)?;
    let (taken, taken_tax) = taken_for_good(top_up, dispute);
    // The last refund takes the rest of the tax, so that all refunds together give back all that
    // was not taken.
    let most_tax = top_up.tax.minus(taken_tax)?;
    let tax_so_far = if so_far.plus(taken)? == bought {
        most_tax
    } else {
        share(top_up.tax, so_far, bought)?.min(most_tax)?
    };
    let tax = tax_so_far.minus(top_up.refunded_tax)?;
    top_up.refunded_credit = so_far;
    top_up.refunded_tax = tax_so_far;
    top_up.updated_at = now.max(top_up.updated_at);
    let lot = top_up.lot;
    let pins = hold::pin(wallet, credit, now, |candidate| Some(candidate.id) == lot)?;
    let refund = TopUpRefund {
        id: ids.make(),
        top_up: top_up.id,
        wallet: wallet.id,
        state: TopUpRefundState::Processing,
        credit,
        tax,
        explanation: request.explanation,
        provider_refund_id: String::new(),
        created_at: now,
        updated_at: now,
    };
    let hold = Hold {
        id: ids.make(),
        state: HoldState::Active,
        amount: credit,
        captured: Money::zero(wallet.currency),
        pins,
        payment: Some(refund.id.uuid()),
        expires_at: now,
        description: "Refund of a top-up".to_owned(),
        created_at: now,
        updated_at: now,
    };
    Ok((refund, hold))
}

/// Refuses while there is nothing to refund, or no method would take a refund. `dispute` is the
/// last one of its charge.
fn must_be_refundable(top_up: &TopUp, dispute: Option<&Dispute>) -> Result<(), Refusal> {
    let refused = |why: &str, allowed: &str| {
        let message = format!("The top-up is {}: {why}.", top_up.state.name());
        Err(Refusal::precondition(Reason::TOP_UP_STATE, message)
            .with("state", top_up.state.name())
            .with("allowed", allowed))
    };
    match (top_up.state, dispute) {
        (TopUpState::Processing | TopUpState::RequiresAction, _) => {
            refused("no money is taken yet. Refund it once it is SUCCEEDED", "nothing yet")
        }
        (TopUpState::Failed, _) => {
            refused("no money was taken, so there is nothing to refund", "nothing more")
        }
        (TopUpState::ChargedBack, Some(dispute)) if dispute.state == DisputeState::Open => {
            let taken = dispute.taken.amount;
            let why = format!(
                "{taken} of it are disputed. Refund what is left of it once the dispute is decided; GetDispute says how it stands"
            );
            refused(&why, "nothing yet")
        }
        (TopUpState::ChargedBack, Some(dispute)) if dispute.state == DisputeState::Lost => {
            let left = top_up
                .amount
                .minus(dispute.taken.amount)?
                .minus(top_up.refunded_credit)?
                .minus(top_up.refunded_tax)?;
            if !left.is_positive() {
                return refused(
                    "its issuer or bank has taken back all that was not refunded, so nothing is left to refund",
                    "nothing more",
                );
            }
            must_be_confirmed(dispute)
        }
        (TopUpState::ChargedBack, _) => refused(
            "its issuer or bank has taken it back, so nothing is left to refund",
            "nothing more",
        ),
        (TopUpState::Succeeded, dispute) => dispute.map_or(Ok(()), must_be_confirmed),
    }
}

/// Refuses while the provider has not decided a dispute as it is recorded: it takes no refund of a
/// charge that it holds to be disputed.
fn must_be_confirmed(dispute: &Dispute) -> Result<(), Refusal> {
    let recorded = dispute.state.name();
    let message = match dispute.told {
        _ if dispute.is_final => return Ok(()),
        Some(this_outcome) if this_outcome.state() == dispute.state => return Ok(()),
        Some(this_outcome) => format!(
            "The dispute about the top-up is recorded as {recorded}, and the payment provider says {}: it takes no refund of it. Settle the \
             difference with the provider, and refund it there.",
            this_outcome.name()
        ),
        None => format!(
            "The dispute about the top-up is recorded as {recorded}, and the payment provider has not decided it yet: until then it takes no \
             refund. Refund it once provider_outcome of the dispute is {recorded}."
        ),
    };
    Err(Refusal::precondition(Reason::DISPUTE_NOT_CONFIRMED, message).with("recorded", recorded))
}

/// The share of a tax that belongs to a part of the credit.
fn share(tax: Money, part: Money, whole: Money) -> Result<Money, MoneyError> {
    let product = tax.amount().checked_mul(part.amount()).ok_or(MoneyError::Overflow)?;
    let exact = product.checked_div(whole.amount()).ok_or(MoneyError::Overflow)?;
    Money::new(tax.currency(), rounding::half_away(exact, tax.currency().exponent()))
}

/// Records the provider's answer: purchased credit and tax payable → provider clearing, or the
/// credit is free again. A refund that has ended does not change; returns false then.
pub fn answered(
    top_up: &mut TopUp,
    refund: &mut TopUpRefund,
    hold: &mut Hold,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    outcome: Refunded,
    now: DateTime<Utc>,
) -> Result<bool, Refusal> {
    if refund.state != TopUpRefundState::Processing {
        return Ok(false);
    }
    refund.updated_at = now.max(refund.updated_at);
    top_up.updated_at = now.max(top_up.updated_at);
    match outcome {
        Refunded::Succeeded => {
            let mut sides = Vec::with_capacity(3);
            for (id, pinned) in hold.pins.drain(..) {
                let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == id) else { continue };
                lot.pinned = lot.pinned.minus(pinned)?;
                lot.remaining = lot.remaining.minus(pinned)?;
                sides.push((Account::CustomerCredit, Some(id), pinned.negated()));
            }
            if !refund.tax.is_zero() {
                sides.push((Account::TaxPayable, None, refund.tax.negated()));
            }
            sides.push((Account::ProviderClearing, None, refund.amount()?));
            wallet.post(ids, TransferKind::TopUpRefund, sides, refund.explanation.clone(), now)?;
            belongs_to(wallet, refund.id.uuid());
            hold.captured = hold.amount;
            hold.state = HoldState::Captured;
            hold.updated_at = now;
            refund.state = TopUpRefundState::Succeeded;
        }
        Refunded::Failed => {
            hold::release(wallet, hold, ids, HoldState::Voided, now)?;
            top_up.refunded_credit = top_up.refunded_credit.minus(refund.credit)?;
            top_up.refunded_tax = top_up.refunded_tax.minus(refund.tax)?;
            refund.state = TopUpRefundState::Failed;
        }
    }
    Ok(true)
}

#[cfg(test)]
#[path = "top_up_refund_tests.rs"]
mod tests;
