//! Numbers of documents: without a gap and in date order, per series and year
//! (docs/domain/invoicing.md#numbers).

use chrono::{Datelike, NaiveDate};

/// A series of numbers, such as that of invoices; its row is locked until the document is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What its numbers begin with, such as `INV`.
    pub prefix: &'static str,
    /// Year of the last number.
    pub year: i32,
    /// The last number; 0 before the first.
    pub last_number: i64,
    /// Issue date of the last number.
    pub last_date: NaiveDate,
}

/// Invoices.
pub const INVOICES: &str = "INV";
/// Credit notes.
pub const CREDIT_NOTES: &str = "CN";
/// Corrective documents.
pub const CORRECTIONS: &str = "COR";
/// Receipts for credit that was bought.
pub const RECEIPTS: &str = "RC";
/// Credit notes of receipts.
pub const RECEIPT_CREDIT_NOTES: &str = "RCN";

impl Series {
    /// A series without numbers.
    #[must_use]
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, year: 0, last_number: 0, last_date: NaiveDate::MIN }
    }

    /// The next number and its issue date: today, but never before the last one's.
    pub fn take(&mut self, today: NaiveDate) -> (String, NaiveDate) {
        let date = today.max(self.last_date);
        if date.year() != self.year {
            self.year = date.year();
            self.last_number = 0;
        }
        self.last_number = self.last_number.saturating_add(1);
        self.last_date = date;
        (format!("{}-{}-{:06}", self.prefix, self.year, self.last_number), date)
    }
}

#[cfg(test)]
mod tests {
    use super::{INVOICES, Series};

    #[test]
    fn numbers_rise_with_the_date_and_start_again_each_year() {
        let mut series = Series::new(INVOICES);
        let mut take = |day: &str| {
            let (number, date) = series.take(day.parse().unwrap());
            format!("{number} {date}")
        };
        assert_eq!(take("2025-12-31"), "INV-2025-000001 2025-12-31");
        assert_eq!(take("2026-01-01"), "INV-2026-000001 2026-01-01");
        assert_eq!(
            take("2025-12-31"),
            "INV-2026-000002 2026-01-01",
            "never before the last one's date"
        );
        assert_eq!(take("2026-02-01"), "INV-2026-000003 2026-02-01");
    }
}
