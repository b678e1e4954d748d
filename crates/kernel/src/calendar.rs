//! The calendar: months that clamp, payment terms, and the tenant's day.

use chrono::{
    DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;

/// The last day of `date`'s month.
#[must_use]
pub fn month_end(date: NaiveDate) -> NaiveDate {
    let next = first_of_month(date).checked_add_months(Months::new(1));
    next.and_then(|first| first.pred_opt()).unwrap_or(NaiveDate::MAX)
}

/// The first day of `date`'s month.
#[must_use]
pub fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The date `n` months after the month of `first`, on `day_of_month` or that month's last day.
///
/// Each date is clamped by itself, so a short month does not move the later dates: day 31 from
/// January gives 31, 28, 31, 30.
#[must_use]
pub fn nth_month(first: NaiveDate, n: u32, day_of_month: u32) -> Option<NaiveDate> {
    let month = first_of_month(first).checked_add_months(Months::new(n))?;
    month.with_day(day_of_month.min(month_end(month).day()))
}

/// The rule for an invoice's due date (docs/domain/money-and-time.md#payment-terms).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaymentTerm {
    /// This many days after the issue date.
    NetDays(u16),
    /// This many days after the issue date, then the end of that month ("30 jours fin de mois").
    NetDaysEndOfMonth(u16),
    /// The end of the issue month, then this many days ("fin de mois 30 jours").
    EndOfMonthNetDays(u16),
    /// The end of the month after the issue month.
    EndOfFollowingMonth,
}

impl PaymentTerm {
    /// The due date of an invoice issued on `issued`; `None` past the last date that chrono can
    /// represent.
    #[must_use]
    pub fn due(self, issued: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::NetDays(days) => issued.checked_add_days(Days::new(u64::from(days))),
            Self::NetDaysEndOfMonth(days) => Self::NetDays(days).due(issued).map(month_end),
            Self::EndOfMonthNetDays(days) => Self::NetDays(days).due(month_end(issued)),
            Self::EndOfFollowingMonth => {
                first_of_month(issued).checked_add_months(Months::new(1)).map(month_end)
            }
        }
    }
}

/// The calendar date in `zone` at `instant`.
#[must_use]
pub fn day_in(zone: Tz, instant: DateTime<Utc>) -> NaiveDate {
    instant.with_timezone(&zone).date_naive()
}

/// The last day in `zone` that is over by `end`: the last one on the whole of which something may
/// be used that ends then.
#[must_use]
pub fn last_whole_day_before(zone: Tz, end: DateTime<Utc>) -> NaiveDate {
    let day = day_in(zone, end);
    day.pred_opt().unwrap_or(day)
}

/// The instant at which `date` begins in `zone`: 00:00, or the next valid instant where the
/// clock skips it, or the first where it comes twice.
#[must_use]
pub fn start_of_day(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    let mut local = date.and_time(NaiveTime::MIN);
    // No zone has ever skipped more than a day: 97 quarter hours always reach a valid instant.
    for _ in 0..97 {
        match zone.from_local_datetime(&local) {
            LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                return instant.with_timezone(&Utc);
            }
            LocalResult::None => local += TimeDelta::minutes(15),
        }
    }
    date.and_time(NaiveTime::MIN).and_utc()
}

/// The beginning of the same day in another zone; none for an instant at which no day begins in the
/// first.
#[must_use]
pub fn same_day(before: Tz, after: Tz, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let day = day_in(before, instant);
    (start_of_day(before, day) == instant).then(|| start_of_day(after, day))
}

/// The most days by which a change of zone sets the calendar back: zones are at most 26 hours
/// apart.
const SET_BACK_DAYS: i64 = 2;

/// Today in `zone`, where the calendar has `reached` a day before the zone was changed: it never
/// goes back. A day far ahead is of another clock.
#[must_use]
pub fn today(zone: Tz, now: DateTime<Utc>, reached: Option<NaiveDate>) -> NaiveDate {
    let day = day_in(zone, now);
    reached
        .filter(|reached| *reached > day && (*reached - day).num_days() <= SET_BACK_DAYS)
        .unwrap_or(day)
}

/// When the next calendar month begins in `zone`.
#[must_use]
pub fn next_month_after(zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
    let last = month_end(day_in(zone, instant));
    start_of_day(zone, last.succ_opt().unwrap_or(last))
}

