//! Calls to one service, spread over its replicas.
//!
//! The names in its addresses are resolved again and again, and each address is a replica. As long
//! as there is only one, it is connected when it is needed. As soon as there are more, a connection
//! to each is held and asked whether the replica is ready, and a call goes to the ready one with
//! the fewest calls under way.
//!
//! A call that was not sent is sent to another replica. One that may have been received is sent
//! again only if that is safe ([`is_repeatable`]), if there is another replica, and within the
//! budget; the deadline is the caller's matter, who drops the call when it passes.

use crate::{
    net::{
        Network,
        addresses::Target,
        budget::Budget,
        health_check,
        line::Line,
        replica::{Lost, Replica},
    },
    wire::answer::COPIES,
};
use axum::body::Body;
use bytes::Bytes;
use http::{Response, request::Parts};
use hyper::body::Incoming;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

pub use crate::net::{repeatable::is_repeatable, replica::Lane};

/// How often names are resolved, and replicas asked whether they are ready.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long a name may take to resolve.
const RESOLVES_WITHIN: Duration = Duration::from_secs(2);
/// How often one call is sent at most.
const ATTEMPTS: usize = 4;

/// The body of a call.
#[derive(Debug)]
pub enum Payload {
    /// One message, which can be sent again.
    Whole(Bytes),
    /// What can be sent only once.
    Once(Body),
}

/// A call to send.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// Its headers; the path names the method. Copied for each attempt, since what is sent is gone;
    /// extensions stay here.
    pub head: &'a Parts,
    /// Its message or messages.
    pub body: Payload,
}

/// No replica answered.
#[derive(Debug, thiserror::Error)]
#[error("{service} does not answer: {why}")]
pub struct NoAnswer {
    service: String,
    why: String,
}

/// The replicas of one service.
#[derive(Debug, Clone)]
pub struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    line: Arc<Line>,
    targets: Vec<Target>,
    /// Connections to each replica for calls with one message.
    for_calls: usize,
    replicas: RwLock<Vec<Arc<Replica>>>,
    /// Held while names are resolved.
    resolving: tokio::sync::Mutex<()>,
    /// Counts calls, so that connections take turns.
    calls: AtomicUsize,
    /// Counts choices of a replica, so that equally good ones take turns.
    picks: AtomicUsize,
    budget: Budget,
}

/// The services that a process calls, by name.
pub type Pools = Arc<BTreeMap<String, Pool>>;

/// A pool for each service, as [`Pool::new`] makes it.
#[must_use]
pub fn pools(network: &Network, for_calls: usize) -> Pools {
    let line = |name: &str| Line::new(name, network.part.clone());
    let pool = |(name, targets): (&String, &Vec<Target>)| {
        (name.clone(), Pool::new(line(name), targets, for_calls))
    };
    Arc::new(network.addresses.iter().map(pool).collect())
}

impl Pool {
    /// A pool with so many connections to each replica for calls with one message, and one more for
    /// streams. A task looks after it until the last clone is dropped, so this is called within a
    /// runtime.
    #[must_use]
    pub(crate) fn new(line: Line, targets: &[Target], for_calls: usize) -> Self {
        let inner = Arc::new(Inner {
            line: Arc::new(line),
            targets: targets.to_vec(),
            for_calls,
            replicas: RwLock::default(),
            resolving: tokio::sync::Mutex::default(),
            calls: AtomicUsize::default(),
            picks: AtomicUsize::default(),
            budget: Budget::default(),
        });
        tokio::spawn(look_after(Arc::downgrade(&inner)));
        Self(inner)
    }

    /// The connection for the next call with one message: they take turns.
    #[must_use]
    pub fn next_lane(&self) -> Lane {
        Lane::Calls(self.0.calls.fetch_add(1, Ordering::Relaxed))
    }

