//! Schedules: the dates of the instalments, and equal parts of the total
//! (docs/domain/plans.md#schedules).

use chrono::{Datelike, Days, NaiveDate, Weekday};
use payterms_kernel::{Money, calendar::nth_month, money::MoneyError, split};

/// The most instalments of any plan.
pub const MOST_INSTALMENTS: u32 = 120;

/// How the dates of a plan are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// All on one date.
    Deferral(NaiveDate),
    /// Every seven days.
    Weekly {
        /// How many.
        count: u32,
        /// On which weekday; `None`: that of the first possible day.
        day: Option<Weekday>,
    },
    /// Every month.
    Monthly {
        /// How many.
        count: u32,
        /// The day of the month. It is kept over shorter months: 31 gives 31 January, 28 February,
        /// 31 March.
        day: u32,
    },
}

impl Schedule {
    /// How many instalments there are.
    #[must_use]
    pub fn count(self) -> u32 {
        match self {
            Self::Deferral(_) => 1,
            Self::Weekly { count, .. } | Self::Monthly { count, .. } => count,
        }
    }

    /// The dates of a schedule that is proposed on `today`. The first is the next day that fits,
    /// strictly after the lead time. `None` if a date is past the end of the calendar.
    #[must_use]
    pub fn dates(self, today: NaiveDate, lead_days: u32) -> Option<Vec<NaiveDate>> {
        let earliest = today.checked_add_days(Days::new(u64::from(lead_days)))?.succ_opt()?;
        match self {
            Self::Deferral(date) => Some(vec![date]),
            Self::Weekly { count, day } => {
                let ahead = day.map_or(0, |day| day.days_since(earliest.weekday()));
                let first = earliest.checked_add_days(Days::new(u64::from(ahead)))?;
                (0..count).map(|n| first.checked_add_days(Days::new(u64::from(n) * 7))).collect()
            }
            Self::Monthly { count, day } => {
                let this_month = nth_month(earliest, 0, day)?;
                let skipped = u32::from(this_month < earliest);
                (0..count).map(|n| nth_month(earliest, n.checked_add(skipped)?, day)).collect()
            }
        }
    }
}

/// An instalment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instalment {
    /// When it falls due.
    pub due_on: NaiveDate,
    /// The agreed amount.
    pub planned: Money,
    /// The present amount: credit notes lower the last instalments.
    pub amount: Money,
    /// The paid part.
    pub paid: Money,
    /// When it was announced to the customer.
    pub announced_at: Option<chrono::DateTime<chrono::Utc>>,
    /// Whether it was not paid by its date, as far as the days of payments are known.
    pub missed: bool,
}

impl Instalment {
    /// The unpaid part.
    pub fn unpaid(&self) -> Result<Money, MoneyError> {
        self.amount.minus(self.paid)
    }
}