/// The first instant after `instant` at which the last day of a month begins in `zone`.
#[must_use]
pub fn next_month_end_after(zone: Tz, instant: DateTime<Utc>) -> DateTime<Utc> {
    let end = month_end(day_in(zone, instant));
    let start = start_of_day(zone, end);
    if start > instant {
        return start;
    }
    let following = end.succ_opt().map_or(end, month_end);
    start_of_day(zone, following)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::{PaymentTerm, day_in, first_of_month, nth_month, same_day, start_of_day, today};
    use chrono::{DateTime, Months, NaiveDate, TimeDelta};
    use chrono_tz::{TZ_VARIANTS, Tz};
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn next(month: NaiveDate) -> NaiveDate {
        month.checked_add_months(Months::new(1)).unwrap()
    }

    proptest! {
        /// A tenant's queue: the row of the next turn moves with the zone, and falls due as the
        /// clock goes. The model: the months of the calendar, one after the other, and nothing is
        /// dated in a month that is over.
        #[test]
        fn each_month_is_turned_once_whatever_zones_it_goes_through(
            start in 946_684_800_i64..2_000_000_000,
            zone in prop::sample::select(&TZ_VARIANTS[..]),
            steps in prop::collection::vec((prop::option::of(prop::sample::select(&TZ_VARIANTS[..])), 0_i64..40 * 86_400), 1..60),
        ) {
            let (mut now, mut zone, mut reached) = (DateTime::from_timestamp(start, 0).unwrap(), zone, None);
            let mut expected = first_of_month(day_in(zone, now));
            let mut due = start_of_day(zone, next(expected));
            let mut last = today(zone, now, reached);
            for (moved_to, seconds) in steps {
                if let Some(other) = moved_to {
                    reached = reached.max(Some(day_in(zone, now)));
                    due = same_day(zone, other, due).unwrap();
                    zone = other;
                }
                now += TimeDelta::seconds(seconds);
                while due <= now {
                    let month = first_of_month(day_in(zone, due) - chrono::Days::new(1));
                    prop_assert_eq!(month, expected, "in {}", zone);
                    expected = next(month);
                    due = start_of_day(zone, next(expected));
                }
                let day = today(zone, now, reached);
                prop_assert!(day >= last, "the calendar went back from {} to {} in {}", last, day, zone);
                prop_assert!(first_of_month(day) >= expected, "{} is in a month that is over in {}", day, zone);
                last = day;
            }
        }

        /// What falls due on a date falls due once, on that date, whatever the zone is by then.
        #[test]
        fn a_date_stays_a_date(
            day in 0_u64..20_000,
            zones in prop::collection::vec(prop::sample::select(&TZ_VARIANTS[..]), 2..8),
        ) {
            let day = date("2000-01-01") + chrono::Days::new(day);
            let exists = |zone: Tz| day_in(zone, start_of_day(zone, day)) == day;
            prop_assume!(zones.iter().all(|zone| exists(*zone)));
            let mut due = start_of_day(zones[0], day);
            for pair in zones.windows(2) {
                due = same_day(pair[0], pair[1], due).unwrap();
                prop_assert_eq!(day_in(pair[1], due), day);
            }
            prop_assert_eq!(same_day(zones[0], zones[1], start_of_day(zones[0], day) + TimeDelta::seconds(1)), None);
        }
    }

    #[test]
    fn from_auckland_to_los_angeles_after_the_turn_and_back() {
        let (auckland, angeles) = (Tz::Pacific__Auckland, Tz::America__Los_Angeles);
        let now = start_of_day(auckland, date("2026-02-01")) + TimeDelta::hours(10);
        let reached = Some(day_in(auckland, now));
        assert_eq!(
            (day_in(angeles, now), today(angeles, now, reached)),
            (date("2026-01-31"), date("2026-02-01"))
        );
        let turn = start_of_day(auckland, date("2026-03-01"));
        let moved = same_day(auckland, angeles, turn).unwrap();
        assert_eq!((moved - turn).num_hours(), 21);
        assert_eq!(same_day(angeles, auckland, moved), Some(turn));
        // A test clock that begins long before is not held up by a day of the machine's clock.
        assert_eq!(today(angeles, now - TimeDelta::days(30), reached), date("2026-01-01"));
    }

    #[test]
    fn the_table_of_payment_terms() {
        use PaymentTerm::{EndOfFollowingMonth, EndOfMonthNetDays, NetDays, NetDaysEndOfMonth};
        for (term, june, january) in [
            (NetDays(30), "2025-07-01", "2025-03-02"),
            (NetDaysEndOfMonth(30), "2025-07-31", "2025-03-31"),
            (EndOfMonthNetDays(30), "2025-07-30", "2025-03-02"),
            (EndOfFollowingMonth, "2025-07-31", "2025-02-28"),
        ] {
            assert_eq!(term.due(date("2025-06-01")), Some(date(june)), "{term:?}");
            assert_eq!(term.due(date("2025-01-31")), Some(date(january)), "{term:?}");
        }
    }

    #[test]
    fn a_short_month_does_not_move_the_later_dates() {
        let dates: Vec<_> = (0..4).map(|n| nth_month(date("2025-01-15"), n, 31).unwrap()).collect();
        assert_eq!(dates, ["2025-01-31", "2025-02-28", "2025-03-31", "2025-04-30"].map(date));
    }

    #[test]
    fn a_day_that_starts_in_a_gap_starts_at_the_next_valid_instant() {
        // Cairo springs forward at midnight; Samoa skipped 30 December 2011 whole.
        let cairo = start_of_day(chrono_tz::Africa::Cairo, date("2024-04-26"));
        assert_eq!(cairo.to_rfc3339(), "2024-04-25T22:00:00+00:00");
        let apia = start_of_day(chrono_tz::Pacific::Apia, date("2011-12-30"));
        assert_eq!(apia.to_rfc3339(), "2011-12-30T10:00:00+00:00");
        // Havana falls back at 01:00: midnight comes twice, the first counts.
        let havana = start_of_day(chrono_tz::America::Havana, date("2024-11-03"));
        assert_eq!(havana.to_rfc3339(), "2024-11-03T04:00:00+00:00");
    }

    proptest! {
        #[test]
        fn monthly_dates_rise_strictly(day in 1_u32..=31, start in 0_i32..40_000, n in 0_u32..120) {
            let first = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap() + chrono::Days::new(u64::try_from(start).unwrap());
            prop_assert!(nth_month(first, n, day) < nth_month(first, n + 1, day));
        }

        #[test]
        fn nothing_is_due_before_it_is_issued(days in 0_u16..400, start in 0_u64..40_000) {
            let issued = NaiveDate::from_ymd_opt(1990, 1, 1).unwrap() + chrono::Days::new(start);
            for term in [PaymentTerm::NetDays(days), PaymentTerm::NetDaysEndOfMonth(days), PaymentTerm::EndOfMonthNetDays(days), PaymentTerm::EndOfFollowingMonth] {
                prop_assert!(term.due(issued).unwrap() >= issued);
            }
        }
    }
}
