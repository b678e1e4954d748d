//! How many gateways there are, where that is asked of a name.

use super::standing::Shared;
use std::{collections::BTreeSet, sync::Arc, sync::atomic::Ordering, time::Duration};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often the addresses are counted. For as long the gateways may together admit a little more
/// or less than one would.
const EVERY: Duration = Duration::from_secs(10);
const WITHIN: Duration = Duration::from_secs(5);

/// Counts the addresses of `place` again and again. While the name does not resolve, what was
/// counted last holds.
pub(super) async fn follow(place: String, shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        if let Some(count) = count(&place).await {
            let before = shared.gateways.swap(count, Ordering::Relaxed);
            if before != count {
                tracing::info!(
                    before,
                    gateways = count,
                    "limits are shared by another number of gateways"
                );
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep(EVERY) => {}
        }
    }
}

/// How many hosts a name leads to; none while it does not resolve.
async fn count(place: &str) -> Option<u32> {
    match timeout(WITHIN, tokio::net::lookup_host(place)).await {
        Ok(Ok(addresses)) => {
            let hosts: BTreeSet<_> = addresses.map(|address| address.ip()).collect();
            u32::try_from(hosts.len()).ok().filter(|count| *count > 0)
        }
        Ok(Err(error)) => {
            tracing::debug!(place, %error, "the gateways cannot be counted");
            None
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[tokio::test]
    async fn hosts_are_counted() {
        assert_eq!(count("127.0.0.1:1").await, Some(1));
        assert_eq!(count("nowhere.invalid:1").await, None);
    }
}
