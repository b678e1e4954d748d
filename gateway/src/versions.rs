//! The second call finds what the first one made: versions that answers named go along with the calls that need them, and a
//! call that was refused because of a copy that is behind is repeated once.

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper_util::client::{
    self,
    legacy::{Client, connect::HttpConnector},
};
use payterms_chassis::{
    AppError,
    answer::VERSION,
    body::Small,
    call::Caller,
    copies::{self, COPIES, Version},
    peers::Peers,
    topology::Topology,
    ttl_cache::TtlCache,
};
use payterms_kernel::{Clock, SystemClock, TenantId};
use payterms_proto::common::v1::{GetVersionsRequest, version_service_client::VersionServiceClient};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a version that an answer named is sent along. Copies are behind for milliseconds; where one is behind for
/// longer, its caller is told so.
const REMEMBERED_FOR: Duration = Duration::from_secs(10);
/// Versions that are remembered at once, of all tenants.
const MOST: usize = 20_000;
/// Versions that one call sends along.
const MOST_SENT: usize = 20;
/// How long an owner may take to say which versions it has.
const OWNER_ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// The versions that answers named of late, and who owns what.
#[derive(Debug)]
pub struct Versions {
    newest: TtlCache<(TenantId, String, String), i64>,
    /// Held while a version is compared and replaced: of two answers at once the newer version stays.
    replacing: Mutex<()>,
    /// By type of aggregate, of those that some service keeps copies of: its owner.
    owners: HashMap<String, String>,
    peers: Peers,
}

impl Versions {
    /// No versions yet.
    #[must_use]
    pub fn new(topology: &Topology, peers: Peers) -> Self {
        let heard = topology.values().flat_map(|relations| &relations.hears);
        let owners = heard.flat_map(|(owner, kinds)| kinds.iter().map(|kind| (kind.clone(), owner.clone()))).collect();
        Self { newest: TtlCache::with_capacity(MOST), replacing: Mutex::default(), owners, peers }
    }

    /// Sends a call to a service with the versions that it waits for. One that is refused because of a copy is sent once more,
    /// with the versions that the owners of the copies have.
    ///
    /// # Errors
    /// The connection's.
    pub async fn send(
        &self,
        client: &Client<HttpConnector, Body>,
        caller: &Caller,
        mut request: Request<Body>,
        until: Instant,
    ) -> Result<Response<Incoming>, client::legacy::Error> {
        let message = request.extensions_mut().remove::<Small>();
        let named = message.as_ref().map_or(&[][..], |Small(message)| message);
        if let Some(versions) = self.for_call(caller, request.headers(), named) {
            request.headers_mut().insert(VERSION, versions);
        }
        let (head, body) = request.into_parts();
        let again = message.map(|Small(message)| Request::from_parts(head.clone(), Body::from(message)));
        let mut answer = client.request(Request::from_parts(head, body)).await?;
        self.remember(caller, answer.headers());
        let time_left = || until.saturating_duration_since(Instant::now());
        if let (Some(copies), Some(mut again)) = (answer.headers_mut().remove(COPIES), again)
            && let Some(newest) = self.of_owners(caller, &copies, time_left()).await
            && let Ok(timeout) = HeaderValue::from_str(&format!("{}m", time_left().as_millis()))
        {
            again.headers_mut().insert(VERSION, newest);
            again.headers_mut().insert("grpc-timeout", timeout);
            answer = client.request(again).await?;
            answer.headers_mut().remove(COPIES);
        }
        Ok(answer)
    }

    /// Remembers the versions that an answer names.
    fn remember(&self, caller: &Caller, answer: &HeaderMap) {
        let Some(named) = answer.get(VERSION).and_then(|named| named.to_str().ok()) else { return };
        let now = SystemClock.now();
        for Version { kind, id, number } in copies::parse_list(named).filter(|version| self.owners.contains_key(&version.kind)) {
            // An operator has no tenant; what it makes of a tenant is the tenant's own.
            let of_itself = (kind == "tenant").then(|| id.parse().ok()).flatten();
            let Some(tenant) = of_itself.or_else(|| caller.tenant.clone()) else { continue };
            let key = (tenant, kind, id);
            let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
            if self.newest.get(&key, now).is_none_or(|newest| newest < number) {
                self.newest.insert(key, number, now + REMEMBERED_FOR);
            }
        }
    }

    /// The versions that a call waits for: those that its caller names, and those remembered of its tenant and of the
    /// names in its message.
    fn for_call(&self, caller: &Caller, headers: &HeaderMap, message: &[u8]) -> Option<HeaderValue> {
        let given = headers.get(VERSION);
        let Some(tenant) = &caller.tenant else { return given.cloned() };
        let (now, mut versions) = (SystemClock.now(), Vec::new());
        let own = ("tenant".to_owned(), tenant.to_string());
        for (kind, id) in std::iter::once(own).chain(copies::named_in(message)) {
            let key = (tenant.clone(), kind, id);
            if let Some(number) = self.newest.get(&key, now)
                && versions.len() < MOST_SENT
            {
                versions.push(Version { kind: key.1, id: key.2, number });
            }
        }
        if versions.is_empty() {
            return given.cloned();
        }
        let mut list = copies::list(&versions);
        if let Some(given) = given.and_then(|given| given.to_str().ok()) {
            list = format!("{given},{list}");
        }
        HeaderValue::from_str(&list).ok()
    }

    /// The versions to repeat a refused call with: those that the owners have, in the caller's tenant, of the aggregates
    /// whose copies the refusal rests on.
    pub async fn of_owners(&self, caller: &Caller, copies: &HeaderValue, time_left: Duration) -> Option<HeaderValue> {
        let mut by_owner: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (kind, id) in copies::parse_aggregates(copies.to_str().ok()?).into_iter().take(MOST_SENT) {
            if let Some(owner) = self.owners.get(&kind) {
                by_owner.entry(owner).or_default().push(format!("{kind}/{id}"));
            }
        }
        let budget = time_left.min(OWNER_ANSWERS_WITHIN);
        let asked = by_owner.into_iter().map(|(owner, aggregates)| self.ask(caller, owner, aggregates, budget));
        let mut versions = Vec::new();
        for answer in futures::future::join_all(asked).await {
            // An owner that does not answer leaves the refusal as it is: the call can be repeated later.
            versions.extend(answer.inspect_err(|error| tracing::info!(%error, "an owner does not say its versions")).unwrap_or_default());
        }
        if versions.is_empty() { None } else { HeaderValue::from_str(&copies::list(&versions)).ok() }
    }

    async fn ask(&self, caller: &Caller, owner: &str, aggregates: Vec<String>, budget: Duration) -> Result<Vec<Version>, AppError> {
        let request = self.peers.request(owner, caller, GetVersionsRequest { aggregates }, budget)?;
        let mut client = VersionServiceClient::new(self.peers.channel(owner)?);
        let answer = client.get_versions(request).await?.into_inner();
        Ok(answer.versions.iter().flat_map(|version| copies::parse_list(version)).collect())
    }
}
