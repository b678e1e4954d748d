//! Routing: the package in the path names the service; bodies pass untouched.

use crate::{identity::KeySet, in_flight::InFlight, versions::Versions};
use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, Uri, uri::Authority};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use payterms_chassis::{
    access::AccessTable,
    answer::VERSION,
    body::{self, Whole, is_client_stream},
    call::Caller,
    copies::COPIES,
    error::status,
    identity::{Signer, TokenFault},
    layers::{self, is_inner, parse_timeout, refuse},
    telemetry,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tonic::{Code, Status};

/// Metadata that names the service of a call that every service has.
const SERVICE: &str = "payterms-service";

/// The way from the door to the services.
#[derive(Clone)]
pub struct Router {
    keys: Arc<KeySet>,
    access: Arc<AccessTable>,
    signer: Arc<Signer>,
    services: Arc<HashMap<String, Authority>>,
    /// Each has one connection to a service. Calls with one message take turns among the first ones; streams, which may
    /// fill a connection for as long as their callers like, have the last for themselves.
    clients: Arc<[Client<HttpConnector, Body>]>,
    next: Arc<AtomicUsize>,
    in_flight: InFlight,
    versions: Arc<Versions>,
}

/// Connections to one service: for calls with one message, and for streams.
const CONNECTIONS: usize = 4;
/// How often a service is asked for a sign of life, and how long it may take: a process that hangs costs seconds.
const KEEP_ALIVE: Duration = Duration::from_secs(3);

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.services.keys()).finish()
    }
}

impl Router {
    /// A router to services at these addresses (`http://host:port`).
    ///
    /// # Errors
    /// A sentence that names the address that is none.
    pub fn new(
        keys: KeySet,
        access: AccessTable,
        signer: Signer,
        addresses: &BTreeMap<String, String>,
        versions: Arc<Versions>,
    ) -> Result<Self, String> {
        let mut services = HashMap::new();
        for (name, address) in addresses {
            let uri: Uri = address.parse().map_err(|error| format!("peer {name}: {address}: {error}"))?;
            let authority = uri.authority().cloned().ok_or_else(|| format!("peer {name}: {address} has no host"))?;
            services.insert(name.clone(), authority);
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        let client = || {
            Client::builder(TokioExecutor::new())
                .http2_only(true)
                .timer(TokioTimer::new())
                .http2_keep_alive_interval(KEEP_ALIVE)
                .http2_keep_alive_timeout(KEEP_ALIVE)
                .http2_keep_alive_while_idle(true)
                .build(connector.clone())
        };
        Ok(Self {
            keys: Arc::new(keys),
            access: Arc::new(access),
            signer: Arc::new(signer),
            services: Arc::new(services),
            clients: (0..=CONNECTIONS).map(|_| client()).collect(),
            next: Arc::default(),
            in_flight: InFlight::default(),
            versions,
        })
    }

    /// The client that a call goes through.
    fn client(&self, is_stream: bool) -> Option<&Client<HttpConnector, Body>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        self.clients.get(if is_stream { CONNECTIONS } else { turn })
    }

    /// Checks the caller and passes the call on.
    pub async fn pass(&self, request: Request) -> Response {
        match self.try_pass(request).await {
            Ok(response) => response,
            Err(status) => refuse(*status),
        }
    }