/// Equal parts of a total on the given dates.
///
/// # Errors
/// `Precision` if the total is not a whole number of minor units; `Overflow` if there are no dates.
pub fn instalments(total: Money, dates: &[NaiveDate]) -> Result<Vec<Instalment>, MoneyError> {
    let parts = split::equal(total, u32::try_from(dates.len()).map_err(|_| MoneyError::Overflow)?)?;
    let zero = Money::zero(total.currency());
    let part = |(due_on, amount)| Instalment {
        due_on,
        planned: amount,
        amount,
        paid: zero,
        announced_at: None,
        missed: false,
    };
    Ok(dates.iter().copied().zip(parts).map(part).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::{Schedule, instalments};
    use chrono::{Datelike, Days, NaiveDate, Weekday};
    use payterms_kernel::{Currency, Money};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn days(schedule: Schedule, today: &str, lead: u32) -> Vec<String> {
        schedule.dates(day(today), lead).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn monthly_keeps_the_asked_day() {
        let monthly = Schedule::Monthly { count: 4, day: 31 };
        assert_eq!(
            days(monthly, "2025-01-15", 0),
            ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"]
        );
        assert_eq!(
            days(monthly, "2025-01-15", 15),
            ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"],
            "strictly after the 30th"
        );
        assert_eq!(
            days(monthly, "2025-01-15", 16),
            ["2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31"]
        );
        assert_eq!(
            days(Schedule::Monthly { count: 2, day: 31 }, "2025-02-28", 0),
            ["2025-03-31", "2025-04-30"]
        );
        assert_eq!(
            days(Schedule::Monthly { count: 2, day: 29 }, "2024-02-28", 0),
            ["2024-02-29", "2024-03-29"],
            "a leap year"
        );
    }

    #[test]
    fn weekly_stays_on_its_weekday() {
        // 15 January 2025 is a Wednesday.
        assert_eq!(
            days(Schedule::Weekly { count: 3, day: None }, "2025-01-15", 3),
            ["2025-01-19", "2025-01-26", "2025-02-02"]
        );
        assert_eq!(
            days(Schedule::Weekly { count: 2, day: Some(Weekday::Wed) }, "2025-01-15", 0),
            ["2025-01-22", "2025-01-29"]
        );
        assert_eq!(
            days(Schedule::Weekly { count: 2, day: Some(Weekday::Fri) }, "2025-01-15", 0),
            ["2025-01-17", "2025-01-24"]
        );
    }

    #[test]
    fn the_calendar_has_an_end() {
        assert_eq!(Schedule::Monthly { count: 2, day: 1 }.dates(NaiveDate::MAX, 0), None);
        assert_eq!(
            Schedule::Weekly { count: 2, day: None }.dates(NaiveDate::MAX.pred_opt().unwrap(), 0),
            None
        );
    }

    /// Numbers that look random and repeat: splitmix64.
    struct Numbers(u64);

    impl Numbers {
        fn below(&mut self, most: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % most
        }
    }

    /// I23, and the sum of I21: a million schedules.
    #[test]
    fn sums_are_exact_dates_rise_and_the_anchor_is_kept() {
        let codes = ["USD", "JPY", "BHD"].map(|code| Currency::parse(code).unwrap());
        let weekdays = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        let mut numbers = Numbers(20_261_122);
        for _ in 0..1_000_000 {
            let today = day("1999-12-01") + Days::new(numbers.below(40_000));
            let lead = u32::try_from(numbers.below(90)).unwrap();
            // Mostly few, as people ask for; now and then as many as there may be.
            let most = if numbers.below(50) == 0 { 119 } else { 12 };
            let count = u32::try_from(2 + numbers.below(most)).unwrap();
            let day_of_month = u32::try_from(1 + numbers.below(31)).unwrap();
            let weekday = weekdays[usize::try_from(numbers.below(7)).unwrap()];
            let monthly = numbers.below(2) == 0;
            let schedule = if monthly {
                Schedule::Monthly { count, day: day_of_month }
            } else {
                Schedule::Weekly { count, day: Some(weekday) }
            };
            let dates = schedule.dates(today, lead).unwrap();
            let after = today + Days::new(u64::from(lead));
            assert!(dates[0] > after, "{schedule:?} on {today}");
            assert!(
                dates[0] <= after + Days::new(if monthly { 31 } else { 7 }),
                "{schedule:?} on {today}: the next asked day"
            );
            assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "{schedule:?} on {today}");
            for date in &dates {
                let last_day = date.succ_opt().unwrap().month() != date.month();
                let is_monthly_date =
                    date.day() == day_of_month || (date.day() < day_of_month && last_day);
                let anchored = if monthly { is_monthly_date } else { date.weekday() == weekday };
                assert!(anchored, "{schedule:?} on {today}: {date}");
            }
            let currency = codes[usize::try_from(numbers.below(3)).unwrap()];
            let unit = 10_i64.pow(6 - currency.exponent());
            let total = Money::from_micros(
                currency,
                i64::try_from(1 + numbers.below(100_000_000)).unwrap() * unit,
            );
            let parts: Vec<_> = instalments(total, &dates)
                .unwrap()
                .iter()
                .map(|instalment| instalment.amount.micros())
                .collect();
            assert_eq!((parts.len(), parts.iter().sum::<i64>()), (count as usize, total.micros()));
            assert!(
                parts.windows(2).all(|pair| pair[0] >= pair[1])
                    && parts[0] - parts[parts.len() - 1] <= unit,
                "{parts:?}"
            );
        }
    }
}
