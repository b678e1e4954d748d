//! Etags: a caller may name the version that it read, and its change is refused if the version
//! differs now.

use crate::wire::error::AppError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use payterms_kernel::{Kind, Reason, Refusal};
use sha2::{Digest, Sha256};

/// The etag of a version.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("\"{version}\"")
}

/// The etag of what a version shows, where that changes without the version: it covers every byte
/// shown.
#[must_use]
pub fn etag_of(version: i64, shown: &[u8]) -> String {
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(shown));
    format!("\"{version}-{}\"", digest.get(..16).unwrap_or_default())
}

/// Refuses a change if the etag names another version than the present one. An empty etag means any
/// version.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub fn check(expected: &str, present: i64) -> Result<(), AppError> {
    check_shown(expected, &etag(present))
}

/// The same for an etag of [`etag_of`].
///
/// # Errors
/// `ETAG_MISMATCH`.
pub fn check_shown(expected: &str, present: &str) -> Result<(), AppError> {
    if expected.is_empty() || expected == present {
        return Ok(());
    }
    let message = "The resource has changed since it was read. Read it again and retry.";
    Err(Refusal::new(Kind::Conflict, Reason::ETAG_MISMATCH, message).into())
}
