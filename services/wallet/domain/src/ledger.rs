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
    /// Money on its way to invoices, which tax it.
    InvoiceSettlement,
    /// The tenant's cost of granted credit.
    Promotion,
    /// What the payment provider owes the tenant.
    ProviderClearing,
    /// Money that has arrived at the tenant's bank.
    BankClearing,
    /// Tax collected for the state.
    TaxPayable,
    /// Expired credit that nobody can use any more.
    Breakage,
    /// The used part of postpaid invoices.
    Receivable,
    /// Rounding differences of the lines of a month's invoice.
    Rounding,
    /// Credit that was revoked for cause: owed to somebody, and nobody's revenue.
    Withheld,
}

/// The kind of a transfer, by the accounts that it moves money between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferKind {
    /// Promotion → granted credit.
    Grant,
    /// Granted credit → promotion, for the unused rest.
    GrantVoid,
    /// Customer credit → revenue or settlement, at once.
    Debit,
    /// As a debit, from a hold.
    Capture,
    /// As a debit, for recorded usage.
    Usage,
    /// As a debit, allowed into a negative balance.
    Fee,
    /// Provider clearing → purchased credit (and tax payable).
    TopUp,
    /// Purchased credit (and tax payable) → provider clearing: the refund of a top-up.
    TopUpRefund,
    /// Customer credit → breakage.
    Expiry,
    /// New credit → the wallet's debt; the balance stays.
    OwedSettlement,
    /// New credit → the debt that a charge or transfer left which was taken back; the balance
    /// stays.
    ReturnSettlement,
    /// Customer credit → invoice settlement, by a payment.
    InvoiceCredit,
    /// Provider clearing → invoice settlement, by a payment.
    Charge,
    /// Invoice settlement → purchased credit: the surplus of a payment beyond its invoices.
    Surplus,
    /// Invoice settlement → customer credit or provider clearing: the refund of a payment.
    InvoiceRefund,
    /// Bank clearing → invoice settlement: a bank line matched to an invoice.
    BankTransfer,
    /// Invoice settlement ↔ rounding: the use that deposits paid in a month moves to that month's
    /// invoice.
    MonthClose,
    /// Receivable → customer credit: a postpaid month is invoiced.
    PostpaidClose,
    /// Customer credit ↔ rounding: what the lines of a month's invoice were rounded by.
    MonthRounding,
    /// The reverse of a top-up or charge that an issuer has taken back.
    Chargeback,
    /// Provider clearing → what a chargeback had taken: its dispute is won.
    DisputeWon,
    /// Bank clearing → purchased credit (and tax payable): a bank line matched to an invoice of a
    /// top-up.
    TransferTopUp,
    /// The reverse of what a bank line had paid or bought: its match was taken back, or the bank
    /// took the money back.
    TransferReturn,
    /// The reverse of a debit, capture, use or fee, or of a part of it.
    Reversal,
    /// Purchased credit (and tax payable) → bank clearing: what had come by transfer went back to
    /// its payer.
    TransferRefund,
    /// Purchased credit → withheld.
    Revocation,
    /// Withheld → purchased credit.
    Restoration,
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
    /// Sequence and balance in the wallet's history; only on customer credit.
    pub running: Option<Running>,
}

/// The position of an entry in the wallet's history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Its sequence number: 1, 2, 3 without a gap.
    pub sequence: i64,
    /// The balance after the entry.
    pub balance_after: Money,
}

/// A movement of money; it never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Its id.
    pub id: Id<Transfer>,
    /// The kind.
    pub kind: TransferKind,
    /// Its entries; they sum to zero.
    pub entries: Vec<Entry>,
    /// The caller's description.
    pub description: String,
    /// The price of one, where it takes a use; known while it is new, for the line of the month's
    /// invoice.
    pub unit_price: Option<Money>,
    /// What it belongs to: a payment of invoices, a top-up, the refund of a top-up, a transfer
    /// back, or a revocation.
    pub payment: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// When it took effect, which may be earlier than the recording.
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
