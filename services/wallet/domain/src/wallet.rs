//! The wallet: a customer's lots, what is owed, and the history they make.

use crate::{
    Customer,
    ledger::{Account, Entry, Running, Transfer, TransferKind},
    lot::{Lot, LotKind, TaxKind},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Money, Refusal, money::MoneyError};

/// A wallet with the lots that have something left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Its id.
    pub id: Id<Wallet>,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// Currency of everything in it.
    pub currency: Currency,
    /// Sequence of its last entry.
    pub sequence: i64,
    /// How many lots it ever had.
    pub lot_count: i64,
    /// How many uses were recorded.
    pub usage_count: i64,
    /// Sum of its entries.
    pub posted: Money,
    /// What no lot could pay; posted is the lots' remaining less this.
    pub owed: Money,
    /// The part of it that chargebacks have left: credit pays it first, and it is no use that an invoice taxes.
    pub owed_back: Money,
    /// Lots with something left, in debit order.
    pub lots: Vec<Lot>,
    /// How far below zero it may go: the limit of its postpaid agreement, while that is active.
    pub overdraft: Option<Money>,
    /// First day of the month whose end falls due next; none while there is nothing to invoice.
    pub closes: Option<NaiveDate>,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its last entry was recorded.
    pub updated_at: DateTime<Utc>,
    /// Counts its changes.
    pub version: i64,
    /// Transfers that decisions made and the store has not saved yet.
    pub transfers: Vec<Transfer>,
}

/// What a new lot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLot {
    /// Where it comes from.
    pub kind: LotKind,
    /// How it was taxed.
    pub tax_kind: Option<TaxKind>,
    /// 0 is taken first.
    pub priority: u32,
    /// How much.
    pub amount: Money,
    /// From when on it is no longer in force.
    pub expires_at: Option<DateTime<Utc>>,
    /// What was said about it.
    pub description: String,
}

impl Wallet {
    /// An empty wallet.
    #[must_use]
    pub fn open(id: Id<Self>, customer: Id<Customer>, currency: Currency, now: DateTime<Utc>) -> Self {
        let zero = Money::zero(currency);
        Self {
            id,
            customer,
            currency,
            sequence: 0,
            lot_count: 0,
            usage_count: 0,
            posted: zero,
            owed: zero,
            owed_back: zero,
            lots: Vec::new(),
            overdraft: None,
            closes: None,
            created_at: now,
            updated_at: now,
            version: 1,
            transfers: Vec::new(),
        }
    }

