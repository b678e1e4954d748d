//! CSV: by a mapping, or by the preset of a bank's export.

mod balances;
mod date;
mod european;
mod header;
mod layouts;
mod mapping;
mod meanings;
mod number;
mod plan;
mod presets;
mod row;
mod table;
mod words;

pub use mapping::{CsvMapping, DateOrder};
pub use presets::Preset;

use crate::{
    finding::{FileError, FindingKind, Place},
    model::{BankFile, Format, Statement, Status},
    reader::Context,
};
use balances::Balances;
use header::Found;
use plan::{Columns, Plan, trimmed_count};
use row::Reader;
use table::Row;

/// Reads a file by a mapping.
pub(crate) fn read_mapped(
    text: &str,
    mapping: &CsvMapping,
    context: Context,
) -> Result<BankFile, FileError> {
    let separator = u8::try_from(mapping.separator.unwrap_or(','))
        .ok()
        .filter(|byte| byte.is_ascii_punctuation() || *byte == b'\t');
    let separator = separator
        .ok_or_else(|| FileError::new("The separator of columns is one of , ; | or a tab."))?;
    let rows = table::rows(text, separator, context.limits.elements)?;
    read_found(header::of_mapping(&Plan::of(mapping), rows)?, context)
}

/// Reads a bank's export.
pub(crate) fn read_preset(
    text: &str,
    preset: Preset,
    context: Context,
) -> Result<BankFile, FileError> {
    let found = header::of_presets(text, &[preset], context.limits.elements)?;
    let found = found.ok_or_else(|| {
        FileError::new(format!(
            "The file has not the columns of an export of {}: send it with a mapping.",
            preset.name()
        ))
    })?;
    read_found(found, context)
}

/// Reads a bank's export whose header a preset has.
pub(crate) fn read_detected(text: &str, context: Context) -> Result<BankFile, FileError> {
    let found = header::of_presets(text, &Preset::ALL, context.limits.elements)?;
    let found = found.ok_or_else(|| {
        FileError::new("The file is of no known format: send CAMT.052, 053 or 054, MT940, OFX, or CSV with a mapping of its columns.")
    })?;
    read_found(found, context)
}

/// One account in one currency, with its balances.
struct Group {
    statement: Statement,
    balances: Balances,
}

fn read_found(found: Found, mut context: Context) -> Result<BankFile, FileError> {
    let Found { plan, header, before, rows } = found;
    let mut columns = Columns::of(&plan, &header)?;
    if plan.preset.is_none() {
        words::find_unnamed(&plan, &header, &rows, &mut columns);
    }
    words::find_signs(&plan, &rows, &mut columns);
    header::check_order(&plan, &columns, &rows)?;
    if let (Some(from), Some(to)) = plan.period
        && from > to
    {
        return Err(FileError::new("The period of the mapping ends before it begins."));
    }
    if plan.card {
        let message = "The file is of a credit card: what comes in pays its debt or gives back a purchase; it is no income.";
        context.note(Place::default(), FindingKind::CardAccount, message)?;
    }
    let reader = Reader { plan: &plan, columns: &columns, header: &header, today: context.today };
    let mut groups: Vec<Group> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let place = Place { entry: at.saturating_add(1), line: row.line, ..Place::default() };
        read_row(&reader, row, place, &mut groups, &mut context)?;
    }
    let mut statements = Vec::new();
    for mut group in groups {
        group.balances.finish(&plan, &before, &mut group.statement);
        statements.push(group.statement);
    }
    Ok(BankFile {
        format: Format::Csv,
        version: None,
        preset: plan.preset,
        statements,
        findings: context.findings,
    })
}

fn read_row(
    reader: &Reader<'_>,
    row: &Row,
    place: Place,
    groups: &mut Vec<Group>,
    context: &mut Context,
) -> Result<(), FileError> {
    let count = trimmed_count(&row.fields);
    if count > reader.columns.count {
        let message = format!(
            "The row has {count} fields, its header {}: they cannot be told apart.",
            reader.columns.count
        );
        return context.note(place, FindingKind::Unreadable, message);
    }
    let no_booking = reader.no_booking(row);
    let (account, currency) = match (reader.account(row), &no_booking) {
        (Ok(found), _) => found,
        (Err(_), Some(sentence)) => {
            return context.note(place, FindingKind::NoBooking, sentence.clone());
        }
        (Err((kind, message)), None) => return context.note(place, kind, message),
    };
    let at = groups.iter().position(|group| {
        group.statement.account == account && group.statement.currency == Some(currency)
    });
    let at = at.unwrap_or_else(|| {
        let period = reader.plan.period.0.zip(reader.plan.period.1);
        let statement =
            Statement { account, currency: Some(currency), period, ..Statement::default() };
        groups.push(Group { statement, balances: Balances::default() });
        groups.len().saturating_sub(1)
    });
    let Some(group) = groups.get_mut(at) else { return Ok(()) };
    let place = Place { statement: at.saturating_add(1), ..place };
    if let Some(sentence) = no_booking {
        group.balances.opening = group.balances.opening.or_else(|| reader.opening(row, currency));
        return context.note(place, FindingKind::NoBooking, sentence);
    }
    let entry = match reader.entry(row, currency, place) {
        Ok(entry) => entry,
        Err((kind, message)) => return context.note(place, kind, message),
    };
    match entry.status {
        Status::Booked => group.balances.of_rows.push(reader.balance(row, currency)),
        Status::Unstated => {
            group.balances.of_rows.push(None);
            context.note(
                place,
                FindingKind::NoStatus,
                reader.status_sentence(row, "does not say whether it is booked"),
            )?;
        }
        Status::Pending | Status::Information => {
            group.balances.of_rows.push(None);
            context.note(
                place,
                FindingKind::NotBooked,
                reader.status_sentence(row, "says that it is not booked"),
            )?;
        }
    }
    context.push(&mut group.statement.entries, entry)
}
