//! A transaction that lost a race is tried again.

use crate::wire::error::AppError;

/// How often a transaction that lost a race is tried in all.
const TRIES: u32 = 5;

/// Runs a transaction, again if it lost a race.
///
/// # Errors
/// Those of the last try.
pub async fn retry<T, F: Future<Output = Result<T, AppError>>>(use_case: impl Fn() -> F) -> Result<T, AppError> {
    for _ in 1..TRIES {
        match use_case().await {
            Err(error) if error.is_transient() => tracing::debug!(%error, "a transaction is tried again"),
            done => return done,
        }
    }
    use_case().await
}
