//! Refunds of top-ups: what is left of the bought credit goes back to the method that paid it
//! (docs/domain/wallet.md#refund-of-top-up).

use crate::{
    hold::{self, Hold, HoldState},
    ledger::{Account, TransferKind},
    lot::Lot,
    refund::Refunded,
    settlement::belongs_to,
    top_up::{TopUp, TopUpState},
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, money::MoneyError, rounding};

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

impl TopUpRefundState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Processing, Self::Succeeded, Self::Failed];

    /// The name of the state, as in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }
}

/// A refund of a top-up. Amount and provider key are fixed before the provider is called, so that a repeated call cannot refund
/// another amount.
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

/// The credit of a top-up that can be refunded now.
pub fn refundable(top_up: &TopUp, wallet: &Wallet, now: DateTime<Utc>) -> Result<Money, MoneyError> {
    if top_up.state != TopUpState::Succeeded {
        return Ok(Money::zero(wallet.currency));
    }
    refundable_lot(top_up.lot, wallet, now)
}

/// The credit of a lot that can go back to who paid for it: in force, not held, and free beside the debt.
pub(crate) fn refundable_lot(lot: Option<Id<Lot>>, wallet: &Wallet, now: DateTime<Utc>) -> Result<Money, MoneyError> {
    let zero = Money::zero(wallet.currency);
    let lot = wallet.lots.iter().find(|own| Some(own.id) == lot && own.in_force(now));
    let left = lot.map_or(Ok(zero), Lot::unpinned)?;
    let beside_debt = wallet.free(now)?.minus(wallet.debt())?.max(zero)?;
    Ok(left.min(beside_debt)?.round_down_to_minor_unit())
}

/// Begins a refund: reserves the credit on the top-up's own lot.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `TOP_UP_STATE`, `REFUND_TOO_LARGE`.
pub fn ask(
    top_up: &mut TopUp,
    wallet: &mut Wallet,
    ids: &mut IdSource,
    request: RefundRequest,
    now: DateTime<Utc>,
) -> Result<(TopUpRefund, Hold), Refusal> {
    if top_up.state != TopUpState::Succeeded {
        return Err(not_refundable(top_up.state));
    }
    let left = refundable(top_up, wallet, now)?;
    let credit = request.credit.unwrap_or(left);
    wallet.takes(credit)?;
    if left.compare(credit)?.is_lt() || !credit.is_positive() {
        let message = format!("{left} of the top-up's credit can be refunded: what is spent, held or owed cannot.");
        return Err(Refusal::precondition("REFUND_TOO_LARGE", message).with("left", left.amount()));
    }
    let bought = top_up.amount.minus(top_up.tax)?;
    let so_far = top_up.refunded_credit.plus(credit)?;
    // The last refund takes the rest of the tax, so that all refunds together give back all of it.
    let tax_so_far = if so_far == bought { top_up.tax } else { share(top_up.tax, so_far, bought)? };
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

fn not_refundable(state: TopUpState) -> Refusal {
    let why = match state {
        TopUpState::Processing | TopUpState::RequiresAction => "no money is taken yet. Refund it once it is SUCCEEDED",
        TopUpState::ChargedBack => {
            "its issuer or bank has taken money back. It can be refunded again only if a dispute about it is won; ListDisputes says how it stands"
        }
        TopUpState::Failed | TopUpState::Succeeded => "no money was taken, so there is nothing to refund",
    };
    let message = format!("The top-up is {}: {why}.", state.name());
    Refusal::precondition("TOP_UP_STATE", message).with("state", state.name()).with("allowed", "nothing more")
}

/// The share of a tax that belongs to a part of the credit.
fn share(tax: Money, part: Money, whole: Money) -> Result<Money, MoneyError> {
    let product = tax.amount().checked_mul(part.amount()).ok_or(MoneyError::Overflow)?;
    let exact = product.checked_div(whole.amount()).ok_or(MoneyError::Overflow)?;
    Money::new(tax.currency(), rounding::half_away(exact, tax.currency().exponent()))
}

/// Records the provider's answer: purchased credit and tax payable → provider clearing, or the credit is free again. A refund that
/// has ended does not change; returns false then.
pub fn answered(
    (top_up, refund): (&mut TopUp, &mut TopUpRefund),
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
