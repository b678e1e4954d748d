//! MT940 (SWIFT), with and without the blocks of its envelope: its fields, its statements with
//! balances. Banks deviate from the standard in many ways, so each line that cannot be read is a
//! finding of its own and the others are read.

mod information;
mod line;
mod structured;

use crate::{
    account, amount, clean,
    finding::{FileError, FindingKind, Place},
    model::{Balance, BankFile, Format, Statement},
    reader::Context,
};
use chrono::NaiveDate;
use payterms_kernel::Currency;

/// A field of a message: `:61:` with its lines.
struct Field {
    tag: String,
    lines: Vec<String>,
    line: usize,
}

/// Whether a text seems to be MT940.
pub(crate) fn is_mt940(text: &str) -> bool {
    let head = || text.lines().take(50).map(str::trim_start);
    text.trim_start().starts_with("{1:")
        || head().any(|line| line.contains(":20:")) && head().any(|line| line.starts_with(":25"))
}

/// Reads a file.
pub(crate) fn read(text: &str, mut context: Context) -> Result<BankFile, FileError> {
    let mut statements: Vec<Statement> = Vec::new();
    let mut open_page = false;
    let messages = messages(text);
    if messages.is_empty() {
        return Err(FileError::new("The file holds no statement (:20:)."));
    }
    for message in &messages {
        let number = statements.len().saturating_add(1);
        let Some(page) = Page::read(message, number, &mut context)? else { continue };
        let goes_on = !page.is_last;
        match statements.last_mut() {
            // The next page of the same statement: its entries are those of one statement.
            Some(last) if open_page && !page.is_first && last.account == page.statement.account => {
                last.entries.extend(page.statement.entries);
                last.closing = page.statement.closing;
            }
            _ => statements.push(page.statement),
        }
        open_page = goes_on;
    }
    for statement in &mut statements {
        finish(statement);
    }
    Ok(BankFile {
        format: Format::Mt940,
        version: None,
        preset: None,
        statements,
        findings: context.findings,
    })
}

/// The statement's identity and period, which rest on both balances. Many banks write the same word
/// in `:20:` and begin to number anew each year, so the day of the closing balance belongs to the
/// identity.
fn finish(statement: &mut Statement) {
    if let Some(closing) = statement.closing {
        statement.id = clean::name(&format!("{} {}", statement.id, closing.on));
    }
    if let (Some(opening), Some(closing)) = (statement.opening, statement.closing) {
        // The opening balance is that of the day before, with most banks; a booking of its day says
        // that it is not.
        let first = statement.entries.iter().map(|entry| entry.booked_on).min();
        let after =
            opening.on.succ_opt().filter(|after| *after <= closing.on).unwrap_or(closing.on);
        let from = first.map_or(after, |first| first.min(after)).max(opening.on.min(after));
        statement.period = Some((from.min(closing.on), closing.on));
    }
}

/// The fields of each message, in their order. What stands before the first field, such as a bank's
/// own header, is no field.
fn messages(text: &str) -> Vec<Vec<Field>> {
    let mut messages: Vec<Vec<Field>> = Vec::new();
    let mut open = false;
    for (at, raw) in text.lines().enumerate() {
        let line = raw
            .trim_start_matches(|c: char| c.is_control() || c == '\u{FEFF}')
            .trim_end_matches(['\r', '\u{3}']);
        let line = line.rsplit_once("{4:").map_or(line, |(_, rest)| rest);
        if line.trim() == "-" || line.starts_with("-}") {
            open = false;
            continue;
        }
        if let Some((tag, rest)) = tag(line) {
            if tag == "20" {
                messages.push(Vec::new());
                open = true;
            }
            if let Some(message) = messages.last_mut().filter(|_| open) {
                message.push(Field {
                    tag: tag.to_owned(),
                    lines: vec![rest.to_owned()],
                    line: at.saturating_add(1),
                });
            }
        } else if let Some(field) =
            messages.last_mut().filter(|_| open).and_then(|message| message.last_mut())
        {
            field.lines.push(line.to_owned());
        }
    }
    messages
}

/// `:61:` or `:60F:` at the beginning of a line.
fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.trim_start().strip_prefix(':')?.split_once(':')?;
    // Banks have tags of their own in letters, such as `:NS:`.
    let (head, all) =
        (tag.get(..2)?, |test: fn(&u8) -> bool| tag.bytes().take(2).all(|b| test(&b)));
    let digits = head.is_ascii() && (all(u8::is_ascii_digit) || all(u8::is_ascii_uppercase));
    let letter =
        tag.len() == 2 || tag.len() == 3 && tag.ends_with(|c: char| c.is_ascii_uppercase());
    (digits && letter).then_some((tag, rest))
}

