//! Credit that had come by bank transfer goes back to its payer by a transfer that the tenant
//! makes: it is reserved on its own lot until the transfer is made or given up
//! (docs/domain/wallet.md#transfer-refund).

use crate::{
    hold::{self, Hold, HoldState},
    ledger::{Account, TransferKind},
    lot::Lot,
    recharge::AutoRecharge,
    settlement::{never_held, post},
    top_up_refund::refundable_lot,
    wallet::Wallet,
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal};
use uuid::Uuid;

/// Why credit is not reserved, and what is said when the same is asked again.
const REFUSALS: [(Reason, &str); 2] = [
    (
        Reason::REFUND_TOO_LARGE,
        "Less of the credit was left than was to go back. Ask for a new refund of at most what is left.",
    ),
    (
        Reason::RECHARGE_WOULD_FOLLOW,
        "Auto-recharge would have bought the credit again. Remove its rules with RemoveAutoRecharge first, or let the customer change them \
         with UpdateAutoRecharge.",
    ),
];

/// What the hold says that it is for.
const DESCRIPTION: &str = "Transfer back to the payer";

/// Credit to reserve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferBack {
    /// The transfer to make, which owns the hold.
    pub refund: Uuid,
    /// The lot that the payer's transfer had become.
    pub lot: Option<Id<Lot>>,
    /// How much; `None` for all that can go back.
    pub credit: Option<Money>,
}

/// Reserves credit on its own lot. The hold does not expire: the transfer to make ends it.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `REFUND_TOO_LARGE`, `RECHARGE_WOULD_FOLLOW`.
pub fn reserve(
    wallet: &mut Wallet,
    recharge: &AutoRecharge,
    ids: &mut IdSource,
    order: TransferBack,
    now: DateTime<Utc>,
) -> Result<Hold, Refusal> {
    let left = refundable_lot(order.lot, wallet, now)?;
    let credit = order.credit.unwrap_or(left);
    wallet.takes(credit)?;
    if left.compare(credit)?.is_lt() || !credit.is_positive() {
        let message = format!(
            "{left} of the credit that the transfer had become can go back: what is spent, held or owed cannot."
        );
        return Err(
            Refusal::precondition(Reason::REFUND_TOO_LARGE, message).with("left", left.amount())
        );
    }
    let before = wallet.clone();
    let pins = hold::pin(wallet, credit, now, |candidate| Some(candidate.id) == order.lot)?;
    recharge.must_not_follow(&before, wallet, now)?;
    Ok(Hold {
        id: ids.make(),
        state: HoldState::Active,
        amount: credit,
        captured: Money::zero(wallet.currency),
        pins,
        payment: Some(order.refund),
        expires_at: now,
        description: DESCRIPTION.to_owned(),
        created_at: now,
        updated_at: now,
    })
}

/// Whether a refusal is an answer of the step, and stays so: a driver that comes late must not
/// reserve for a transfer that nobody is to make.
#[must_use]
pub fn stays_refused(refusal: &Refusal) -> bool {
    REFUSALS.iter().any(|(reason, _)| *reason == refusal.reason)
}

/// The answer to another attempt to reserve for the same transfer.
///
/// # Errors
/// The refusal of the first attempt; `HOLD_STATE` after it was released, or for another amount.
pub fn reserved_before(hold: &Hold, credit: Money) -> Result<(), Refusal> {
    match hold.state {
        HoldState::Active | HoldState::Captured if hold.amount == credit => Ok(()),
        _ => match REFUSALS.iter().find(|(reason, _)| hold.description == *reason) {
            Some((reason, message)) => Err(Refusal::precondition(*reason, *message)),
            None => Err(Refusal::state(
                Reason::HOLD_STATE,
                "What is reserved for the transfer",
                hold.state.name(),
                &[],
            )),
        },
    }
}

/// Frees what is reserved; what was booked stays booked. Where nothing was reserved, a marker keeps
/// a late attempt from it.
pub fn release(
    wallet: &mut Wallet,
    hold: Option<Hold>,
    refund: Uuid,
    ids: &mut IdSource,
    now: DateTime<Utc>,
) -> Result<Hold, Refusal> {
    let Some(mut hold) = hold else { return Ok(never_held(wallet, ids, refund, "", now)) };
    if hold.state == HoldState::Active {
        hold::release(wallet, &mut hold, ids, HoldState::Voided, now)?;
    }
    Ok(hold)
}

/// Books that the transfer was made: purchased credit and its tax → bank clearing. Returns false
/// where it was booked before.
///
/// # Errors
/// `HOLD_STATE` where nothing is reserved, `CURRENCY_MISMATCH`.
pub fn book(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    payment: Uuid,
    tax: Money,
    why: &str,
    now: DateTime<Utc>,
) -> Result<bool, Refusal> {
    match hold.state {
        HoldState::Active => {}
        HoldState::Captured => return Ok(false),
        HoldState::Voided | HoldState::Expired => {
            return Err(Refusal::state(
                Reason::HOLD_STATE,
                "What is reserved for the transfer",
                hold.state.name(),
                &[],
            ));
        }
    }
    let amount = hold.amount.plus(tax)?;
    let mut sides = Vec::with_capacity(hold.pins.len().saturating_add(2));
    for (id, pinned) in hold.pins.drain(..) {
        let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == id) else { continue };
        lot.pinned = lot.pinned.minus(pinned)?;
        lot.remaining = lot.remaining.minus(pinned)?;
        sides.push((Account::CustomerCredit, Some(id), pinned.negated()));
    }
    if !tax.is_zero() {
        sides.push((Account::TaxPayable, None, tax.negated()));
    }
    sides.push((Account::BankClearing, None, amount));
    hold.captured = hold.amount;
    hold.state = HoldState::Captured;
    hold.updated_at = now;
    post(wallet, ids, TransferKind::TransferRefund, Some(payment), sides, now)?;
    if let Some(transfer) = wallet.transfers.last_mut() {
        why.clone_into(&mut transfer.description);
    }
    Ok(true)
}

#[cfg(test)]
#[path = "transfer_refund_tests.rs"]
mod tests;
