//! A call sees what the caller's earlier calls changed, also if another service answers it from a
//! copy. For that, the gateway remembers the versions that answers name and sends them along with
//! later calls, and a service waits until its copies have these versions. A call that is refused
//! because a copy is behind is repeated once.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use payterms_chassis::{
    AppError,
    answer::VERSION,
    body::Small,
    call::Caller,
    copies::{self, COPIES, Version},
    net::pool::{Lane, NoAnswer, Outgoing, Payload, Pool},
    peers::Peers,
    topology::Topology,
    ttl_cache::TtlCache,
};
use payterms_kernel::{Clock, SystemClock, TenantId};
use payterms_proto::common::peers::v1::{
    GetVersionsRequest, version_service_client::VersionServiceClient,
};
use quick_cache::Equivalent;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a version is remembered. Copies are behind for milliseconds. If one is behind for
/// longer, the caller gets an error that says so.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
/// The most versions that are remembered, of all tenants, so that memory stays bounded.
const MOST: usize = 20_000;
/// The most versions that are sent along with one call, so that its headers stay small.
const MOST_SENT: usize = 20;
/// The most aggregates that are remembered beside one that calls named; those that were changed
/// last stay.
const MOST_BESIDE: usize = 8;
/// How long a service may take to answer which versions it has. The time is taken from that of the
/// caller's call.
const OWNER_ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// An aggregate of a tenant: its type and id.
type Aggregate = (TenantId, String, String);

/// Finds an aggregate without a copy of its key. It hashes as the key does.
#[derive(Hash)]
struct Named<'a>(&'a TenantId, &'a str, &'a str);

impl Equivalent<Aggregate> for Named<'_> {
    fn equivalent(&self, (tenant, kind, id): &Aggregate) -> bool {
        self.0 == tenant && self.1 == kind && self.2 == id
    }
}

/// The versions that recent answers named, and the owners of aggregates.
#[derive(Debug)]
pub struct Versions {
    newest: TtlCache<Aggregate, i64>,
    /// What calls changed that named an aggregate and did not name what they changed, by the named
    /// one: a service that was switched on for a customer. A later call that names the customer may
    /// depend on it.
    beside: TtlCache<Aggregate, Vec<(String, String)>>,
    /// Locked while a version is compared and replaced. Without it, of two answers at the same time
    /// the older version could replace the newer one.
    replacing: Mutex<()>,
    /// The owner by type of aggregate, for the types that another service keeps copies of.
    owners: HashMap<String, String>,
    peers: Peers,
}

impl Versions {
    /// No versions yet.
    #[must_use]
    pub fn new(topology: &Topology, peers: Peers) -> Self {
        let copied = topology.values().flat_map(|relations| &relations.hears);
        let owners = copied
            .flat_map(|(owner, kinds)| kinds.iter().map(|kind| (kind.clone(), owner.clone())))
            .collect();
        Self {
            newest: TtlCache::with_capacity(MOST),
            beside: TtlCache::with_capacity(MOST),
            replacing: Mutex::default(),
            owners,
            peers,
        }
    }

    /// Sends a call to a service, with the versions for which the service must wait. If the call is
    /// refused because a copy is behind, it is sent once more, with the versions that the owners
    /// have now. It is not sent a third time, because a service that is still behind then has a
    /// problem that waiting does not solve.
    ///
    /// # Errors
    /// No replica answers.
    pub async fn send(
        &self,
        pool: &Pool,
        lane: Lane,
        caller: &Caller,
        mut request: Request<Body>,
        until: Instant,
    ) -> Result<Response<Incoming>, NoAnswer> {
        let message = request.extensions_mut().remove::<Small>().map(|Small(message)| message);
        let named = message.as_ref().map_or_else(Vec::new, |message| copies::named_in(message));
        if let Some(versions) = self.for_call(caller, request.headers(), &named) {
            request.headers_mut().insert(VERSION, versions);
        }
        let (mut head, body) = request.into_parts();
        let body = message.clone().map_or_else(|| Payload::Once(body), Payload::Whole);
        let mut answer = pool.send(Outgoing { head: &head, body }, lane).await?;
        self.remember(caller, answer.headers(), &named);
        let time_left = || until.saturating_duration_since(Instant::now());
        if let (Some(copies), Some(message)) = (answer.headers_mut().remove(COPIES), message)
            && let Some(newest) = self.of_owners(caller, &copies, time_left()).await
            && let Ok(timeout) = HeaderValue::from_str(&format!("{}m", time_left().as_millis()))
        {
            head.headers.insert(VERSION, newest);
            head.headers.insert("grpc-timeout", timeout);
            answer =
                pool.send(Outgoing { head: &head, body: Payload::Whole(message) }, lane).await?;
            answer.headers_mut().remove(COPIES);
        }
        Ok(answer)
    }

