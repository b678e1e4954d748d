//! The deadline of the current call.

use std::time::Duration;

tokio::task_local! {
    /// The deadline of the current call.
    pub static DEADLINE: tokio::time::Instant;
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
