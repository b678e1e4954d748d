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
    /// Its sequence number among the wallet's lots, oldest first.
    pub sequence: i64,
    /// The origin of its credit.
    pub kind: LotKind,
    /// How it was taxed; `None` for granted credit.
    pub tax_kind: Option<TaxKind>,
    /// Debits use lots of priority 0 first.
    pub priority: u32,
    /// The credit at the start.
    pub amount: Money,
    /// The credit that is left, pinned parts included.
    pub remaining: Money,
    /// The part of `remaining` that active holds pin.
    pub pinned: Money,
    /// The instant from which it is no longer in force.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// The grant's description.
    pub description: String,
}

impl Lot {
    /// Whether the lot is in force at an instant. It does not matter whether the expiry job has run
    /// yet.
    #[must_use]
    pub fn in_force(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }

    /// The part of `remaining` that no hold pins.
    pub fn unpinned(&self) -> Result<Money, MoneyError> {
        self.remaining.minus(self.pinned)
    }

    /// The order in which debits use lots: priority, then soonest expiry, then granted before
    /// purchased, then oldest.
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
