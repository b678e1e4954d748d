//! CSV, read by a mapping that comes with the file.

use super::{MOST_BOOKINGS, clean, invalid};
use crate::commands::bank_files::{CsvMapping, DateOrder};
use chrono::NaiveDate;
use payterms_credit_domain::bank::{Booking, Reference, ReferenceKind, Source, Statement, StatementId};
use payterms_kernel::{Currency, Money, Refusal};

/// Wrong rows that a refusal names.
const MOST_ROWS_NAMED: usize = 10;

pub(super) fn read_csv(file: &[u8], mapping: &CsvMapping) -> Result<Statement, Refusal> {
    let file = std::str::from_utf8(file).map_err(|_| invalid("The file is not in UTF-8."))?;
    let file = file.strip_prefix('\u{feff}').unwrap_or(file);
    let currency = Currency::parse(&mapping.currency).ok_or_else(|| invalid("The mapping has no known currency."))?;
    let mut reader = ::csv::ReaderBuilder::new().delimiter(mapping.separator).flexible(false).from_reader(file.as_bytes());
    let names = reader.headers().map_err(|error| invalid(format!("The file is no CSV: {error}.")))?.clone();
    let column = |name: &str| -> Result<Option<usize>, Refusal> {
        if name.is_empty() {
            return Ok(None);
        }
        let place = names.iter().position(|own| own.trim() == name);
        place.map(Some).ok_or_else(|| invalid(format!("The file has no column {name:?}. Its first row names its columns.")))
    };
    let (date, amount) = (column(&mapping.date.0)?, column(&mapping.amount)?);
    let (credit, debit) = (column(&mapping.sides.0)?, column(&mapping.sides.1)?);
    let (balance, party, reference) = (column(&mapping.balance)?, column(&mapping.party)?, column(&mapping.reference)?);
    let (mut bookings, mut balances, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for (place, row) in reader.records().enumerate() {
        if place >= MOST_BOOKINGS {
            return Err(invalid("The file has more than 20,000 bookings. Cut it in two."));
        }
        let line = place.saturating_add(2);
        let row = row.map_err(|error| invalid(format!("Row {line} cannot be read: {error}.")))?;
        let text = |place: Option<usize>| place.and_then(|place| row.get(place)).unwrap_or_default().trim();
        let number = |place: Option<usize>| number(text(place), mapping.decimal_comma, currency);
        let booked = parse_date(text(date), mapping.date.1);
        let moved = match amount {
            Some(_) => number(amount),
            None => match (number(credit).map(i64::saturating_abs), number(debit).map(i64::saturating_abs)) {
                (Some(came), None | Some(0)) => Some(came),
                (None | Some(0), Some(went)) => Some(went.saturating_neg()),
                _ => None,
            },
        };
        let (Some(booked), Some(moved)) = (booked, moved) else {
            wrong.push(line.to_string());
            continue;
        };
        balances.push((booked, number(balance)));
        let value = clean(text(reference));
        let references = (!value.is_empty()).then_some(Reference { kind: ReferenceKind::Bank, value });
        bookings.push(Booking { references: references.into_iter().collect(), ..Booking::plain(booked, moved, &clean(text(party))) });
    }
    if !wrong.is_empty() {
        let (rows, more) =
            (wrong.iter().take(MOST_ROWS_NAMED).cloned().collect::<Vec<_>>().join(", "), wrong.len().saturating_sub(MOST_ROWS_NAMED));
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(invalid(format!("Rows {rows}{more} have no date or no amount in the form that the mapping tells.")));
    }
    let days = || bookings.iter().map(|own| own.day);
    let covers = mapping.covers.0.or_else(|| days().min()).zip(mapping.covers.1.or_else(|| days().max()));
    let covers = covers.filter(|(from, to)| from <= to && days().all(|day| *from <= day && day <= *to));
    let covers = covers.ok_or_else(|| invalid("The file has no booking, or one outside the period that the mapping tells."))?;
    Ok(Statement {
        account: mapping.account.clone(),
        currency,
        source: Source::File("CSV"),
        id: StatementId::default(),
        covers,
        whole: mapping.covers.0.is_some() && mapping.covers.1.is_some(),
        closing: closing(&balances),
        tells_returns: false,
        bookings,
    })
}

/// The balance after the last booking: the last row's, or the first one's of a file that begins with the newest.
fn closing(balances: &[(NaiveDate, Option<i64>)]) -> Option<i64> {
    let (first, last) = (balances.first()?, balances.last()?);
    if first.0 > last.0 { first.1 } else { last.1 }
}

fn parse_date(text: &str, order: DateOrder) -> Option<NaiveDate> {
    let parts: Vec<_> = text.split(['-', '.', '/']).collect();
    let [a, b, c] = parts.as_slice() else { return None };
    let (year, month, day) = match order {
        DateOrder::YearMonthDay => (a, b, c),
        DateOrder::DayMonthYear => (c, b, a),
        DateOrder::MonthDayYear => (c, a, b),
    };
    let plain = |text: &str| text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
    if !plain(year) || !plain(month) || !plain(day) || year.len() != 4 {
        return None;
    }
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// A plain decimal, in millionths; none where it is none. A sign of groups stands between groups alone: a decimal sign
/// that the mapping does not tell would make the amount larger.
fn number(text: &str, decimal_comma: bool, currency: Currency) -> Option<i64> {
    let (group, point) = if decimal_comma { ('.', ',') } else { (',', '.') };
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1_i64, digits.trim()),
        None => (1, text.strip_prefix('+').unwrap_or(text).trim()),
    };
    let (whole, fraction) = digits.split_once(point).map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
    let groups: Vec<&str> = whole.split(group).collect();
    let grouped = match groups.as_slice() {
        [first, middle @ .., last] => {
            (1..=3).contains(&first.len()) && last.len() == 3 && middle.iter().all(|own| (2..=3).contains(&own.len()))
        }
        _ => true,
    };
    if !grouped || !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let plain = groups.concat() + &fraction.map(|own| format!(".{own}")).unwrap_or_default();
    Money::parse(currency, &plain).ok()?.micros().checked_mul(sign)
}
