//! Lots: parts of a wallet's credit with one origin (docs/domain/wallet.md#lots).

use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use std::cmp::Ordering;

/// Where credit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LotKind {
    /// Bought: refundable.
    Purchased,
    /// Given: promotional.
    Granted,
}

/// How bought credit is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxKind {
    /// Tax was taken at the purchase; usage is not taxed again.
    TaxedSale,
    /// No tax was taken; it is on the invoices that the credit pays.
    Deposit,
}

/// A part of a wallet's credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lot {
    /// Its id.
    pub id: Id<Lot>,
    /// Its place among the wallet's lots: oldest first.
    pub sequence: i64,
    /// Where it comes from.
    pub kind: LotKind,
    /// How it was taxed; none for granted credit.
    pub tax_kind: Option<TaxKind>,
    /// 0 is taken first.
    pub priority: u32,
    /// The credit at the start.
    pub amount: Money,
    /// What no debit, expiry or void has taken yet, pinned parts included.
    pub remaining: Money,
    /// What active holds have pinned of the remaining.
    pub pinned: Money,
    /// From when on it is no longer in force.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// What the granter said.
    pub description: String,
}

impl Lot {
    /// Whether the lot is in force at an instant, whether or not the expiry job has run.
    #[must_use]
    pub fn in_force(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// What no hold has pinned.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn unpinned(&self) -> Result<Money, MoneyError> {
        self.remaining.minus(self.pinned)
    }

    /// The order in which debits take lots: priority, soonest expiry, granted before purchased,
    /// oldest.
    #[must_use]
    pub fn debit_order(&self, other: &Self) -> Ordering {
        let expiry = |lot: &Self| lot.expires_at.unwrap_or(DateTime::<Utc>::MAX_UTC);
        let bought = |lot: &Self| lot.kind == LotKind::Purchased;
        self.priority
            .cmp(&other.priority)
            .then(expiry(self).cmp(&expiry(other)))
            .then(bought(self).cmp(&bought(other)))
            .then(self.sequence.cmp(&other.sequence))
    }
}
