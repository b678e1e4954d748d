//! What moved a tenant's balance at a payment provider, and what of it was paid out
//! (docs/domain/wallet.md#payouts). It is the provider's word: the ledger books what was charged
//! and given back, and nothing of this.

use chrono::{DateTime, NaiveDate, Utc};
use payterms_kernel::{Currency, Money, money::MoneyError};
use uuid::Uuid;

/// What a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionKind {
    /// The suite took it, or it came back because it failed later.
    Charge,
    /// The suite gave it back, or it came back because that failed later.
    Refund,
    /// An issuer took it back, or gave it again.
    Dispute,
    /// What the provider asks for its services.
    Fee,
    /// Paid out, or back from there.
    Payout,
    /// What the suite has not made.
    Other,
}

payterms_kernel::names! {
    /// The name of the kind in columns.
    TransactionKind { Charge = "CHARGE", Refund = "REFUND", Dispute = "DISPUTE", Fee = "FEE", Payout = "PAYOUT", Other = "OTHER" }
}

/// Something that moved the balance. It never changes; a payout takes it up later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderTransaction {
    /// The provider's id.
    pub id: String,
    /// What it is.
    pub kind: TransactionKind,
    /// The provider's id of what it is of; empty where that is nothing that is kept.
    pub source: String,
    /// The provider's id of the charge; empty where the suite has not made it.
    pub charge: String,
    /// What it adds before fees; negative for what it takes.
    pub amount: Money,
    /// What the provider kept of it.
    pub fee: Money,
    /// When it moved.
    pub created_at: DateTime<Utc>,
    /// From when on it can be paid out.
    pub available_at: DateTime<Utc>,
    /// The payout that it belongs to.
    pub payout: Option<Uuid>,
}

impl ProviderTransaction {
    /// What it adds to the balance.
    ///
    /// # Errors
    /// Where that is out of range.
    pub fn net(&self) -> Result<Money, MoneyError> {
        self.amount.minus(self.fee)
    }
}

/// Transactions of one kind and currency, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Of which kind.
    pub kind: TransactionKind,
    /// Their amounts.
    pub amount: Money,
    /// Their fees.
    pub fee: Money,
    /// How many they are.
    pub count: i64,
}

/// What transactions of one currency come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Taken.
    pub charged: Money,
    /// Given back.
    pub refunded: Money,
    /// Taken back by issuers.
    pub disputed: Money,
    /// What the suite has not made.
    pub other: Money,
    /// What the provider kept.
    pub fees: Money,
    /// Paid out.
    pub paid_out: Money,
    /// How many transactions.
    pub count: i64,
}

impl Sums {
    /// Of no transactions.
    #[must_use]
    pub fn none(currency: Currency) -> Self {
        let zero = Money::zero(currency);
        Self {
            charged: zero,
            refunded: zero,
            disputed: zero,
            other: zero,
            fees: zero,
            paid_out: zero,
            count: 0,
        }
    }

    /// With more transactions.
    ///
    /// # Errors
    /// Where a sum is out of range, or of another currency.
    pub fn with(mut self, more: Added) -> Result<Self, MoneyError> {
        self.fees = self.fees.plus(more.fee)?;
        self.count = self.count.saturating_add(more.count);
        let sum = match more.kind {
            TransactionKind::Charge => &mut self.charged,
            TransactionKind::Refund => &mut self.refunded,
            TransactionKind::Dispute => &mut self.disputed,
            TransactionKind::Payout => &mut self.paid_out,
            TransactionKind::Other => &mut self.other,
            TransactionKind::Fee => {
                self.fees = self.fees.minus(more.amount)?;
                return Ok(self);
            }
        };
        *sum = sum.plus(more.amount)?;
        Ok(self)
    }

    /// What all but the payouts come to, after fees.
    ///
    /// # Errors
    /// Where that is out of range.
    pub fn net(&self) -> Result<Money, MoneyError> {
        self.charged.plus(self.refunded)?.plus(self.disputed)?.plus(self.other)?.minus(self.fees)
    }

    /// What is left of it after payouts.
    ///
    /// # Errors
    /// Where that is out of range.
    pub fn balance(&self) -> Result<Money, MoneyError> {
        self.net()?.plus(self.paid_out)
    }
}

/// Where a payout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayoutState {
    /// It is not sent yet.
    Pending,
    /// It is on its way.
    InTransit,
    /// The bank has it.
    Paid,
    /// The bank did not take it.
    Failed,
    /// It was given up.
    Canceled,
}

payterms_kernel::names! {
    /// The name of the state, as in the contract.
    PayoutState { Pending = "PENDING", InTransit = "IN_TRANSIT", Paid = "PAID", Failed = "FAILED", Canceled = "CANCELED" }
}

/// A transfer to the tenant's bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderPayout {
    /// Its id.
    pub id: Uuid,
    /// The provider.
    pub provider: String,
    /// The provider's id.
    pub provider_id: String,
    /// Where it is.
    pub state: PayoutState,
    /// Whether the provider made it by a schedule, and says what it is made of.
    pub automatic: bool,
    /// Whether all its transactions were read.
    pub is_listed: bool,
    /// What the bank gets.
    pub amount: Money,
    /// The day on which the bank has it.
    pub arrives_on: NaiveDate,
    /// When the provider made it.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::{Added, Sums, TransactionKind};
    use payterms_kernel::{Currency, Money};

    fn usd(text: &str) -> Money {
        Money::parse(Currency::parse("USD").unwrap(), text).unwrap()
    }

    #[test]
    fn a_payout_is_what_its_transactions_come_to_after_fees() {
        let added = |kind, amount: &str, fee: &str| Added {
            kind,
            amount: usd(amount),
            fee: usd(fee),
            count: 1,
        };
        let all = [
            added(TransactionKind::Charge, "100", "3.20"),
            added(TransactionKind::Refund, "-20", "0"),
            added(TransactionKind::Dispute, "-30", "15"),
            added(TransactionKind::Fee, "-2", "0"),
            added(TransactionKind::Other, "7.50", "0.50"),
        ];
        let sums = all.into_iter().try_fold(Sums::none(usd("0").currency()), Sums::with).unwrap();
        assert_eq!(
            (sums.charged, sums.refunded, sums.disputed, sums.other),
            (usd("100"), usd("-20"), usd("-30"), usd("7.50"))
        );
        assert_eq!((sums.fees, sums.net().unwrap(), sums.count), (usd("20.70"), usd("36.80"), 5));
        let paid = sums.with(added(TransactionKind::Payout, "-36.80", "0")).unwrap();
        assert_eq!(
            (paid.net().unwrap(), paid.paid_out, paid.balance().unwrap()),
            (usd("36.80"), usd("-36.80"), usd("0"))
        );
        let failed = paid.with(added(TransactionKind::Payout, "36.80", "0")).unwrap();
        assert_eq!(
            failed.balance().unwrap(),
            usd("36.80"),
            "what the bank did not take is there again"
        );
    }
}
