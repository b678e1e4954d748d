//! The clock: the one place where the time of day is read.

use chrono::{DateTime, SubsecRound, Utc};

/// Tells the time, to the microsecond (what both databases keep).
pub trait Clock: Send + Sync + 'static {
    /// The instant that it is.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place where the machine's clock is read")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}
