//! The wallet: a customer's lots, its debt, and the history of both.

use crate::{
    Customer,
    debt::Debt,
    ledger::{Account, Entry, Running, Transfer, TransferKind},
    lot::{Lot, LotKind, TaxKind},
};
use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Id, IdSource, Marks, Money, Refusal, money::MoneyError};

/// A wallet with its live lots, which are those that are not used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wallet {
    /// Its id.
    pub id: Id<Wallet>,
    /// Its customer.
    pub customer: Id<Customer>,
    /// Currency of everything in it.
    pub currency: Currency,
    /// Sequence of its last entry.
    pub sequence: i64,
    /// The number of lots that it ever had.
    pub lot_count: i64,
    /// The number of recorded uses.
    pub usage_count: i64,
    /// Sum of its entries.
    pub posted: Money,
    /// The wallet's debt: what no lot could pay. `posted` is the lots' remaining credit less this.
    pub owed: Money,
    /// The part of the debt that chargebacks caused. Credit pays it first, and no invoice taxes it,
    /// since it is not usage.
    pub owed_back: Money,
    /// The part of the debt that came of transfers that were taken back. Credit pays it first; an
    /// auto-recharge neither begins because of it nor pays it.
    pub owed_undone: Money,
    /// What makes up what is owed for use, the oldest first.
    pub debts: Vec<Debt>,
    /// The live lots, in debit order.
    pub lots: Vec<Lot>,
    /// How far below zero it may go: the limit of its active postpaid agreement.
    pub overdraft: Option<Money>,
    /// First day of the month that is closed next; `None` while there is nothing to invoice.
    pub closes: Option<NaiveDate>,
    /// The tenant's own id of it, and labels.
    pub marks: Marks,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When its last entry was recorded.
    pub updated_at: DateTime<Utc>,
    /// Counts its changes.
    pub version: i64,
    /// Transfers that decisions made and the store has not saved yet.
    pub transfers: Vec<Transfer>,
}

/// How a new lot is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LotFunding {
    /// The kind of the transfer.
    pub kind: TransferKind,
    /// The account that pays for it.
    pub source: Account,
    /// The tax that the source pays beside the credit; zero if there is none.
    pub tax: Money,
    /// Whether an auto-recharge bought it.
    pub recharge: bool,
}

/// What credit pays a debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payer {
    /// Credit that is new, or free again after a hold: it may be what is left of a transfer that
    /// was taken back meanwhile.
    Free,
    /// Credit that an auto-recharge bought: nobody decided that it pays what is owed because a
    /// transfer was taken back.
    Recharge,
}

/// A lot to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLot {
    /// The origin of its credit.
    pub kind: LotKind,
    /// How it was taxed.
    pub tax_kind: Option<TaxKind>,
    /// Debits use lots of priority 0 first.
    pub priority: u32,
    /// How much.
    pub amount: Money,
    /// The instant from which it is no longer in force.
    pub expires_at: Option<DateTime<Utc>>,
    /// Its description.
    pub description: String,
}

