//! Etags: a caller may say which version it read, and changes that one or none.

use crate::wire::error::AppError;
use payterms_kernel::{Kind, Refusal};

/// The etag of a version.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// Refuses a change of another version than the one that was read; an empty etag means any.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub fn check(given: &str, present: i64) -> Result<(), AppError> {
    if given.is_empty() || given == etag(present) {
        return Ok(());
    }
    let message = "The resource has changed since it was read. Read it again and retry.";
    Err(Refusal::new(Kind::Conflict, "ETAG_MISMATCH", message).into())
}
