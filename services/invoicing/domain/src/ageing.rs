//! Ageing: what is open, by how long it is past due (docs/domain/invoicing.md#ageing).

use crate::customer::Customer;
use chrono::{Days, NaiveDate};
use payterms_kernel::{Currency, Id, Money, money::MoneyError};

/// How long an invoice is past due on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// It is not past due.
    Current,
    /// 1 to 30 days.
    To30,
    /// 31 to 60 days.
    To60,
    /// 61 to 90 days.
    To90,
    /// More than 90 days.
    Over90,
}

impl Bucket {
    /// All buckets, in order.
    pub const ALL: [Self; 5] = [Self::Current, Self::To30, Self::To60, Self::To90, Self::Over90];

    /// The first and the last due date of the bucket on a day; none: without end.
    #[must_use]
    pub fn due_dates(self, day: NaiveDate) -> (Option<NaiveDate>, Option<NaiveDate>) {
        let before = |days: u64| day.checked_sub_days(Days::new(days));
        match self {
            Self::Current => (Some(day), None),
            Self::To30 => (before(30), before(1)),
            Self::To60 => (before(60), before(31)),
            Self::To90 => (before(90), before(61)),
            Self::Over90 => (None, before(91)),
        }
    }
}

/// What one customer owes in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ageing {
    /// Who owes it.
    pub customer: Id<Customer>,
    /// In which currency.
    pub currency: Currency,
    /// What is open, in the order of [`Bucket::ALL`].
    pub buckets: [Money; 5],
    /// How many invoices that is.
    pub invoice_count: i64,
}

impl Ageing {
    /// All of it.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn open(&self) -> Result<Money, MoneyError> {
        self.buckets.iter().try_fold(Money::zero(self.currency), |sum, amount| sum.plus(*amount))
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;
    use chrono::{Days, NaiveDate};

    #[test]
    fn every_due_date_is_in_one_bucket() {
        let day: NaiveDate = "2026-03-31".parse().unwrap();
        for late in 0..200_u64 {
            let due = day - Days::new(late);
            let holds = |bucket: &Bucket| {
                let (first, last) = bucket.due_dates(day);
                first.is_none_or(|first| due >= first) && last.is_none_or(|last| due <= last)
            };
            let found: Vec<_> = Bucket::ALL.into_iter().filter(holds).collect();
            let expected = match late {
                0 => Bucket::Current,
                1..=30 => Bucket::To30,
                31..=60 => Bucket::To60,
                61..=90 => Bucket::To90,
                _ => Bucket::Over90,
            };
            assert_eq!(found, [expected], "{late} days late");
        }
        assert_eq!(
            Bucket::Current.due_dates(day),
            (Some(day), None),
            "what falls due later is current too"
        );
    }
}
