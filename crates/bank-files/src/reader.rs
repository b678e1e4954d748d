//! One file in, one model out: which reader takes it.

use crate::{
    camt,
    csv::{self, CsvMapping, Preset},
    encoding,
    finding::{FileError, Finding, FindingKind, Place},
    model::{BankFile, Entry},
    mt940, ofx,
};
use chrono::NaiveDate;

/// How a file is to be read.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// By what it is: CAMT, MT940, OFX, or a bank's CSV export with the header of a preset.
    Detect,
    /// As CSV, by a mapping.
    Csv(&'a CsvMapping),
    /// As a bank's CSV export.
    Preset(Preset),
}

/// How much of a file is read. What is beyond is refused, not cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Entries in it, and findings.
    pub entries: usize,
    /// Elements of XML or SGML, or fields of CSV.
    pub elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 20, entries: 20_000, elements: 500_000 }
    }
}

/// Reads a file. `today` is the day of the tenant's clock: no booking may be after it.
///
/// # Errors
/// A sentence that says why the whole file is refused.
pub fn read(
    file: &[u8],
    source: Source<'_>,
    today: NaiveDate,
    limits: Limits,
) -> Result<BankFile, FileError> {
    if file.len() > limits.bytes {
        return Err(FileError::new(format!(
            "The file has {} bytes; {} are the most.",
            file.len(),
            limits.bytes
        )));
    }
    if file.trim_ascii().is_empty() {
        return Err(FileError::new("The file is empty."));
    }
    refuse_other_kinds(file)?;
    let text = encoding::decode(file)?;
    let context = Context { today, limits, entries: 0, findings: Vec::new() };
    let mut file = match source {
        Source::Csv(mapping) => csv::read_mapped(&text, mapping, context)?,
        Source::Preset(preset) => csv::read_preset(&text, preset, context)?,
        Source::Detect => detect(&text, context)?,
    };
    for statement in &mut file.statements {
        // No file can say what happens after today.
        statement.period = statement
            .period
            .map(|(from, to)| (from, to.min(today)))
            .filter(|(from, to)| from <= to);
    }
    Ok(file)
}

fn detect(text: &str, context: Context) -> Result<BankFile, FileError> {
    if ofx::is_ofx(text) {
        return ofx::read(text, context);
    }
    if text.trim_start().starts_with('<') {
        return camt::read(text, context);
    }
    if mt940::is_mt940(text) {
        return mt940::read(text, context);
    }
    csv::read_detected(text, context)
}

/// Files of other kinds that people send: they get a sentence of their own.
fn refuse_other_kinds(file: &[u8]) -> Result<(), FileError> {
    for (mark, name) in [
        (&b"%PDF"[..], "a PDF"),
        (b"PK\x03\x04", "a ZIP or Excel file"),
        (b"\xD0\xCF\x11\xE0", "an old Excel file"),
        (b"\x1F\x8B", "a compressed file"),
    ] {
        if file.starts_with(mark) {
            return Err(FileError::new(format!(
                "The file is {name}: send what the bank offers as CAMT, MT940, OFX or CSV, unpacked."
            )));
        }
    }
    Ok(())
}

/// What all readers share: today, the limits, and the findings so far.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) today: NaiveDate,
    pub(crate) limits: Limits,
    entries: usize,
    pub(crate) findings: Vec<Finding>,
}

impl Context {
    /// Notes a finding.
    pub(crate) fn note(
        &mut self,
        place: Place,
        kind: FindingKind,
        message: impl Into<String>,
    ) -> Result<(), FileError> {
        if self.findings.len() >= self.limits.entries {
            return Err(FileError::new(format!(
                "More than {} entries of the file cannot be used as they are.",
                self.limits.entries
            )));
        }
        self.findings.push(Finding { place, kind, message: message.into() });
        Ok(())
    }

    /// Puts an entry to the others.
    pub(crate) fn push(&mut self, entries: &mut Vec<Entry>, entry: Entry) -> Result<(), FileError> {
        self.entries = self.entries.saturating_add(1);
        if self.entries > self.limits.entries {
            return Err(FileError::new(format!(
                "The file has more than {} entries. Cut it in two.",
                self.limits.entries
            )));
        }
        entries.push(entry);
        Ok(())
    }
}