    /// What active holds reserve.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn held(&self) -> Result<Money, MoneyError> {
        self.lots.iter().try_fold(Money::zero(self.currency), |sum, lot| sum.plus(lot.pinned))
    }

    /// What can be spent at an instant: lots in force, less holds, less what is owed, and what an agreement
    /// allows below zero.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn available(&self, now: DateTime<Utc>) -> Result<Money, MoneyError> {
        let below = self.overdraft.unwrap_or_else(|| Money::zero(self.currency)).minus(self.owed)?;
        self.free(now)?.plus(below)
    }

    /// What credit is not there for: what is owed, but for what waits for an agreement's invoice.
    #[must_use]
    pub fn debt(&self) -> Money {
        if self.overdraft.is_some() { self.owed_back } else { self.owed }
    }

    /// What lots in force have that no hold reserves.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn free(&self, now: DateTime<Utc>) -> Result<Money, MoneyError> {
        let in_force = self.lots.iter().filter(|lot| lot.in_force(now));
        in_force.map(Lot::unpinned).try_fold(Money::zero(self.currency), |sum, free| sum.plus(free?))
    }

    /// Refuses an amount in another currency than the wallet's.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`.
    pub fn takes(&self, amount: Money) -> Result<(), Refusal> {
        Money::zero(self.currency)
            .compare(amount)
            .map(|_| ())
            .map_err(|_| MoneyError::CurrencyMismatch(amount.currency(), self.currency).into())
    }

    /// Adds a lot that `source` pays for, after `tax` has gone to the state; what was owed is
    /// settled from it at once.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW`.
    pub fn add_lot(
        &mut self,
        ids: &mut IdSource,
        new: NewLot,
        (kind, source, tax): (TransferKind, Account, Money),
        now: DateTime<Utc>,
    ) -> Result<Id<Lot>, Refusal> {
        let id = ids.make();
        self.lot_count = self.lot_count.saturating_add(1);
        let zero = Money::zero(self.currency);
        let lot = Lot {
            id,
            sequence: self.lot_count,
            kind: new.kind,
            tax_kind: new.tax_kind,
            priority: new.priority,
            amount: new.amount,
            remaining: new.amount,
            pinned: zero,
            expires_at: new.expires_at,
            created_at: now,
            description: new.description.clone(),
        };
        let mut sides = vec![(source, None, new.amount.plus(tax)?.negated()), (Account::CustomerCredit, Some(id), new.amount)];
        if !tax.is_zero() {
            sides.push((Account::TaxPayable, None, tax));
        }
        self.post(ids, kind, sides, new.description, now)?;
        let place = self.lots.partition_point(|other| other.debit_order(&lot).is_le());
        self.lots.insert(place, lot);
        self.settle_owed(ids, id, now)?;
        Ok(id)
    }

    /// Pays what is owed from a lot that is new or free again: what chargebacks have left, then use. What a
    /// deposit settles of that counts to the invoice that taxes it, like any usage that a deposit pays; what
    /// accrues to an agreement waits for its invoice.
    pub(crate) fn settle_owed(&mut self, ids: &mut IdSource, lot: Id<Lot>, now: DateTime<Utc>) -> Result<(), Refusal> {
        let Some(own) = self.lots.iter().find(|own| own.id == lot && own.in_force(now)) else { return Ok(()) };
        let (free, taxed_later) = (own.unpinned()?, own.tax_kind == Some(TaxKind::Deposit));
        let back = self.owed_back.min(free)?;
        self.owed_back = self.owed_back.minus(back)?;
        self.pay_owed(ids, (lot, back), false, now)?;
        if self.overdraft.is_none() {
            let used = self.owed.minus(self.owed_back)?.min(free.minus(back)?)?;
            self.pay_owed(ids, (lot, used), taxed_later, now)?;
        }
        Ok(())
    }

    fn pay_owed(
        &mut self,
        ids: &mut IdSource,
        (lot, part): (Id<Lot>, Money),
        taxed_later: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let Some(place) = self.lots.iter_mut().find(|own| own.id == lot && part.is_positive()) else { return Ok(()) };
        place.remaining = place.remaining.minus(part)?;
        self.owed = self.owed.minus(part)?;
        let mut sides = vec![(Account::CustomerCredit, Some(lot), part.negated()), (Account::CustomerCredit, None, part)];
        if taxed_later {
            sides.extend([(Account::Revenue, None, part.negated()), (Account::InvoiceSettlement, None, part)]);
        }
        self.post(ids, TransferKind::OwedSettlement, sides, String::new(), now)?;
        Ok(())
    }

    /// Notes a transfer; entries on customer credit move the balance.
    pub(crate) fn post(
        &mut self,
        ids: &mut IdSource,
        kind: TransferKind,
        sides: Vec<(Account, Option<Id<Lot>>, Money)>,
        description: String,
        now: DateTime<Utc>,
    ) -> Result<Id<Transfer>, Refusal> {
        let recorded_at = now.max(self.updated_at);
        let mut entries = Vec::with_capacity(sides.len());
        for (account, lot, amount) in sides {
            let running = if account == Account::CustomerCredit {
                self.posted = self.posted.plus(amount)?;
                self.sequence = self.sequence.saturating_add(1);
                Some(Running { sequence: self.sequence, balance_after: self.posted })
            } else {
                None
            };
            entries.push(Entry { account, lot, amount, running });
        }
        self.updated_at = recorded_at;
        self.version = self.version.saturating_add(1);
        let id = ids.make();
        self.transfers.push(Transfer { id, kind, entries, description, payment: None, recorded_at, effective_at: now });
        Ok(id)
    }

    /// Takes what is left, and unpinned, of a lot whose time is over; none if there is nothing.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    pub fn expire_lot(&mut self, ids: &mut IdSource, lot: Id<Lot>, now: DateTime<Utc>) -> Result<Option<Money>, Refusal> {
        let Some(own) = self.lots.iter_mut().find(|own| own.id == lot) else { return Ok(None) };
        let left = own.unpinned()?;
        if own.in_force(now) || left.is_zero() {
            return Ok(None);
        }
        own.remaining = own.pinned;
        let sides = vec![(Account::CustomerCredit, Some(lot), left.negated()), (Account::Breakage, None, left)];
        self.post(ids, TransferKind::Expiry, sides, String::new(), now)?;
        Ok(Some(left))
    }

    /// Takes back what is left, and unpinned, of a granted lot.
    ///
    /// # Errors
    /// `LOT_STATE` for purchased credit and for a lot with nothing to take.
    pub fn void_grant(&mut self, ids: &mut IdSource, lot: Id<Lot>, now: DateTime<Utc>) -> Result<(), Refusal> {
        let nothing = || crate::error::lot_state("Nothing is left of the lot that could be voided.");
        let own = self.lots.iter_mut().find(|own| own.id == lot).ok_or_else(nothing)?;
        if own.kind != LotKind::Granted {
            return Err(crate::error::lot_state("Only granted credit can be voided; purchased credit is refunded."));
        }
        let left = own.unpinned()?;
        if left.is_zero() {
            return Err(nothing());
        }
        own.remaining = own.pinned;
        let sides = vec![(Account::CustomerCredit, Some(lot), left.negated()), (Account::Promotion, None, left)];
        self.post(ids, TransferKind::GrantVoid, sides, String::new(), now)?;
        Ok(())
    }

    /// Grants promotional credit.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `TIME_IN_PAST`, `BALANCE_OVERFLOW`.
    pub fn grant(&mut self, ids: &mut IdSource, new: NewLot, now: DateTime<Utc>) -> Result<Id<Lot>, Refusal> {
        self.takes(new.amount)?;
        if new.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(crate::error::in_past("expire_time"));
        }
        let zero = Money::zero(self.currency);
        self.add_lot(ids, new, (TransferKind::Grant, Account::Promotion, zero), now)
    }
}
