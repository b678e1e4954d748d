//! How long connections last. A server closes old ones in order, so that calls of clients that hold
//! one connection through a balancer spread over its replicas again, and over new ones.

use clap::Args;
use rand::Rng;
use std::time::Duration;

/// How long connections last.
#[derive(Debug, Clone, Copy, Args)]
pub struct ConnectionAges {
    /// Seconds after which a connection is closed in order and its client opens another one; a
    /// tenth more or less, so that they do not come all at once. 0: never.
    #[arg(long, env = "PAYTERMS_CONNECTION_AGE_SECONDS", default_value_t = 300)]
    pub connection_age_seconds: u32,
    /// Seconds that calls under way then have before they are cut.
    #[arg(long, env = "PAYTERMS_CONNECTION_GRACE_SECONDS", default_value_t = 300)]
    pub connection_grace_seconds: u32,
}

impl Default for ConnectionAges {
    fn default() -> Self {
        Self { connection_age_seconds: 300, connection_grace_seconds: 300 }
    }
}

impl ConnectionAges {
    /// Waits until a connection that was opened now is old.
    pub(crate) async fn is_old(self) {
        if self.connection_age_seconds == 0 {
            return std::future::pending().await;
        }
        let tenths_of_percent = rand::rng().random_range(900..=1_100);
        let millis = u64::from(self.connection_age_seconds).saturating_mul(tenths_of_percent);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    pub(crate) fn grace(self) -> Duration {
        Duration::from_secs(self.connection_grace_seconds.into())
    }
}
