//! Field 61: one booking, and field 86 beside it.

use super::{Field, information, information::Information};
use crate::{
    amount::{self, Fault},
    clean,
    codes::{self, Meaning},
    finding::{FileError, FindingKind, Place},
    model::{Entry, Kind, Reference, ReferenceKind, Returned, Statement, Status},
    reader::Context,
};
use chrono::{Datelike, NaiveDate};
use payterms_kernel::{Currency, Money};

/// What field 61 says.
struct Line<'a> {
    value_on: NaiveDate,
    booked_on: Option<NaiveDate>,
    amount: Money,
    reversal: bool,
    expected: bool,
    kind: &'a str,
    reference: &'a str,
    bank_reference: &'a str,
    supplement: String,
}

/// Reads all bookings of a message; answers how many there are, usable or not.
pub(super) fn read_all(
    message: &[Field],
    statement: &mut Statement,
    currency: Currency,
    until: Option<NaiveDate>,
    place: Place,
    context: &mut Context,
) -> Result<usize, FileError> {
    let mut count = 0_usize;
    let mut rest = message;
    while let Some((field, after)) = rest.split_first() {
        rest = after;
        if field.tag != "61" {
            continue;
        }
        count = count.saturating_add(1);
        let place = Place { entry: count, line: field.line, ..place };
        let information: Vec<&str> = after
            .iter()
            .take_while(|field| field.tag == "86")
            .flat_map(|field| field.lines.iter().map(String::as_str))
            .collect();
        match parse(field, currency)
            .and_then(|line| entry(&line, &information, place, until, context.today))
        {
            Ok(entry) => {
                if entry.status == Status::Pending {
                    context.note(
                        place,
                        FindingKind::NotBooked,
                        "It is expected (EC or ED), not booked.",
                    )?;
                }
                context.push(&mut statement.entries, entry)?;
            }
            Err((kind, message)) => {
                let text = clean::clean(&information.join(" "), 80);
                let message = if text.is_empty() { message } else { format!("{message} ({text})") };
                context.note(place, kind, message)?;
            }
        }
    }
    Ok(count)
}

/// `YYMMDD`.
pub(super) fn short_day(text: &str) -> Option<NaiveDate> {
    if text.len() != 6 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |part: Option<&str>| part?.parse::<u32>().ok();
    let year = i32::try_from(number(text.get(..2))?).ok()?.checked_add(2_000)?;
    NaiveDate::from_ymd_opt(year, number(text.get(2..4))?, number(text.get(4..))?)
}

/// A value day: banks that count thirty days to each month write the 30th of February, which is its
/// last day.
fn value_day(text: &str) -> Option<NaiveDate> {
    let bank_day = || {
        let (month, day) = (text.get(..4)?, text.get(4..)?);
        let is_late = matches!(day, "29" | "30" | "31");
        ["30", "29", "28"]
            .iter()
            .filter(|_| is_late)
            .find_map(|last| short_day(&format!("{month}{last}")))
    };
    short_day(text).or_else(bank_day)
}

/// `MMDD` of the booking, in the year that is nearest to the value day.
fn near(text: &str, value_on: NaiveDate) -> Option<NaiveDate> {
    let (month, day) = (text.get(..2)?.parse().ok()?, text.get(2..4)?.parse().ok()?);
    let years =
        [value_on.year(), value_on.year().saturating_sub(1), value_on.year().saturating_add(1)];
    let days = years.into_iter().filter_map(|year| NaiveDate::from_ymd_opt(year, month, day));
    days.min_by_key(|day| day.signed_duration_since(value_on).num_days().abs())
}

fn parse(field: &Field, currency: Currency) -> Result<Line<'_>, Fault> {
    let written = field.lines.first().map_or("", |line| line.trim());
    let unreadable = || {
        (
            FindingKind::Unreadable,
            format!("The line {:?} (:61:) cannot be read.", clean::clean(written, 60)),
        )
    };
    let day = written.get(..6).ok_or_else(unreadable)?;
    let value_on = value_day(day).ok_or_else(|| {
        (FindingKind::BadDay, format!("{:?} is no day (YYMMDD).", clean::clean(day, 10)))
    })?;
    let mut rest = written.get(6..).unwrap_or_default();
    let mut booked_on = None;
    if let Some(day) = rest.get(..4).filter(|day| day.bytes().all(|b| b.is_ascii_digit())) {
        booked_on = Some(
            near(day, value_on)
                .ok_or_else(|| (FindingKind::BadDay, format!("{day:?} is no day (MMDD).")))?,
        );
        rest = rest.get(4..).unwrap_or_default();
    }
    let marks = [
        ("RC", true, true, false),
        ("RD", false, true, false),
        ("EC", false, false, true),
        ("ED", true, false, true),
        ("C", false, false, false),
        ("D", true, false, false),
    ];
    let found = marks.iter().find_map(|mark| Some((mark, rest.trim_start().strip_prefix(mark.0)?)));
    let Some(((_, negative, reversal, expected), after)) = found else {
        return Err((
            FindingKind::NoSide,
            format!(
                "The line {:?} (:61:) says neither credit nor debit.",
                clean::clean(written, 60)
            ),
        ));
    };
    // The last letter of the currency may stand here.
    let after = after.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or(after).trim_start();
    let digits: String =
        after.chars().take_while(|c| c.is_ascii_digit() || matches!(c, ',' | '.')).collect();
    let amount = amount::decimal(currency, &digits.replace(',', "."))?;
    if amount.is_zero() {
        return Err((
            FindingKind::ZeroAmount,
            "Its amount is 0.00: nothing came in or went out.".to_owned(),
        ));
    }
    let amount = if *negative { amount.negated() } else { amount };
    let rest = after.get(digits.len()..).unwrap_or_default().trim_start();
    let kind = rest
        .get(..4)
        .filter(|kind| kind.bytes().all(|b| b.is_ascii_alphanumeric()))
        .unwrap_or_default();
    let rest = rest.get(kind.len()..).unwrap_or_default();
    let (reference, bank_reference) = rest.split_once("//").unwrap_or((rest, ""));
    let supplement =
        field.lines.iter().skip(1).map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    Ok(Line {
        value_on,
        booked_on,
        amount,
        reversal: *reversal,
        expected: *expected,
        kind,
        reference,
        bank_reference,
        supplement,
    })
}

