//! When the call being handled must have its answer.

use std::time::Duration;

tokio::task_local! {
    /// When the call being handled must have its answer.
    pub static DEADLINE: tokio::time::Instant;
}

/// When the caller of the call being handled must have its answer; none where nobody waits.
#[must_use]
pub fn deadline() -> Option<tokio::time::Instant> {
    DEADLINE.try_with(|deadline| *deadline).ok()
}

/// What is left of the time that the caller of the call being handled gave; none where nobody waits.
#[must_use]
pub fn time_left() -> Option<Duration> {
    deadline().map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()))
}