    async fn try_pass(&self, mut request: Request) -> Result<Response, Box<Status>> {
        let path = request.uri().path().to_owned();
        // Who calls comes first: nobody learns without a token what there is.
        let caller = self.caller(request.headers())?;
        if !self.access.has(&path) {
            return Err(Box::new(unknown()));
        }
        // The service decides on the role, once.
        let (service, authority) = self.service_of(&path, request.headers())?;
        let is_stream = is_client_stream(&path);
        if !is_stream {
            // A caller that sends half of its message takes nothing behind the door.
            request = body::whole(request, body::MESSAGE).await?;
        }
        let under_way = self.in_flight.begin(&caller)?;
        let token = self.signer.internal(service, &caller).map_err(|error| {
            tracing::error!(%error, "an internal token could not be signed");
            Box::new(status(Code::Internal, "INTERNAL", "A fault of the suite. Retry with the same request id."))
        })?;
        let uri = Uri::builder().scheme("http").authority(authority.clone()).path_and_query(path).build();
        *request.uri_mut() = uri.map_err(|_| Box::new(unknown()))?;
        let headers = request.headers_mut();
        headers.remove("host");
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Box::new(unknown()))?;
        headers.insert("authorization", bearer);
        if let Ok(trace) = HeaderValue::from_str(&telemetry::trace_parent()) {
            headers.insert("traceparent", trace);
        }
        let message = request.extensions_mut().remove::<Whole>();
        let named = message.as_ref().map_or(&[][..], |Whole(message)| message);
        if let Some(versions) = self.versions.for_call(&caller, request.headers(), named) {
            request.headers_mut().insert(VERSION, versions);
        }
        let headers = request.headers();
        let budget = headers.get("grpc-timeout").and_then(|given| parse_timeout(given.to_str().ok()?));
        let budget = budget.unwrap_or(Duration::from_secs(30)).min(Duration::from_secs(30)) + Duration::from_millis(200);
        let Some(client) = self.client(is_stream).cloned() else { return Err(Box::new(unknown())) };
        // A task of its own: a call counts as under way until the service is done with it, though its caller is gone.
        let (versions, until) = (self.versions.clone(), tokio::time::Instant::now() + budget);
        let answer = tokio::spawn(async move {
            let answer = tokio::time::timeout_at(until, send(&client, &versions, &caller, (request, message), until)).await;
            drop(under_way);
            answer
        });
        let answer = answer.await.map_err(|_| Box::new(Status::unavailable("the process ends")))?;
        let answer = answer.map_err(|_| {
            Box::new(status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "The time is over. Retry with the same request id."))
        })?;
        let answer = answer.map_err(|error| {
            tracing::warn!(%service, %error, "a service does not answer");
            Box::new(Status::unavailable("no answer"))
        })?;
        Ok(answer)
    }

    /// The service that a path names, `/payterms.<service>.v1.X/Y`; what every service has is told
    /// apart by the header.
    fn service_of(&self, path: &str, headers: &http::HeaderMap) -> Result<(&str, &Authority), Box<Status>> {
        let known = |name: &str| self.services.get_key_value(name).map(|(name, authority)| (name.as_str(), authority));
        let name = path.strip_prefix("/payterms.").and_then(|rest| rest.split_once(".v1.")).map(|(name, _)| name);
        if name == Some("common") && !is_inner(path) {
            let named = headers.get(SERVICE).and_then(|name| name.to_str().ok()).unwrap_or_default();
            return known(named).ok_or_else(|| {
                let mut names: Vec<_> = self.services.keys().map(String::as_str).collect();
                names.sort_unstable();
                let message = format!("Name the service that is meant in the metadata {SERVICE}: one of {}.", names.join(", "));
                Box::new(status(Code::InvalidArgument, "SERVICE_UNKNOWN", &message))
            });
        }
        name.and_then(known).ok_or_else(|| Box::new(unknown()))
    }

    fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Box<Status>> {
        let unauthenticated = |reason, message| Box::new(status(Code::Unauthenticated, reason, message));
        let Some(header) = headers.get("authorization") else {
            return Err(unauthenticated("TOKEN_MISSING", "Send the header authorization: Bearer <token>."));
        };
        let token = header.to_str().ok().and_then(|header| header.strip_prefix("Bearer "));
        match token.map(|token| self.keys.verify(token)) {
            Some(Ok(caller)) => Ok(caller),
            Some(Err(TokenFault::Expired)) => Err(unauthenticated("TOKEN_EXPIRED", "The token has expired. Get a new one.")),
            _ => Err(unauthenticated("TOKEN_INVALID", "The token is not accepted here. Get a new one.")),
        }
    }
}

/// Sends a call to a service; one that is refused because of a copy that is behind is repeated once, with the versions that
/// the owners of the copies have.
async fn send(
    client: &Client<HttpConnector, Body>,
    versions: &Versions,
    caller: &Caller,
    (request, message): (Request, Option<Whole>),
    until: tokio::time::Instant,
) -> Result<Response, hyper_util::client::legacy::Error> {
    let time_left = || until.saturating_duration_since(tokio::time::Instant::now());
    let (head, body) = request.into_parts();
    let again = message.map(|Whole(message)| Request::from_parts(head.clone(), Body::from(message)));
    let mut answer = client.request(Request::from_parts(head, body)).await?;
    versions.remember(caller, answer.headers());
    if let (Some(copies), Some(mut again)) = (answer.headers_mut().remove(COPIES), again)
        && let Some(newest) = versions.of_owners(caller, &copies, time_left()).await
        && let Ok(timeout) = HeaderValue::from_str(&format!("{}m", time_left().as_millis()))
    {
        again.headers_mut().insert(VERSION, newest);
        again.headers_mut().insert("grpc-timeout", timeout);
        answer = client.request(again).await?;
        answer.headers_mut().remove(COPIES);
    }
    Ok(answer.map(Body::new))
}

/// Checks a call of the gateway's own methods, as the services check theirs.
pub async fn admit(door: Router, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match layers::admit(&door.access, |token| door.keys.verify(token).map(|caller| (String::new(), caller)), &path, request.headers()) {
        Ok(scope) => {
            request.extensions_mut().insert(scope);
            next.run(request).await
        }
        Err(status) => refuse(*status),
    }
}

fn unknown() -> Status {
    status(Code::Unimplemented, "METHOD_UNKNOWN", "There is no such method. Check the name against reflection.")
}