fn entry(
    line: &Line<'_>,
    lines: &[&str],
    place: Place,
    until: Option<NaiveDate>,
    today: NaiveDate,
) -> Result<Entry, Fault> {
    // Without a day of its own a booking is of its value day, but never of a day after the
    // statement's.
    let booked_on = line
        .booked_on
        .unwrap_or_else(|| until.map_or(line.value_on, |until| line.value_on.min(until)));
    if booked_on > today && !line.expected {
        return Err((
            FindingKind::FutureDay,
            format!("Its day of booking, {booked_on}, is after today, {today}."),
        ));
    }
    let currency = line.amount.currency();
    let information = information::read(lines, currency);
    let came_in = line.amount.is_positive();
    let swift = codes::swift(line.kind.get(1..).unwrap_or_default());
    let meaning =
        if swift == Meaning::default() { codes::german(&information.code) } else { swift };
    let code = if information.code.is_empty() {
        line.kind.to_owned()
    } else {
        format!("{}/{}", line.kind, information.code)
    };
    let mut texts = information.texts.clone();
    texts.push(line.supplement.clone());
    let mut search = information.search.clone();
    search.extend([line.reference.to_owned(), line.supplement.clone()]);
    Ok(Entry {
        place,
        status: if line.expected { Status::Pending } else { Status::Booked },
        booked_on,
        value_on: Some(line.value_on),
        amount: line.amount,
        reversal: line.reversal,
        returned: returned(&information, line.reversal, meaning, came_in, &code),
        kind: meaning.kind,
        references: references(line, &information),
        code: clean::clean(&code, 60),
        party: information.party.clone(),
        party_account: information.party_account.clone(),
        text: clean::shown(texts.into_iter().map(std::borrow::Cow::from)),
        search: clean::search_texts(search.into_iter().map(std::borrow::Cow::from)),
        named_amounts: Vec::new(),
        charges: information.charges.or_else(|| information::charges(&line.supplement, currency)),
        part_of: None,
    })
}

fn returned(
    information: &Information,
    reversal: bool,
    meaning: Meaning,
    came_in: bool,
    code: &str,
) -> Option<Returned> {
    let back = Meaning { is_return: true, ..meaning };
    if !information.return_reason.is_empty() {
        return back.returned(came_in, &information.return_reason);
    }
    if meaning.is_return {
        return meaning.returned(came_in, code.rsplit('/').next().unwrap_or(code));
    }
    if reversal && !matches!(meaning.kind, Kind::Fee | Kind::Interest) {
        return back.returned(came_in, "REVERSAL");
    }
    information
        .texts
        .iter()
        .find_map(|text| codes::ach_return_in(text))
        .and_then(|reason| back.returned(came_in, reason))
}

/// A word that says that the reference stands in field 86.
fn points_on(value: &str) -> bool {
    matches!(
        value.trim().trim_end_matches('+'),
        "EREF" | "KREF" | "MREF" | "PREF" | "MARF" | "IREF" | "BREF" | "RREF"
    )
}

fn references(line: &Line<'_>, information: &Information) -> Vec<Reference> {
    let by_payer =
        if line.kind.ends_with("CHK") { ReferenceKind::Cheque } else { ReferenceKind::Instruction };
    let of_line =
        [(ReferenceKind::AccountServicer, line.bank_reference), (by_payer, line.reference)];
    let all = of_line
        .into_iter()
        .chain(information.references.iter().map(|(kind, value)| (*kind, value.as_str())));
    let mut made: Vec<Reference> = Vec::new();
    for (kind, value) in all.filter(|(_, value)| !clean::is_placeholder(value) && !points_on(value))
    {
        let reference = Reference { kind, value: clean::name(value) };
        if !made.contains(&reference) {
            made.push(reference);
        }
    }
    made
}
