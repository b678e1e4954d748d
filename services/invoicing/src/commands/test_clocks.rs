//! What is asked of test clocks.

use chrono::{DateTime, Utc};

/// Gives a tenant a test clock.
#[derive(Debug, Clone)]
pub struct StartTestClock {
    /// Where the clock begins.
    pub now: DateTime<Utc>,
    /// What its ids are made from.
    pub seed: String,
}