impl Wallet {
    /// An empty wallet.
    #[must_use]
    pub fn open(
        id: Id<Self>,
        customer: Id<Customer>,
        currency: Currency,
        now: DateTime<Utc>,
    ) -> Self {
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
            owed_undone: zero,
            debts: Vec::new(),
            lots: Vec::new(),
            overdraft: None,
            closes: None,
            marks: Marks::default(),
            created_at: now,
            updated_at: now,
            version: 1,
            transfers: Vec::new(),
        }
    }

    /// The amount that active holds reserve.
    pub fn held(&self) -> Result<Money, MoneyError> {
        self.lots.iter().try_fold(Money::zero(self.currency), |sum, lot| sum.plus(lot.pinned))
    }

    /// The amount that can be spent at an instant: lots in force, less holds, less the debt, plus
    /// the overdraft of an agreement.
    pub fn available(&self, now: DateTime<Utc>) -> Result<Money, MoneyError> {
        let below =
            self.overdraft.unwrap_or_else(|| Money::zero(self.currency)).minus(self.owed)?;
        self.free(now)?.plus(below)
    }

    /// The debt that credit must pay first. Usage that waits for the invoice of an agreement is not
    /// part of it.
    #[must_use]
    pub fn debt(&self) -> Money {
        if self.overdraft.is_some() { self.owed_back } else { self.owed }
    }

    /// The credit of lots in force that no hold reserves.
    pub fn free(&self, now: DateTime<Utc>) -> Result<Money, MoneyError> {
        let in_force = self.lots.iter().filter(|lot| lot.in_force(now));
        in_force
            .map(Lot::unpinned)
            .try_fold(Money::zero(self.currency), |sum, free| sum.plus(free?))
    }

    /// Refuses an amount in another currency than the wallet's.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`.
    pub fn takes(&self, amount: Money) -> Result<(), Refusal> {
        Money::zero(self.currency)
            .compare(amount)
            .map(|_| ())
            .map_err(|_| MoneyError::WrongCurrency(amount.currency(), self.currency).into())
    }

    /// Adds a lot and pays the wallet's debt from it at once.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW`.
    pub fn add_lot(
        &mut self,
        ids: &mut IdSource,
        new: NewLot,
        funding: LotFunding,
        now: DateTime<Utc>,
    ) -> Result<Id<Lot>, Refusal> {
        let LotFunding { kind, source, tax, .. } = funding;
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
        let mut sides = vec![
            (source, None, new.amount.plus(tax)?.negated()),
            (Account::CustomerCredit, Some(id), new.amount),
        ];
        if !tax.is_zero() {
            sides.push((Account::TaxPayable, None, tax));
        }
        self.post(ids, kind, sides, new.description, now)?;
        self.insert_lot(lot);
        let payer = if funding.recharge { Payer::Recharge } else { Payer::Free };
        self.settle_owed(ids, id, payer, now)?;
        Ok(id)
    }

    /// Puts a lot in its place in the debit order.
    pub fn insert_lot(&mut self, lot: Lot) {
        let index = self.lots.partition_point(|other| other.debit_order(&lot).is_le());
        self.lots.insert(index, lot);
    }

    /// Posts a transfer. Its entries on customer credit change the balance and get a sequence
    /// number.
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
        self.transfers.push(Transfer {
            id,
            kind,
            entries,
            description,
            unit_price: None,
            payment: None,
            recorded_at,
            effective_at: now,
        });
        Ok(id)
    }

    /// Takes the unpinned rest of an expired lot. `None` if there is nothing to take.
    pub fn expire_lot(
        &mut self,
        ids: &mut IdSource,
        lot: Id<Lot>,
        now: DateTime<Utc>,
    ) -> Result<Option<Money>, Refusal> {
        let Some(expired) = self.lots.iter_mut().find(|candidate| candidate.id == lot) else {
            return Ok(None);
        };
        let left = expired.unpinned()?;
        if expired.in_force(now) || left.is_zero() {
            return Ok(None);
        }
        expired.remaining = expired.pinned;
        let sides = vec![
            (Account::CustomerCredit, Some(lot), left.negated()),
            (Account::Breakage, None, left),
        ];
        self.post(ids, TransferKind::Expiry, sides, String::new(), now)?;
        Ok(Some(left))
    }

    /// Takes back the unpinned rest of a granted lot.
    ///
    /// # Errors
    /// `LOT_STATE` for purchased credit and for a lot without an unpinned rest.
    pub fn void_grant(
        &mut self,
        ids: &mut IdSource,
        lot: Id<Lot>,
        now: DateTime<Utc>,
    ) -> Result<(), Refusal> {
        let nothing =
            || crate::error::lot_state("Nothing is left of the lot that could be voided.");
        let granted =
            self.lots.iter_mut().find(|candidate| candidate.id == lot).ok_or_else(nothing)?;
        if granted.kind != LotKind::Granted {
            return Err(crate::error::lot_state(
                "Only granted credit can be voided; purchased credit is refunded.",
            ));
        }
        let left = granted.unpinned()?;
        if left.is_zero() {
            return Err(nothing());
        }
        granted.remaining = granted.pinned;
        let sides = vec![
            (Account::CustomerCredit, Some(lot), left.negated()),
            (Account::Promotion, None, left),
        ];
        self.post(ids, TransferKind::GrantVoid, sides, String::new(), now)?;
        Ok(())
    }

    /// Grants promotional credit.
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`, `TIME_IN_PAST`, `BALANCE_OVERFLOW`.
    pub fn grant(
        &mut self,
        ids: &mut IdSource,
        new: NewLot,
        now: DateTime<Utc>,
    ) -> Result<Id<Lot>, Refusal> {
        self.takes(new.amount)?;
        if new.expires_at.is_some_and(|expiry| expiry <= now) {
            return Err(crate::error::in_past("expire_time"));
        }
        let zero = Money::zero(self.currency);
        self.add_lot(
            ids,
            new,
            LotFunding {
                kind: TransferKind::Grant,
                source: Account::Promotion,
                tax: zero,
                recharge: false,
            },
            now,
        )
    }
}
