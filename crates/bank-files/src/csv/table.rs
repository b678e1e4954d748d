//! The rows of a CSV file.

use crate::finding::FileError;

/// Lines that one row may span: a quotation mark that is not closed would take in the rest of the
/// file.
const MOST_LINES_OF_A_ROW: usize = 20;

/// A row with the line on which it begins.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: usize,
    pub(super) fields: Vec<String>,
}

impl Row {
    /// A field without white space around it; empty where the row is shorter.
    pub(super) fn field(&self, place: Option<usize>) -> &str {
        place.and_then(|place| self.fields.get(place)).map_or("", |field| field.trim())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.iter().all(|field| field.trim().is_empty())
    }
}

/// All rows that hold anything, `most` fields at most.
pub(super) fn rows(text: &str, separator: u8, most: usize) -> Result<Vec<Row>, FileError> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut rows = Vec::new();
    let mut count = 0_usize;
    for record in reader.records() {
        let record =
            record.map_err(|error| FileError::new(format!("The file is no CSV: {error}.")))?;
        count = count.saturating_add(record.len());
        if count > most {
            return Err(FileError::new(format!(
                "The file has more than {most} fields. Cut it in two."
            )));
        }
        let line = record
            .position()
            .map_or(0, |position| usize::try_from(position.line()).unwrap_or(usize::MAX));
        let columns = rows.first().map_or(usize::MAX, |first: &Row| first.fields.len());
        if record.iter().any(|field| swallows_rows(field, separator, columns)) {
            return Err(FileError::new(format!("A quotation mark in line {line} is not closed.")));
        }
        let row = Row { line, fields: record.iter().map(str::to_owned).collect() };
        if !row.is_empty() {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Whether a field holds what are rows of their own: many lines, or a line that has as many columns
/// as the first row.
fn swallows_rows(field: &str, separator: u8, columns: usize) -> bool {
    let mut lines = field.lines();
    lines.next();
    let fields =
        |line: &str| line.bytes().filter(|byte| *byte == separator).count().saturating_add(1);
    let (mut count, mut is_row) = (0_usize, false);
    for line in lines {
        count = count.saturating_add(1);
        is_row |= columns >= 3 && fields(line) >= columns;
    }
    is_row || count > MOST_LINES_OF_A_ROW
}

/// A column's name for comparing: lower case, white space and `_` as one space, umlauts in two
/// letters.
pub(super) fn plain(name: &str) -> String {
    let folded: String = name
        .chars()
        .map(|c| if c == '_' || c == '\u{FEFF}' { ' ' } else { c })
        .flat_map(char::to_lowercase)
        .collect();
    let folded = folded.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue").replace('ß', "ss");
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}
