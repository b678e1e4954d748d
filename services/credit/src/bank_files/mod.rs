//! Bank statements: files that an applicant uploads, CAMT.053 or CSV with a mapping, and the stored form of what was read
//! from linked accounts. An uploaded file is hostile until it is read; of an account only a hash is stored.

mod camt;
mod csv;
mod linked;
#[cfg(test)]
mod tests;

pub use linked::{decode_linked, encode_linked};

use crate::commands::bank_files::CsvMapping;
use payterms_credit_domain::bank::Statement;
use payterms_kernel::{Kind, Refusal, TenantId};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Bookings of one file.
pub const MOST_BOOKINGS: usize = 20_000;
/// Characters of a party's name and of a reference.
const MOST_TEXT: usize = 140;

fn invalid(what: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "BANK_FILE_INVALID", what)
}

/// What tells an account from others, without its number.
#[must_use]
pub fn account_hash(tenant: &TenantId, account: &str) -> String {
    let plain: String = account.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase();
    hex::encode(Sha256::digest(format!("{tenant}/{plain}")).get(..12).unwrap_or_default())
}

/// A text of the bank's without control characters, cut where it is too long.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_TEXT).collect::<String>().trim().to_owned()
}

/// Reads a file; none: no mapping, so it is CAMT.053.
///
/// # Errors
/// `BANK_FILE_INVALID` with what is wrong.
pub fn read_bank_file(tenant: &TenantId, file: &[u8], mapping: Option<&CsvMapping>) -> Result<Vec<Statement>, Refusal> {
    match mapping {
        Some(mapping) => Ok(vec![csv::read_csv(file, mapping)?]),
        None => camt::read_camt(tenant, file),
    }
}

/// How many accounts statements are of.
#[must_use]
pub fn account_count(statements: &[Statement]) -> i64 {
    let names: BTreeSet<_> = statements.iter().map(|statement| statement.account.as_str()).collect();
    i64::try_from(names.len()).unwrap_or(i64::MAX)
}

/// How many bookings they hold.
#[must_use]
pub fn booking_count(statements: &[Statement]) -> i64 {
    i64::try_from(statements.iter().map(|statement| statement.bookings.len()).sum::<usize>()).unwrap_or(i64::MAX)
}
