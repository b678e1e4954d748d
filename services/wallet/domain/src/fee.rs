//! Fees. Recurring fees are taken in advance, monthly on the day of their start, even into a
//! negative balance, until they are cancelled; there is no pro rata
//! (docs/domain/wallet.md#recurring-fees).

use crate::{
    ledger::{Transfer, TransferKind},
    posting::{self, Debit, Posting},
    wallet::Wallet,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use payterms_kernel::{Id, IdSource, Money, Refusal, calendar::nth_month};

/// A fee that is taken each month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurringFee {
    /// Its id.
    pub id: Id<RecurringFee>,
    /// The wallet that pays it.
    pub wallet: Id<Wallet>,
    /// What for.
    pub description: String,
    /// How much each month.
    pub amount: Money,
    /// The day of its start, in the tenant's time zone.
    pub first_on: NaiveDate,
    /// How many times it was taken.
    pub taken: u32,
    /// Whether it has ended.
    pub cancelled: bool,
    /// Counts its changes.
    pub version: i64,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A fee that was taken, as the list of fees shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fee {
    /// The transfer.
    pub transfer: Id<Transfer>,
    /// The wallet that paid it.
    pub wallet: Id<Wallet>,
    /// The recurring fee; `None` for a custom one.
    pub recurring: Option<Id<RecurringFee>>,
    /// What for.
    pub description: String,
    /// How much.
    pub amount: Money,
    /// Sequence of its last entry in the wallet's history.
    pub sequence: i64,
    /// When.
    pub taken_at: DateTime<Utc>,
}

impl Fee {
    /// The fee that a posting took.
    #[must_use]
    pub fn of(
        posting: &Posting,
        wallet: Id<Wallet>,
        recurring: Option<Id<RecurringFee>>,
        description: &str,
    ) -> Self {
        Self {
            transfer: posting.transfer,
            wallet,
            recurring,
            description: description.to_owned(),
            amount: posting.amount,
            sequence: posting.sequence,
            taken_at: posting.recorded_at,
        }
    }
}

impl RecurringFee {
    /// Begins a fee. The caller takes the first month with [`RecurringFee::take`].
    ///
    /// # Errors
    /// `CURRENCY_MISMATCH`.
    pub fn begin(
        id: Id<Self>,
        wallet: &Wallet,
        amount: Money,
        description: String,
        first_on: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<Self, Refusal> {
        wallet.takes(amount)?;
        Ok(Self {
            id,
            wallet: wallet.id,
            description,
            amount,
            first_on,
            taken: 0,
            cancelled: false,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }

    /// The next day on which it is taken. It is counted from the first day, so a short month does
    /// not move the later ones.
    #[must_use]
    pub fn next_on(&self) -> Option<NaiveDate> {
        if self.cancelled {
            None
        } else {
            nth_month(self.first_on, self.taken, self.first_on.day())
        }
    }

    /// Takes the fee of one month.
    ///
    /// # Errors
    /// `BALANCE_OVERFLOW`.
    pub fn take(
        &mut self,
        wallet: &mut Wallet,
        ids: &mut IdSource,
        now: DateTime<Utc>,
    ) -> Result<(Posting, Fee), Refusal> {
        let debit = Debit {
            amount: self.amount,
            kind: TransferKind::Fee,
            into_negative: true,
            description: self.description.clone(),
        };
        let posting = posting::debit(wallet, ids, debit, now)?;
        let fee = Fee::of(&posting, wallet.id, Some(self.id), &self.description);
        self.taken = self.taken.saturating_add(1);
        self.touch(now);
        Ok((posting, fee))
    }

    /// Ends it. A repeated call changes nothing.
    pub fn cancel(&mut self, now: DateTime<Utc>) {
        if !self.cancelled {
            self.cancelled = true;
            self.touch(now);
        }
    }

    fn touch(&mut self, now: DateTime<Utc>) {
        self.version = self.version.saturating_add(1);
        self.updated_at = now.max(self.updated_at);
    }
}

#[cfg(test)]
mod tests {
    use super::RecurringFee;
    use crate::wallet::Wallet;
    use chrono::{DateTime, NaiveDate, Utc};
    use payterms_kernel::{Currency, Id, IdSource, Money};
    use uuid::Uuid;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_fee_of_the_thirty_first_comes_on_the_last_day_and_goes_back_to_the_thirty_first() {
        let usd = Currency::parse("USD").unwrap();
        let mut wallet =
            Wallet::open(Id::from_uuid(Uuid::nil()), Id::from_uuid(Uuid::nil()), usd, NOW);
        let mut ids = IdSource::new(NOW, b"seed", "test");
        let five = Money::parse(usd, "5").unwrap();
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut fee = RecurringFee::begin(
            Id::from_uuid(Uuid::nil()),
            &wallet,
            five,
            "Number".into(),
            day("2026-01-31"),
            NOW,
        )
        .unwrap();
        let mut days = Vec::new();
        for _ in 0..4 {
            days.push(fee.next_on().unwrap().to_string());
            fee.take(&mut wallet, &mut ids, NOW).unwrap();
        }
        assert_eq!(days, ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]);
        assert_eq!(
            wallet.posted,
            Money::parse(usd, "20").unwrap().negated(),
            "even into a negative balance"
        );
        fee.cancel(NOW);
        assert_eq!(fee.next_on(), None);
    }
}
