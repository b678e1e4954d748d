//! Etags: a caller may name the version that it read, and its change is refused if the version differs now.

use crate::wire::error::AppError;
use payterms_kernel::{Kind, Refusal};

/// The etag of a version.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Refuses a change if the etag names another version than the present one. An empty etag means any version.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub fn check(expected: &str, present: i64) -> Result<(), AppError> {
    if expected.is_empty() || expected == etag(present) {
        return Ok(());
    }
    let message = "The resource has changed since it was read. Read it again and retry.";
    Err(Refusal::new(Kind::Conflict, "ETAG_MISMATCH", message).into())
}
