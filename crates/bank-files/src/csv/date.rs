//! Days as CSV files write them: numbers in an order, with years of two or four digits, or a
//! month's English name.

use super::DateOrder;
use chrono::NaiveDate;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The day of a field; a time after it is passed over.
pub(super) fn read(text: &str, order: DateOrder) -> Option<NaiveDate> {
    let text = text.trim().trim_matches('\'');
    if let Some(day) = compact(text.split(['T', ' ']).next()?, order) {
        return Some(day);
    }
    let parts: Vec<&str> = text
        .split(['-', '.', '/', ' ', ',', 'T'])
        .filter(|part| !part.is_empty())
        .take(3)
        .collect();
    let [a, b, c] = parts.as_slice() else { return None };
    if let Some(day) = named(a, b, c) {
        return Some(day);
    }
    let (year, month, day) = match order {
        // A year of four digits is one wherever it stands.
        _ if a.len() == 4 => (a, b, c),
        DateOrder::YearMonthDay => (a, b, c),
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
    };
    NaiveDate::from_ymd_opt(year_of(year)?, number(month, 2)?, number(day, 2)?)
}

/// `20260630` and its kin.
fn compact(text: &str, order: DateOrder) -> Option<NaiveDate> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = match order {
        DateOrder::YearMonthDay => (text.get(..4)?, text.get(4..6)?, text.get(6..)?),
        DateOrder::DayMonthYear => (text.get(4..)?, text.get(2..4)?, text.get(..2)?),
        DateOrder::MonthDayYear => (text.get(4..)?, text.get(..2)?, text.get(2..4)?),
    };
    NaiveDate::from_ymd_opt(year_of(year)?, number(month, 2)?, number(day, 2)?)
}

/// `5 Jan 2026` and `Jan 5, 2026`.
fn named(a: &str, b: &str, c: &str) -> Option<NaiveDate> {
    let month = |text: &str| {
        let start = text.get(..3)?.to_ascii_lowercase();
        let place = MONTHS.iter().position(|month| *month == start)?;
        u32::try_from(place).ok()?.checked_add(1)
    };
    let (month, day) = match (month(a), month(b)) {
        (Some(found), _) => (found, b),
        (None, Some(found)) => (found, a),
        (None, None) => return None,
    };
    NaiveDate::from_ymd_opt(year_of(c)?, month, number(day, 2)?)
}

fn year_of(text: &str) -> Option<i32> {
    let number = i32::try_from(number(text, 4)?).ok()?;
    match text.len() {
        4 => Some(number),
        2 => number.checked_add(2_000),
        _ => None,
    }
}

fn number(text: &str, most: usize) -> Option<u32> {
    let plain = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::{DateOrder, read};

    #[test]
    fn a_day_is_read_in_its_order_and_no_other() {
        use DateOrder::{DayMonthYear, MonthDayYear, YearMonthDay};
        for (text, order) in [
            ("2026-06-30", YearMonthDay),
            ("2026-06-30 10:11:12", MonthDayYear),
            ("2026-06-30T10:11:12Z", YearMonthDay),
            ("20260630", YearMonthDay),
            ("30.06.2026", DayMonthYear),
            ("30/06/26", DayMonthYear),
            ("06/30/2026", MonthDayYear),
            ("6/30/26", MonthDayYear),
            ("06302026", MonthDayYear),
            ("30 Jun 2026", DayMonthYear),
            ("June 30, 2026", MonthDayYear),
        ] {
            assert_eq!(read(text, order).unwrap().to_string(), "2026-06-30", "{text}");
        }
        for (text, order) in [
            ("30.06.2026", MonthDayYear),
            ("2026-02-30", YearMonthDay),
            ("", YearMonthDay),
            ("1.2.3.4", DayMonthYear),
            ("٣.٣.2026", DayMonthYear),
            ("30.06.", DayMonthYear),
            ("Pending", DayMonthYear),
        ] {
            assert_eq!(read(text, order), None, "{text}");
        }
    }
}