    /// Sends a call and returns its answer.
    ///
    /// # Errors
    /// The last fault, if no replica answered.
    pub async fn send(
        &self,
        call: Outgoing<'_>,
        lane: Lane,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let inner = &self.0;
        if inner.replicas().is_empty() {
            Box::pin(inner.resolve()).await;
        }
        inner.budget.count_call();
        let Outgoing { head, body } = call;
        let (whole, mut once) = match body {
            Payload::Whole(bytes) => (Some(bytes), None),
            Payload::Once(body) => (None, Some(body)),
        };
        let is_safe = whole.is_some() && is_repeatable(head.uri.path());
        let (mut tried, mut why) = (Vec::new(), "it has no address".to_owned());
        for _ in 0..ATTEMPTS {
            let Some(replica) = inner.pick(&tried) else { break };
            let Some(body) = whole.clone().map(Body::from).or_else(|| once.take()) else { break };
            let lost = match replica.send(lane, replica.request(head, body)).await {
                Ok(answer) if !is_unavailable(&answer) => return Ok(answer),
                Ok(answer) => {
                    replica.rest();
                    tried.push(replica.address);
                    if !(is_safe && inner.has_another(&tried) && inner.budget.take()) {
                        return Ok(answer);
                    }
                    "it answered that it cannot work now".clone_into(&mut why);
                    continue;
                }
                Err(lost) => lost,
            };
            // Another connection to the same replica may do where this one was only closing.
            if !matches!(lost, Lost::Unsent(..) | Lost::Refused(_)) {
                replica.rest();
                tried.push(replica.address);
            }
            match lost {
                Lost::Unreachable(fault, request) | Lost::Unsent(fault, request) => {
                    once = once.or_else(|| whole.is_none().then(|| request.into_body()));
                    why = fault;
                }
                Lost::Refused(fault) => why = fault,
                Lost::Sent(fault) => {
                    why = fault;
                    if !(is_safe && inner.has_another(&tried) && inner.budget.take()) {
                        break;
                    }
                }
            }
            tracing::debug!(service = inner.line.service(), why, "a call is sent again");
        }
        Err(NoAnswer { service: inner.line.service().to_owned(), why })
    }
}

/// Whether a replica answered that it cannot work. One that waits for copies says which, and its
/// caller knows what to do.
fn is_unavailable(answer: &Response<Incoming>) -> bool {
    let headers = answer.headers();
    headers.get("grpc-status").is_some_and(|code| code == "14") && !headers.contains_key(COPIES)
}

impl Inner {
    fn replicas(&self) -> Vec<Arc<Replica>> {
        self.replicas.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The best replica that was not tried yet. Equally good ones take turns.
    fn pick(&self, tried: &[SocketAddr]) -> Option<Arc<Replica>> {
        let mut replicas = self.replicas();
        replicas.retain(|replica| !tried.contains(&replica.address));
        let turn = self.picks.fetch_add(1, Ordering::Relaxed).checked_rem(replicas.len())?;
        replicas.rotate_left(turn);
        replicas.into_iter().min_by_key(|replica| replica.rank())
    }

    fn has_another(&self, tried: &[SocketAddr]) -> bool {
        self.replicas().iter().any(|replica| !tried.contains(&replica.address))
    }

    /// Resolves the names. A name that does not resolve now keeps the replicas that it had.
    async fn resolve(&self) {
        let _one = self.resolving.lock().await;
        let known = self.replicas();
        let mut found = BTreeMap::new();
        for (target, Target { host, port }) in self.targets.iter().enumerate() {
            let resolving = tokio::time::timeout(
                RESOLVES_WITHIN,
                tokio::net::lookup_host((host.as_str(), *port)),
            );
            match resolving.await {
                Ok(Ok(addresses)) => found.extend(addresses.map(|address| (address, target))),
                failed => {
                    let why = failed.map_or_else(
                        |_| "no answer in time".to_owned(),
                        |failed| failed.err().map_or_else(String::new, |error| error.to_string()),
                    );
                    tracing::debug!(
                        service = self.line.service(),
                        host,
                        why,
                        "a name does not resolve"
                    );
                    found.extend(
                        known
                            .iter()
                            .filter(|replica| replica.target == target)
                            .map(|replica| (replica.address, target)),
                    );
                }
            }
        }
        let same = |address, target| {
            known
                .iter()
                .find(|replica| replica.address == address && replica.target == target)
                .cloned()
        };
        let new = |address, target| {
            tracing::debug!(service = self.line.service(), %address, "a replica is found");
            Arc::new(Replica::new(self.line.clone(), address, target, self.for_calls))
        };
        let replicas = found
            .into_iter()
            .map(|(address, target)| same(address, target).unwrap_or_else(|| new(address, target)));
        let replicas: Vec<_> = replicas.collect();
        // Those that are gone are dropped with their last call, which closes their connections in
        // order.
        *self.replicas.write().unwrap_or_else(PoisonError::into_inner) = replicas;
    }
}

/// Resolves the names again and again, ends connections of before a change of certificates, and
/// where there are several replicas asks each whether it is ready. Ends with the pool.
async fn look_after(pool: Weak<Inner>) {
    loop {
        let Some(inner) = pool.upgrade() else { return };
        inner.resolve().await;
        let replicas = inner.replicas();
        drop(inner);
        for replica in &replicas {
            replica.end_outdated();
        }
        if replicas.len() > 1 {
            futures::future::join_all(replicas.iter().map(|replica| health_check::check(replica)))
                .await;
        } else {
            for replica in &replicas {
                replica.note_ready(true);
            }
        }
        drop(replicas);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