/// One message: a whole statement, or a page of one.
struct Page {
    statement: Statement,
    is_first: bool,
    is_last: bool,
}

impl Page {
    fn read(
        message: &[Field],
        number: usize,
        context: &mut Context,
    ) -> Result<Option<Self>, FileError> {
        let place = Place {
            statement: number,
            line: message.first().map_or(0, |field| field.line),
            ..Place::default()
        };
        let first = |tags: &[&str]| message.iter().find(|field| tags.contains(&field.tag.as_str()));
        let text = |tags: &[&str]| {
            first(tags).and_then(|field| field.lines.first()).map_or("", |line| line.trim())
        };
        let account = text(&["25", "25P"]);
        if account.is_empty() {
            context.note(
                place,
                FindingKind::NoAccount,
                "The statement names no account (:25:); it is not read.",
            )?;
            return Ok(None);
        }
        let (opening, closing) = (first(&["60F", "60M"]), first(&["62F", "62M"]));
        let currency = opening
            .or(closing)
            .or_else(|| first(&["34F", "64"]))
            .and_then(currency_of)
            .or_else(|| currency_after(account));
        let Some(currency) = currency else {
            context.note(
                place,
                FindingKind::UnknownCurrency,
                "The statement names no currency that one can pay in; it is not read.",
            )?;
            return Ok(None);
        };
        if opening.is_some() && closing.is_none() {
            context.note(
                place,
                FindingKind::Unreadable,
                "The statement has no closing balance (:62F:): the file may be cut off.",
            )?;
        }
        let (sequence, page) =
            text(&["28C", "28"]).split_once('/').unwrap_or((text(&["28C", "28"]), ""));
        let reference = text(&["20"]);
        let balance = |field: Option<&Field>, last: &str| {
            field.filter(|field| field.tag == last).and_then(|field| balance(field, currency))
        };
        let mut statement = Statement {
            account: account::without_currency(account),
            currency: Some(currency),
            id: if clean::is_placeholder(reference) {
                String::new()
            } else {
                clean::name(reference)
            },
            sequence: sequence_of(sequence),
            page: sequence_of(page),
            opening: balance(opening, "60F"),
            closing: balance(closing, "62F"),
            ..Statement::default()
        };
        let until = closing.and_then(balance_day);
        let count = line::read_all(message, &mut statement, currency, until, place, context)?;
        if count == 0 {
            context.note(place, FindingKind::NoEntries, "The statement holds no entries.")?;
        }
        let is = |field: Option<&Field>, tag: &str| field.is_none_or(|field| field.tag == tag);
        Ok(Some(Self { statement, is_first: is(opening, "60F"), is_last: is(closing, "62F") }))
    }
}

/// A number without leading zeros; nothing where it is only zeros, as with banks that do not count.
fn sequence_of(text: &str) -> String {
    clean::name(text.trim().trim_start_matches('0'))
}

/// `C260630EUR1234,56`: the parts of a balance.
fn balance_parts(field: &Field) -> Option<(char, NaiveDate, &str, &str)> {
    let text = field.lines.first()?.trim();
    let side = text.chars().next()?;
    Some((side, line::short_day(text.get(1..7)?)?, text.get(7..10)?, text.get(10..)?))
}

fn balance_day(field: &Field) -> Option<NaiveDate> {
    balance_parts(field).map(|(_, day, ..)| day)
}

fn currency_of(field: &Field) -> Option<Currency> {
    let by_balance = balance_parts(field).and_then(|(_, _, code, _)| Currency::parse(code));
    by_balance.or_else(|| Currency::parse(field.lines.first()?.get(..3)?))
}

/// Some banks write the currency behind the account.
fn currency_after(account: &str) -> Option<Currency> {
    let account = account.trim_end();
    Currency::parse(account.get(account.len().checked_sub(3)?..)?)
}

fn balance(field: &Field, currency: Currency) -> Option<Balance> {
    let (side, on, code, digits) = balance_parts(field)?;
    let amount = amount::decimal(currency, &digits.trim().replace(',', "."))
        .ok()
        .filter(|_| code == currency.code())?;
    match side {
        'C' => Some(Balance { on, amount }),
        'D' => Some(Balance { on, amount: amount.negated() }),
        _ => None,
    }
}
