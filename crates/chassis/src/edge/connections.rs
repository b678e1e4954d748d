//! The open connections of clients. When there are too many, an idle one is closed to make room for
//! a new one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Connections at once, in all and from one address. One address gets half of them at most, so that
/// it cannot lock out others.
const IN_ALL: usize = 10_000;
const OF_ADDRESS: usize = 5_000;

/// The open connections.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    open: Arc<Mutex<HashMap<u64, Arc<Entry>>>>,
    next: Arc<AtomicU64>,
    in_all: usize,
    of_address: usize,
}

#[derive(Debug)]
struct Entry {
    address: IpAddr,
    /// The number of requests under way.
    busy: AtomicUsize,
    /// Not zero after the first request.
    used: AtomicUsize,
    idle_since: Mutex<Instant>,
    opened: Instant,
    /// Closes the connection gracefully.
    close: CancellationToken,
}

/// One open connection; it is removed from the list when the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct OpenConnection(Arc<ConnectionHandle>);

#[derive(Debug)]
struct ConnectionHandle {
    id: u64,
    entry: Arc<Entry>,
    connections: Connections,
}

/// A request under way on a connection.
#[derive(Debug)]
pub(crate) struct RequestUnderWay(Arc<ConnectionHandle>);

impl Default for Connections {
    fn default() -> Self {
        Self { open: Arc::default(), next: Arc::default(), in_all: IN_ALL, of_address: OF_ADDRESS }
    }
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Entry>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Admits a connection. If there is no room, the connection that has been idle for longest is
    /// closed: one of the same address if that has used up its share, otherwise any. `None` if all
    /// of them are busy.
    pub(crate) fn admit(&self, address: IpAddr) -> Option<OpenConnection> {
        let mut open = self.open();
        let of_address = open.values().filter(|entry| entry.address == address).count();
        if of_address >= self.of_address || open.len() >= self.in_all {
            let candidates = open
                .iter()
                .filter(|(_, entry)| of_address < self.of_address || entry.address == address);
            let idle = candidates.filter(|(_, entry)| entry.busy.load(Ordering::Relaxed) == 0);
            let oldest = idle.min_by_key(|(_, entry)| {
                *entry.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
            });
            let id = oldest.map(|(id, _)| *id)?;
            if let Some(entry) = open.remove(&id) {
                entry.close.cancel();
            }
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry {
            address,
            busy: AtomicUsize::default(),
            used: AtomicUsize::default(),
            idle_since: Mutex::new(Instant::now()),
            opened: Instant::now(),
            close: CancellationToken::new(),
        });
        open.insert(id, entry.clone());
        drop(open);
        Some(OpenConnection(Arc::new(ConnectionHandle { id, entry, connections: self.clone() })))
    }
}

impl OpenConnection {
    /// Counts a request as under way until the result is dropped.
    pub(crate) fn begin(&self) -> RequestUnderWay {
        self.0.entry.busy.fetch_add(1, Ordering::Relaxed);
        self.0.entry.used.store(1, Ordering::Relaxed);
        RequestUnderWay(self.0.clone())
    }

    /// Whether there has been a request.
    pub(crate) fn is_used(&self) -> bool {
        self.0.entry.used.load(Ordering::Relaxed) > 0
    }

    /// Waits until the connection is to be closed: to make room for another one, or because no
    /// request came within `first_within` of its opening.
    pub(crate) async fn unwanted(&self, first_within: Duration) {
        let closed = self.0.entry.close.cancelled();
        tokio::select! {
            () = closed => return,
            () = tokio::time::sleep_until(self.0.entry.opened + first_within) => {}
        }
        if self.is_used() {
            self.0.entry.close.cancelled().await;
        }
    }
}

impl Drop for ConnectionHandle {
    fn drop(&mut self) {
        self.connections.open().remove(&self.id);
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        *self.0.entry.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.entry.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Connections;
    use std::{net::IpAddr, time::Duration};

    #[tokio::test]
    async fn idle_connections_make_room_and_busy_ones_stay() {
        let connections = Connections { in_all: 3, of_address: 2, ..Connections::default() };
        let (first_address, other_address, third_address): (IpAddr, IpAddr, IpAddr) =
            ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap(), "10.0.0.3".parse().unwrap());
        let (first, second) =
            (connections.admit(first_address).unwrap(), connections.admit(first_address).unwrap());
        let request = first.begin();
        let _other = connections.admit(other_address).unwrap();
        // The address has its share: its own idle one goes, though another address has an older
        // one.
        let third = connections.admit(first_address).unwrap();
        second.unwanted(Duration::from_mins(10)).await;
        let under_way = third.begin();
        assert!(connections.admit(first_address).is_none(), "all of the address are busy");
        assert!(
            connections.admit(third_address).is_some(),
            "another takes the room of one that is idle"
        );
        drop((request, under_way));
        assert!(connections.admit(first_address).is_some());
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let connections = Connections::default();
        let silent = connections.admit("10.0.0.1".parse().unwrap()).unwrap();
        silent.unwanted(Duration::from_millis(1)).await;
        let used = connections.admit("10.0.0.1".parse().unwrap()).unwrap();
        drop(used.begin());
        assert!(
            tokio::time::timeout(Duration::from_millis(50), used.unwanted(Duration::ZERO))
                .await
                .is_err(),
            "it stays"
        );
        drop((silent, used));
        assert!(connections.open().is_empty());
    }
}
