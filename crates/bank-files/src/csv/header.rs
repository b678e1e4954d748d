//! Where the header of a CSV file is, what stands before it, and whether its days are in the order
//! that is expected.

use super::{
    DateOrder, Preset, date,
    layouts::{self, Layout},
    number,
    plan::{Columns, Plan},
    table::{self, Row, plain},
};
use crate::finding::FileError;
use payterms_kernel::Currency;

/// Rows before a header, such as a summary.
const MOST_BEFORE: usize = 50;
/// Columns of a header.
const MOST_COLUMNS: usize = 200;

/// The names in the rows among which the header is looked for; none where a row has too many to be
/// one.
fn names_of(rows: &[Row]) -> Vec<Vec<String>> {
    let names = |row: &Row| {
        row.fields
            .iter()
            .filter(|_| row.fields.len() <= MOST_COLUMNS)
            .map(|name| plain(name))
            .collect()
    };
    rows.iter().take(MOST_BEFORE).map(names).collect()
}

/// A file of which it is known how to read it.
pub(super) struct Found {
    pub(super) plan: Plan,
    pub(super) header: Row,
    pub(super) before: Vec<Row>,
    pub(super) rows: Vec<Row>,
}

fn cut(plan: Plan, mut rows: Vec<Row>, at: usize) -> Option<Found> {
    let after = rows.split_off(at.saturating_add(1).min(rows.len()));
    let header = rows.pop()?;
    Some(Found { plan, header, before: rows, rows: after })
}

/// The header is the first row that names the day and what moved.
pub(super) fn of_mapping(plan: &Plan, rows: Vec<Row>) -> Result<Found, FileError> {
    let by_amount = !plan.amount.is_empty();
    if plan.date.is_empty() || !by_amount && (plan.credit.is_empty() || plan.debit.is_empty()) {
        return Err(FileError::new(
            "The mapping names no column for the day, or neither one for the amount nor two for credit and debit.",
        ));
    }
    if by_amount && !(plan.credit.is_empty() && plan.debit.is_empty()) {
        return Err(FileError::new(
            "The mapping names a column for the amount and others for credit and debit: one of both tells it.",
        ));
    }
    let wanted: Vec<&String> = if by_amount {
        vec![&plan.date, &plan.amount]
    } else {
        vec![&plan.date, &plan.credit, &plan.debit]
    };
    let at = names_of(&rows)
        .iter()
        .position(|names| wanted.iter().all(|name| names.contains(&plain(name))));
    if let (None, Some(first)) = (at, rows.first()) {
        // Says which of its columns is missing.
        Columns::of(plan, first)?;
    }
    at.and_then(|at| cut(plan.clone(), rows, at))
        .ok_or_else(|| FileError::new("The file has no row that names its columns."))
}

/// The first header that one of the presets has, by whatever separator.
pub(super) fn of_presets(
    text: &str,
    presets: &[Preset],
    most: usize,
) -> Result<Option<Found>, FileError> {
    for separator in [b',', b';', b'\t'] {
        let rows = table::rows(text, separator, most)?;
        let names = names_of(&rows);
        for layout in presets.iter().flat_map(|preset| layouts::layouts(*preset)) {
            if let Some(at) = names.iter().position(|names| layout.is_header(names)) {
                return Ok(found(layout, rows, at));
            }
        }
        if separator == b',' && presets.contains(&Preset::WellsFargo) && is_wells_fargo(&rows) {
            let headless = layouts::layouts(Preset::WellsFargo)
                .into_iter()
                .find(|layout| layout.required.is_empty());
            let header =
                Row { line: 0, fields: layouts::WELLS_FARGO_COLUMNS.map(str::to_owned).to_vec() };
            return Ok(headless.map(|layout| Found {
                plan: layout.plan,
                header,
                before: Vec::new(),
                rows,
            }));
        }
    }
    Ok(None)
}

fn found(layout: Layout, rows: Vec<Row>, at: usize) -> Option<Found> {
    let is_history = layout.required == layouts::WISE_HISTORY;
    let found = cut(layout.plan, rows, at)?;
    if !is_history {
        return Some(found);
    }
    let rows = wise_history(&found.header, &found.rows);
    let header = Row {
        line: found.header.line,
        fields: layouts::WISE_HISTORY_COLUMNS.map(str::to_owned).to_vec(),
    };
    Some(Found { header, rows, ..found })
}

/// Wells Fargo's older export has no header: five fields, a day, an amount with a sign, a star.
fn is_wells_fargo(rows: &[Row]) -> bool {
    let usd = Currency::parse("USD");
    let fits = |row: &Row| {
        let star = matches!(row.field(Some(2)), "*" | "");
        let amount = usd
            .is_some_and(|usd| matches!(number::read(row.field(Some(1)), false, usd), Ok(Some(_))));
        row.fields.len() == 5
            && star
            && amount
            && date::read(row.field(Some(0)), DateOrder::MonthDayYear).is_some()
    };
    !rows.is_empty() && rows.iter().take(10).all(fits)
}

/// Rows of Wise's history as rows of one balance each: what went out of the source, what came into
/// the target.
fn wise_history(header: &Row, rows: &[Row]) -> Vec<Row> {
    let place = |name: &str| header.fields.iter().position(|field| plain(field) == plain(name));
    let field = |row: &Row, name: &str| row.field(place(name)).to_owned();
    let mut made = Vec::new();
    for row in rows {
        let direction = field(row, "Direction");
        let side = |amount: String, side: &str, other: &str, fee: String| Row {
            line: row.line,
            fields: vec![
                field(row, "Finished on"),
                amount,
                field(row, &format!("{side} currency")),
                field(row, &format!("{other} name")),
                field(row, "Reference"),
                field(row, "Status"),
                field(row, "ID"),
                fee,
                direction.clone(),
                field(row, "Created on"),
            ],
        };
        if !direction.eq_ignore_ascii_case("IN") {
            let amount = format!("-{}", field(row, "Source amount (after fees)"));
            made.push(side(amount, "Source", "Target", field(row, "Source fee amount")));
        }
        if !direction.eq_ignore_ascii_case("OUT") {
            made.push(side(
                field(row, "Target amount (after fees)"),
                "Target",
                "Source",
                String::new(),
            ));
        }
    }
    made
}

/// Where some days are none in the expected order and all are days in another one, the order is
/// wrong: the days that fit both would be read as others than they are.
pub(super) fn check_order(plan: &Plan, columns: &Columns, rows: &[Row]) -> Result<(), FileError> {
    let days = || {
        rows.iter()
            .map(|row| row.field(columns.date))
            .filter(|text| text.chars().any(|c| c.is_ascii_digit()))
    };
    let all = |order: DateOrder| days().all(|text| date::read(text, order).is_some());
    let other = match plan.order {
        DateOrder::DayMonthYear => DateOrder::MonthDayYear,
        DateOrder::MonthDayYear => DateOrder::DayMonthYear,
        DateOrder::YearMonthDay => return Ok(()),
    };
    if all(plan.order) || !all(other) {
        return Ok(());
    }
    let order =
        if other == DateOrder::DayMonthYear { "day, month, year" } else { "month, day, year" };
    Err(FileError::new(format!(
        "The dates of the file are in the order {order}, not in the one that is stated."
    )))
}
