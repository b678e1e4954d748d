//! What a lot gets back, and what of a debt use has left.

use crate::{lot::Lot, wallet::Wallet};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::{Id, IdSource, Money, money::MoneyError};

/// The least time for which credit that comes back can be used: a lot that is over, or soon, would have it for nothing.
pub(crate) const LEAST_DAYS: i64 = 30;

impl Wallet {
    /// The part of the debt that debits and fees left, beside what came of chargebacks and transfers that were taken back.
    pub(crate) fn owed_for_use(&self) -> Result<Money, MoneyError> {
        let undone = self.owed_undone.minus(self.owed_undone.min(self.owed_back)?)?;
        self.owed.minus(self.owed_back)?.minus(undone)
    }

    /// Gives a lot a part of its credit back. One that is over gives way to a new lot like it, for thirty days. The caller posts the
    /// transfer.
    pub(crate) fn restore(&mut self, ids: &mut IdSource, lot: &Lot, part: Money, now: DateTime<Utc>) -> Result<Id<Lot>, MoneyError> {
        let expires_at = lot.expires_at.filter(|expiry| *expiry <= now).map(|_| now + TimeDelta::days(LEAST_DAYS));
        if let Some(expires_at) = expires_at {
            self.lot_count = self.lot_count.saturating_add(1);
            let again = Lot {
                id: ids.make(),
                sequence: self.lot_count,
                amount: part,
                remaining: part,
                pinned: Money::zero(self.currency),
                expires_at: Some(expires_at),
                created_at: now,
                ..lot.clone()
            };
            let id = again.id;
            self.insert_lot(again);
            return Ok(id);
        }
        if let Some(own) = self.lots.iter_mut().find(|own| own.id == lot.id) {
            own.remaining = own.remaining.plus(part)?;
        }
        Ok(lot.id)
    }
}
