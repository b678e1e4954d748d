//! Retries of a transaction that lost a race against another one.

use crate::wire::error::AppError;

/// Attempts in all. Each loser of a race finds the winner's rows in its next attempt, so a few are
/// enough.
const ATTEMPTS: u32 = 5;

/// Runs a use case and repeats it if its transaction lost a race (a serialization failure, a
/// deadlock, a unique key).
///
/// # Errors
/// The error of the last attempt.
pub async fn retry<T, F: Future<Output = Result<T, AppError>>>(
    use_case: impl Fn() -> F,
) -> Result<T, AppError> {
    for _ in 1..ATTEMPTS {
        match use_case().await {
            Err(error) if error.is_transient() => {
                tracing::debug!(%error, "a transaction is tried again");
            }
            done => return done,
        }
    }
    use_case().await
}