    /// Remembers the versions that an answer names, and beside what the call named.
    fn remember(&self, caller: &Caller, answer: &HeaderMap, by_call: &[(String, String)]) {
        let Some(named) = answer.get(VERSION).and_then(|named| named.to_str().ok()) else { return };
        let now = SystemClock.now();
        for Version { kind, id, number } in
            copies::parse_list(named).filter(|version| self.owners.contains_key(&version.kind))
        {
            // An operator has no tenant. The version of a tenant that it changes is remembered for
            // that tenant.
            let changed_tenant = (kind == "tenant").then(|| id.parse().ok()).flatten();
            let Some(tenant) = changed_tenant.or_else(|| caller.tenant.clone()) else { continue };
            let key = (tenant, kind, id);
            let _guard = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
            let changed = (key.1.clone(), key.2.clone());
            if !by_call.contains(&changed) {
                for (kind, id) in by_call {
                    let at = (key.0.clone(), kind.clone(), id.clone());
                    let mut beside = self.beside.get(&at, now).unwrap_or_default();
                    beside.retain(|known| *known != changed);
                    beside.insert(0, changed.clone());
                    beside.truncate(MOST_BESIDE);
                    self.beside.insert(at, beside, now + REMEMBERED_FOR);
                }
            }
            if self.newest.get(&key, now).is_none_or(|newest| newest < number) {
                self.newest.insert(key, number, now + REMEMBERED_FOR);
            }
        }
    }

    /// The versions for which a service must wait before it answers a call: those that the caller
    /// sends, and those that are remembered of its tenant, of the resources that its message names
    /// (`named`), and beside these.
    fn for_call(
        &self,
        caller: &Caller,
        headers: &HeaderMap,
        named: &[(String, String)],
    ) -> Option<HeaderValue> {
        let sent = headers.get(VERSION);
        let Some(tenant) = &caller.tenant else { return sent.cloned() };
        let now = SystemClock.now();
        let mut versions = Vec::new();
        let beside = named
            .iter()
            .filter_map(|(kind, id)| self.beside.get(&Named(tenant, kind, id), now))
            .flatten();
        let beside: Vec<_> = beside.filter(|aggregate| !named.contains(aggregate)).collect();
        let of_message = named.iter().chain(&beside).map(|(kind, id)| (kind.as_str(), id.as_str()));
        for (kind, id) in std::iter::once(("tenant", tenant.as_str())).chain(of_message) {
            if let Some(number) = self.newest.get(&Named(tenant, kind, id), now)
                && versions.len() < MOST_SENT
            {
                versions.push(Version { kind: kind.to_owned(), id: id.to_owned(), number });
            }
        }
        if versions.is_empty() {
            return sent.cloned();
        }
        let mut list = copies::list(&versions);
        if let Some(sent) = sent.and_then(|versions| versions.to_str().ok()) {
            list = format!("{sent},{list}");
        }
        HeaderValue::from_str(&list).ok()
    }

    /// The versions with which a refused call is repeated: those that the owners have of the
    /// aggregates in `copies`. The refusal named these aggregates, because it was decided from
    /// their copies.
    pub async fn of_owners(
        &self,
        caller: &Caller,
        copies: &HeaderValue,
        time_left: Duration,
    ) -> Option<HeaderValue> {
        let mut by_owner: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (kind, id) in
            copies::parse_aggregates(copies.to_str().ok()?).into_iter().take(MOST_SENT)
        {
            if let Some(owner) = self.owners.get(&kind) {
                by_owner.entry(owner).or_default().push(format!("{kind}/{id}"));
            }
        }
        let budget = time_left.min(OWNER_ANSWERS_WITHIN);
        let requests = by_owner
            .into_iter()
            .map(|(owner, aggregates)| self.read_versions(caller, owner, aggregates, budget));
        let mut versions = Vec::new();
        for answer in futures::future::join_all(requests).await {
            // If an owner does not answer, the caller gets the refusal. It is retryable, so the
            // caller can repeat the call.
            versions.extend(
                answer
                    .inspect_err(
                        |error| tracing::info!(%error, "an owner does not say its versions"),
                    )
                    .unwrap_or_default(),
            );
        }
        if versions.is_empty() {
            None
        } else {
            HeaderValue::from_str(&copies::list(&versions)).ok()
        }
    }

    async fn read_versions(
        &self,
        caller: &Caller,
        owner: &str,
        aggregates: Vec<String>,
        budget: Duration,
    ) -> Result<Vec<Version>, AppError> {
        let request =
            self.peers.request(owner, caller, GetVersionsRequest { aggregates }, budget)?;
        let mut client = VersionServiceClient::new(self.peers.channel(owner)?);
        let answer = client.get_versions(request).await?.into_inner();
        Ok(answer.versions.iter().flat_map(|version| copies::parse_list(version)).collect())
    }
}
