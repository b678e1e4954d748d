//! The double-entry ledger: transfers whose entries sum to zero (docs/domain/wallet.md#ledger).

use crate::lot::Lot;
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money, money::MoneyError};
use uuid::Uuid;

/// An account of a tenant's ledger. Customer credit is one account per wallet; the others are
/// control accounts, one per currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    /// What the tenant owes the customer of the wallet.
    CustomerCredit,
    /// What the tenant has earned.
    Revenue,
    /// What pays invoices; taxed there.
    InvoiceSettlement,
    /// What granted credit costs the tenant.
    Promotion,
    /// What the payment provider owes the tenant.
    ProviderClearing,
    /// What has arrived at the tenant's bank.
    BankClearing,
    /// Tax taken for the state.
    TaxPayable,
    /// Credit that nobody can use any more.
    Breakage,
    /// The used part of postpaid invoices.
    Receivable,
    /// What the lines of a month's invoice round away.
    Rounding,
}

/// What a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// Promotion → granted credit.
    Grant,
    /// The reverse, for what is left.
    GrantVoid,
    /// Customer credit → revenue or settlement, at once.
    Debit,
    /// The same, by a hold.
    Capture,
    /// The same, for recorded usage.
    Usage,
    /// The same, even into a negative balance.
    Fee,
    /// Provider clearing → purchased credit (and tax payable).
    TopUp,
    /// Customer credit → breakage.
    Expiry,
    /// New credit → what was owed; the balance stays.
    OwedSettlement,
    /// Customer credit → invoice settlement, by a payment.
    InvoiceCredit,
    /// Provider clearing → invoice settlement, by a payment.
    Charge,
    /// Invoice settlement → purchased credit: what a payment charged beyond its invoices.
    Surplus,
    /// Invoice settlement → customer credit or provider clearing: what a payment took is given back.
    InvoiceRefund,
    /// Bank clearing → invoice settlement: a bank line matched to an invoice.
    BankTransfer,
    /// Invoice settlement ↔ rounding: what deposits paid in a month goes to its invoice.
    MonthClose,
    /// Receivable → customer credit: a postpaid month is invoiced.
    PostpaidClose,
    /// The reverse of a top-up or a charge: an issuer has taken it back.
    Chargeback,
    /// Bank clearing → purchased credit (and tax payable): a bank line matched to an invoice of a top-up.
    TransferTopUp,
    /// The reverse of what a bank line had paid or bought: its match was taken back, or the bank took the money back.
    TransferReturn,
}

/// One side of a transfer. Credit is positive, debit negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The account.
    pub account: Account,
    /// The lot, on customer credit; none for what is owed.
    pub lot: Option<Id<Lot>>,
    /// Signed amount.
    pub amount: Money,
    /// Place in the wallet's history and the balance there; on customer credit only.
    pub running: Option<Running>,
}

/// Where an entry stands in the wallet's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// 1, 2, 3 without a gap.
    pub sequence: i64,
    /// The balance after the entry.
    pub balance_after: Money,
}

/// A movement of money; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: Id<Transfer>,
    /// What it is.
    pub kind: TransferKind,
    /// Its entries; they sum to zero.
    pub entries: Vec<Entry>,
    /// What the caller said about it.
    pub description: String,
    /// The payment of invoices that it is a part of.
    pub payment: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// When it took effect in the world.
    pub effective_at: DateTime<Utc>,
}

impl Transfer {
    /// Whether the entries sum to zero.
    ///
    /// # Errors
    /// `CurrencyMismatch`, `Overflow`.
    pub fn is_balanced(&self) -> Result<bool, MoneyError> {
        let Some(first) = self.entries.first() else { return Ok(true) };
        let zero = Money::zero(first.amount.currency());
        let sum = self.entries.iter().try_fold(zero, |sum, entry| sum.plus(entry.amount))?;
        Ok(sum.is_zero())
    }
}
