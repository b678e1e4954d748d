//! Restores credit to lots, and works out which part of a debt is still unpaid.

use crate::{chargeback::LotParts, lot::Lot, wallet::Wallet};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{IdSource, Money, money::MoneyError};

/// The least time for which credit that comes back can be used: a lot that is over, or soon, would
/// have it for nothing.
pub(crate) const LEAST_DAYS: i64 = 30;

/// What became of the debt that one transfer left. The first credit that comes pays what has been
/// owed longest, so what stands is of the newest debts, and the newest payments are theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebtOf {
    /// What of it still stands.
    pub unpaid: Money,
    /// What newer debts have of the newest payments.
    skipped: Money,
    /// What was paid of it.
    paid: Money,
}

impl DebtOf {
    /// The state of a debt. `left`: the part that is not reversed. `newer`: the sum of the debts
    /// after it. `stands`: what is still owed over all debts.
    ///
    /// # Errors
    /// Overflow.
    pub fn new(left: Money, newer: Money, stands: Money) -> Result<Self, MoneyError> {
        let of_newer = newer.min(stands)?;
        let unpaid = stands.minus(of_newer)?.min(left)?;
        Ok(Self { unpaid, skipped: newer.minus(of_newer)?, paid: left.minus(unpaid)? })
    }

    /// The newest payments in which its own are: they come to at least the first sum, and what is
    /// left of them before that to less than the second.
    ///
    /// # Errors
    /// Overflow.
    pub fn payments(&self) -> Result<(Money, Money), MoneyError> {
        Ok((self.skipped, self.skipped.plus(self.paid)?))
    }

    /// The part of a payment that paid it, where all payments down to this one, the newest first,
    /// come to `sum`.
    ///
    /// # Errors
    /// Overflow.
    pub fn part_of(&self, payment: Money, sum: Money) -> Result<Money, MoneyError> {
        let (from, to) = self.payments()?;
        let part = sum.min(to)?.minus(sum.minus(payment)?.max(from)?)?;
        part.max(Money::zero(part.currency()))
    }
}

impl Wallet {
    /// The part of the debt that debits and fees left, beside what came of charges and transfers
    /// that were taken back. What accrues to an agreement is no debt.
    ///
    /// # Errors
    /// Overflow.
    pub fn owed_for_use(&self) -> Result<Money, MoneyError> {
        if self.overdraft.is_some() {
            return Ok(Money::zero(self.currency));
        }
        let undone = self.owed_undone.minus(self.owed_undone.min(self.owed_back)?)?;
        self.owed.minus(self.owed_back)?.minus(undone)
    }

    /// Gives a lot a part of its credit back; returns the lots that have it. What a lot has no room
    /// for goes to a new one like it, as does all of one that is over: that can be used for thirty
    /// days. The caller posts the transfer.
    pub(crate) fn restore(
        &mut self,
        ids: &mut IdSource,
        lot: &Lot,
        part: Money,
        now: DateTime<Utc>,
    ) -> Result<LotParts, MoneyError> {
        let is_over = lot.expires_at.is_some_and(|expiry| expiry <= now);
        let this_lot = self.lots.iter_mut().find(|each| each.id == lot.id).filter(|_| !is_over);
        let (mut rest, mut parts) = (part, LotParts::new());
        if let Some(this_lot) = this_lot {
            // The rounding of a month, or credit that was restored, may have taken some of the
            // room.
            let fits = this_lot.amount.minus(this_lot.remaining)?.min(part)?;
            if fits.is_positive() {
                this_lot.remaining = this_lot.remaining.plus(fits)?;
                rest = rest.minus(fits)?;
                parts.push((this_lot.id, fits));
            }
        }
        if rest.is_positive() {
            self.lot_count = self.lot_count.saturating_add(1);
            let again = Lot {
                id: ids.make(),
                sequence: self.lot_count,
                amount: rest,
                remaining: rest,
                pinned: Money::zero(self.currency),
                expires_at: if is_over {
                    now.checked_add_signed(TimeDelta::days(LEAST_DAYS))
                } else {
                    lot.expires_at
                },
                created_at: now,
                ..lot.clone()
            };
            parts.push((again.id, rest));
            self.insert_lot(again);
        }
        Ok(parts)
    }
}
