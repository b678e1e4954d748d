//! The deadline of the current call, and whether its caller still waits.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

tokio::task_local! {
    /// The deadline of the current call.
    pub static DEADLINE: tokio::time::Instant;
    /// Cancelled when nobody waits for the answer of the current call any more.
    pub static CALLER_GONE: CancellationToken;
}

/// Waits until nobody waits for the answer of the current call any more. What a call has begun goes
/// on then; what only waits for something should end, because it keeps its permit. For ever in work
/// without a caller.
pub async fn caller_gone() {
    match CALLER_GONE.try_with(Clone::clone) {
        Ok(gone) => gone.cancelled().await,
        Err(_) => std::future::pending().await,
    }
}

/// The deadline of the current call; `None` for work without a caller.
#[must_use]
pub fn deadline() -> Option<tokio::time::Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// The time until the deadline of the current call; `None` for work without a caller.
#[must_use]
pub fn time_left() -> Option<Duration> {
    deadline().map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()))
}

/// Parses a `grpc-timeout` header; `None` if it is malformed.
#[must_use]
pub fn parse_timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => amount.checked_mul(3_600).map(Duration::from_secs),
        "M" => amount.checked_mul(60).map(Duration::from_secs),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}
