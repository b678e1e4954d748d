//! Bank statements: files that an applicant uploads, and the stored form of what was read from
//! linked accounts. An uploaded file is hostile until it is read; of an account only a hash is
//! stored.

mod linked;
mod model;
#[cfg(test)]
mod tests;

pub use linked::{decode_linked, encode_linked, pulled};

use crate::commands::bank_files::{BankFinding, Reading};
use chrono::NaiveDate;
use payterms_bank_files::{Limits, Source, account_key};
use payterms_credit_domain::bank::Statement;
use payterms_kernel::{Kind, Reason, Refusal, TenantId};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Bookings of one file.
pub const MOST_BOOKINGS: usize = 20_000;
/// Findings of one file that are listed.
pub const MOST_FINDINGS: usize = 200;
/// Characters of a party's name and of a reference.
const MOST_TEXT: usize = 140;

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, Reason::BANK_FILE_INVALID, what)
}

/// What a file was read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// Its format.
    pub format: &'static str,
    /// What it says of each account.
    pub statements: Vec<Statement>,
    /// The last characters of each statement's account number.
    pub endings: Vec<String>,
    /// What of it could not be used, or not as it stands: the first of it.
    pub findings: Vec<BankFinding>,
    /// How many findings there are.
    pub finding_count: usize,
}

/// What distinguishes an account from others, without its number: however it is written, in
/// whatever format.
#[must_use]
pub fn account_hash(tenant: &TenantId, account: &str) -> String {
    let plain = account_key(account);
    hex::encode(Sha256::digest(format!("{tenant}/{plain}")).get(..12).unwrap_or_default())
}

/// A text of the bank's without control characters, cut where it is too long.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST_TEXT)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// Reads a file. `today` is the day on which it was uploaded: no booking may be after it.
///
/// # Errors
/// `BANK_FILE_INVALID` with what is wrong.
pub fn read_bank_file(
    tenant: &TenantId,
    file: &[u8],
    reading: &Reading,
    today: NaiveDate,
) -> Result<ReadFile, Refusal> {
    let limits = Limits { entries: MOST_BOOKINGS, ..Limits::default() };
    let mapping =
        reading.mapping.as_ref().filter(|_| reading.preset.is_none()).map(model::csv_mapping);
    let source = match (&mapping, reading.preset) {
        (Some(mapping), _) => Source::Csv(mapping),
        (None, Some(preset)) => Source::Preset(preset),
        (None, None) => Source::Detect,
    };
    let read = payterms_bank_files::read(file, source, today, limits);
    let read = read.map_err(|error| {
        invalid(format!("{} A scan is taken as PDF, PNG or JPEG.", error.message))
    })?;
    model::read_file(tenant, &read, reading.mapping.as_ref())
}

/// How many accounts statements are of.
#[must_use]
pub fn account_count(statements: &[Statement]) -> i64 {
    let names: BTreeSet<_> =
        statements.iter().map(|statement| statement.account.as_str()).collect();
    i64::try_from(names.len()).unwrap_or(i64::MAX)
}

/// How many bookings they hold.
#[must_use]
pub fn booking_count(statements: &[Statement]) -> i64 {
    i64::try_from(statements.iter().map(|statement| statement.bookings.len()).sum::<usize>())
        .unwrap_or(i64::MAX)
}
