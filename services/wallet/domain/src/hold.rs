//! Holds: credit that is reserved now and captured later (docs/domain/wallet.md#holds).
//!
//! A hold pins parts of lots. So two holds never promise the same money, and a pinned part outlives
//! the lot's expiry until the hold ends.

use crate::{
    error::{in_past, insufficient_funds, out_of_range},
    ledger::TransferKind,
    lot::Lot,
    posting::{Debit, Posting, post_taken},
    wallet::{Payer, Wallet},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Money, Reason, Refusal};
use uuid::Uuid;

/// The lifetime of a hold if the caller names none.
pub const DEFAULT_DAYS: i64 = 7;
/// The longest lifetime of a hold, so that a forgotten one does not reserve credit for ever.
pub const MOST_DAYS: i64 = 90;

/// Where a hold is in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldState {
    /// It reserves credit.
    Active,
    /// It ended by a final capture.
    Captured,
    /// It ended by a void.
    Voided,
    /// It ended by its expiry.
    Expired,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    HoldState { Active = "ACTIVE", Captured = "CAPTURED", Voided = "VOIDED", Expired = "EXPIRED" }
}

/// Credit reserved for a purchase that has not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: Id<Hold>,
    /// Where it is in its lifecycle.
    pub state: HoldState,
    /// The amount reserved at the start.
    pub amount: Money,
    /// The amount captured so far.
    pub captured: Money,
    /// The parts that it still pins, by lot, in debit order.
    pub pins: Vec<(Id<Lot>, Money)>,
    /// The payment of invoices that owns it: only that payment ends the hold, and it does not
    /// expire.
    pub payment: Option<Uuid>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
    /// What for.
    pub description: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Hold {
    /// The amount that is still reserved.
    pub fn held(&self) -> Result<Money, Refusal> {
        let zero = Money::zero(self.amount.currency());
        Ok(self.pins.iter().try_fold(zero, |sum, (_, pinned)| sum.plus(*pinned))?)
    }

    fn must_be_active(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        if self.payment.is_some() {
            let message = "The hold is for a payment of invoices, a refund or a transfer back, and only that ends it.";
            return Err(Refusal::precondition(Reason::HOLD_OWNER, message));
        }
        let state = if self.state == HoldState::Active && self.expires_at <= now {
            HoldState::Expired
        } else {
            self.state
        };
        if state == HoldState::Active {
            return Ok(());
        }
        Err(Refusal::state(Reason::HOLD_STATE, "The hold", state.name(), &[]))
    }
}

/// A reservation to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// How much.
    pub amount: Money,
    /// When it expires; `None` for [`DEFAULT_DAYS`] from now.
    pub expires_at: Option<DateTime<Utc>>,
    /// The caller's description.
    pub description: String,
}

/// A capture to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// How much; `None` for all that is reserved.
    pub amount: Option<Money>,
    /// Whether the hold ends, so that the rest is released.
    pub ends_hold: bool,
}

/// Reserves an amount.
///
/// # Errors
/// `CURRENCY_MISMATCH`, `INSUFFICIENT_FUNDS`, `TIME_IN_PAST`, `TIME_OUT_OF_RANGE`.
pub fn authorize(
    wallet: &mut Wallet,
    ids: &mut IdSource,
    order: Authorization,
    now: DateTime<Utc>,
) -> Result<Hold, Refusal> {
    let Authorization { amount, expires_at, description } = order;
    wallet.takes(amount)?;
    let expires_at = expires_at.unwrap_or_else(|| now + TimeDelta::days(DEFAULT_DAYS));
    if expires_at <= now {
        return Err(in_past("expire_time"));
    }
    if expires_at > now + TimeDelta::days(MOST_DAYS) {
        return Err(out_of_range("expire_time", "90 days"));
    }
    // Without the overdraft of a postpaid agreement: a hold pins lots, and an overdraft has none.
    let available = wallet.free(now)?.minus(wallet.debt())?;
    if available.compare(amount)?.is_lt() {
        return Err(insufficient_funds(available, amount));
    }
    let pins = pin(wallet, amount, now, |lot| lot.in_force(now))?;
    Ok(Hold {
        id: ids.make(),
        state: HoldState::Active,
        amount,
        captured: Money::zero(wallet.currency),
        pins,
        payment: None,
        expires_at,
        description,
        created_at: now,
        updated_at: now,
    })
}

/// Pins an amount on the lots that qualify, in debit order.
pub(crate) fn pin(
    wallet: &mut Wallet,
    amount: Money,
    now: DateTime<Utc>,
    qualifies: impl Fn(&Lot) -> bool,
) -> Result<Vec<(Id<Lot>, Money)>, Refusal> {
    let mut left = amount;
    let mut pins = Vec::new();
    for lot in wallet.lots.iter_mut().filter(|lot| qualifies(lot)) {
        let part = lot.unpinned()?.min(left)?;
        if part.is_positive() {
            lot.pinned = lot.pinned.plus(part)?;
            left = left.minus(part)?;
            pins.push((lot.id, part));
        }
    }
    touch(wallet, now);
    Ok(pins)
}

/// More is captured than the hold still reserves.
fn over_captured(hold: &Hold, left: Money, asked: Money) -> Refusal {
    let (held, captured) = (hold.amount, hold.captured);
    let message = format!(
        "The hold was placed for {held}; {captured} of it are captured and {left} are left. {asked} cannot be captured: capture at most what is left."
    );
    Refusal::precondition(Reason::INSUFFICIENT_FUNDS, message)
        .with("held", held.amount())
        .with("captured", captured.amount())
        .with("available", left.amount())
        .with("asked", asked.amount())
        .with("currency", asked.currency())
}

/// Captures part or all of what an active hold reserves.
///
/// # Errors
/// `HOLD_STATE`, `HOLD_OWNER`, `CURRENCY_MISMATCH`; `INSUFFICIENT_FUNDS` if the hold reserves less.
pub fn capture(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    order: Capture,
    now: DateTime<Utc>,
) -> Result<Posting, Refusal> {
    hold.must_be_active(now)?;
    let held = hold.held()?;
    let amount = order.amount.unwrap_or(held);
    wallet.takes(amount)?;
    if held.compare(amount)?.is_lt() {
        return Err(over_captured(hold, held, amount));
    }
    let mut left = amount;
    let mut parts = Vec::new();
    for (id, pinned) in &mut hold.pins {
        let part = pinned.min(left)?;
        let Some(lot) =
            wallet.lots.iter_mut().find(|lot| lot.id == *id).filter(|_| part.is_positive())
        else {
            continue;
        };
        *pinned = pinned.minus(part)?;
        lot.pinned = lot.pinned.minus(part)?;
        lot.remaining = lot.remaining.minus(part)?;
        left = left.minus(part)?;
        parts.push((lot.id, lot.tax_kind, part));
    }
    hold.captured = hold.captured.plus(amount)?;
    hold.updated_at = now;
    if order.ends_hold || hold.captured == hold.amount {
        release(wallet, hold, ids, HoldState::Captured, now)?;
    }
    hold.pins.retain(|(_, pinned)| pinned.is_positive());
    let debit = Debit {
        amount,
        kind: TransferKind::Capture,
        into_negative: false,
        description: hold.description.clone(),
    };
    post_taken(wallet, ids, &parts, Money::zero(wallet.currency), debit, now)
}

/// Releases all that an active hold still reserves.
///
/// # Errors
/// `HOLD_STATE`.
pub fn void(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    hold.must_be_active(now)?;
    release(wallet, hold, ids, HoldState::Voided, now)
}

/// Ends an active hold that has expired. Returns false if there is nothing to do.
pub fn expire(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    now: DateTime<Utc>,
) -> Result<bool, Refusal> {
    if hold.state != HoldState::Active || hold.expires_at > now || hold.payment.is_some() {
        return Ok(false);
    }
    release(wallet, hold, ids, HoldState::Expired, now)?;
    Ok(true)
}

pub(crate) fn release(
    wallet: &mut Wallet,
    hold: &mut Hold,
    ids: &mut IdSource,
    end: HoldState,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let freed: Vec<_> = hold.pins.drain(..).collect();
    for (id, pinned) in &freed {
        if let Some(lot) = wallet.lots.iter_mut().find(|lot| lot.id == *id) {
            lot.pinned = lot.pinned.minus(*pinned)?;
        }
    }
    // Free credit pays the wallet's debt first, as new credit does.
    for (id, _) in freed {
        wallet.settle_owed(ids, id, Payer::Free, now)?;
    }
    hold.state = end;
    hold.updated_at = now;
    touch(wallet, now);
    Ok(())
}

fn touch(wallet: &mut Wallet, now: DateTime<Utc>) {
    wallet.updated_at = now.max(wallet.updated_at);
    wallet.version = wallet.version.saturating_add(1);
}
