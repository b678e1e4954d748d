//! Routing: the package in the path names the service. Messages are passed on unchanged.

use crate::{
    answer,
    connect::Incoming,
    identity::KeySet,
    in_flight::{self, InFlight, UnderWay},
    versions::Versions,
};
use axum::{body::Body, extract::Request, middleware::Next, response::Response};
use http::{HeaderValue, Uri, uri::Authority};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use payterms_chassis::{
    access::AccessTable,
    bearer,
    body::{self, is_client_stream, is_server_stream},
    call::Caller,
    error::status,
    identity::Signer,
    layers::{self, is_inner, parse_timeout, refuse},
    serve::{CONNECTION_WINDOW, STREAM_WINDOW},
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
use tokio::time::Instant;
use tonic::{Code, Status};

/// The metadata that names the service, for methods that every service has.
const SERVICE: &str = "payterms-service";

/// Whether a call has streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallKind {
    /// One message in each direction.
    OneMessage,
    /// A stream in at least one direction.
    Stream,
}

/// Passes calls on to the services.
#[derive(Clone)]
pub struct Router {
    keys: Arc<KeySet>,
    access: Arc<AccessTable>,
    signer: Arc<Signer>,
    services: Arc<HashMap<String, Authority>>,
    /// Each client has one connection to a service. Calls with one message take turns among the first ones. Streams use
    /// only the last one, because a slow reader of a stream can block its connection for as long as it likes.
    clients: Arc<[Client<HttpConnector, Body>]>,
    next: Arc<AtomicUsize>,
    bounds: Bounds,
    versions: Arc<Versions>,
}

/// The limits on what callers have under way.
#[derive(Debug, Clone)]
struct Bounds {
    calls: InFlight,
    streams: InFlight,
    large: InFlight,
    unread: InFlight,
}

impl Bounds {
    fn new() -> Self {
        Self {
            calls: InFlight::new(in_flight::CALLS),
            streams: InFlight::new(in_flight::STREAMS),
            large: InFlight::new(in_flight::LARGE_MESSAGES),
            unread: InFlight::new(in_flight::UNREAD_BYTES),
        }
    }

    /// Receives the whole message of a call before it is passed on, so that a caller who sends only half of a message
    /// occupies nothing in a service. The call is counted before its message is read, so that half-sent messages count.
    ///
    /// A large message of a method that takes more than others counts as several, so that a caller's messages occupy no more
    /// memory by way of such a method.
    async fn receive_whole(
        &self,
        limit: &InFlight,
        (request, most): (Request, usize),
        caller: &Caller,
    ) -> Result<(Request, UnderWay), Box<Status>> {
        let under_way = limit.begin(caller)?;
        let longest = Incoming::longest(&request, most);
        let large = || self.large.begin_many(caller, longest.div_ceil(body::MESSAGE));
        let received = body::whole_if(request, longest, large).await?;
        Ok((Incoming::translate(received, most, caller).await?, under_way))
    }
}

/// Connections to one service for calls with one message. One more is used for streams.
const CONNECTIONS: usize = 4;
/// How often a connection is checked with a ping, and how long the reply may take. A process that hangs is noticed after
/// seconds, and not when the network times out.
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
    /// A sentence that names the address that is not a valid one.
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
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .build(connector.clone())
        };
        Ok(Self {
            keys: Arc::new(keys),
            access: Arc::new(access),
            signer: Arc::new(signer),
            services: Arc::new(services),
            clients: (0..=CONNECTIONS).map(|_| client()).collect(),
            next: Arc::default(),
            bounds: Bounds::new(),
            versions,
        })
    }

    /// The client for a call.
    fn client(&self, kind: CallKind) -> Option<&Client<HttpConnector, Body>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % CONNECTIONS;
        self.clients.get(if kind == CallKind::Stream { CONNECTIONS } else { turn })
    }

    /// Checks the caller and passes the call on.
    pub async fn pass(&self, request: Request) -> Response {
        match self.try_pass(request).await {
            Ok(response) => response,
            Err(status) => refuse(*status),
        }
    }

    async fn try_pass(&self, request: Request) -> Result<Response, Box<Status>> {
        let path = request.uri().path().to_owned();
        // The token is checked first, so that nobody without one learns which methods exist.
        let caller = self.caller(request.headers())?;
        if !self.access.has(&path) {
            return Err(Box::new(unknown()));
        }
        // Roles are checked by the service only, so that there is one place for that rule.
        let (service, authority) = self.service_of(&path, request.headers())?;
        let sends_stream = is_client_stream(&path);
        let answers_stream = is_server_stream(&path);
        let kind = if sends_stream || answers_stream { CallKind::Stream } else { CallKind::OneMessage };
        let limit = if kind == CallKind::Stream { &self.bounds.streams } else { &self.bounds.calls };
        let (mut request, under_way) = if sends_stream {
            (request, limit.begin(&caller)?)
        } else {
            let most = self.access.largest_message(&path);
            self.bounds.receive_whole(limit, (request, most), &caller).await?
        };
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
        let budget = headers.get("grpc-timeout").and_then(|timeout| parse_timeout(timeout.to_str().ok()?));
        let budget = budget.unwrap_or(Duration::from_secs(30)).min(Duration::from_secs(30)) + Duration::from_millis(200);
        let until = Instant::now() + budget;
        let Some(client) = self.client(kind).cloned() else { return Err(Box::new(unknown())) };
        let (versions, service, unread) = (self.versions.clone(), service.to_owned(), self.bounds.unread.clone());
        let answered = async move {
            let answer = versions.send(&client, &caller, request, until).await.map_err(|error| {
                tracing::warn!(%service, %error, "a service does not answer");
                Box::new(Status::unavailable("no answer"))
            })?;
            if answers_stream {
                return Ok(answer::stream(answer, under_way));
            }
            // The connection is shared, so an answer that this caller does not read must not stay on it.
            let answer = answer::whole(answer).await?;
            let bytes = answer.large_size.map(|bytes| unread.begin_many(&caller, bytes)).transpose()?;
            Ok(answer.into_response((under_way, bytes)))
        };
        // It runs in its own task, so that it is not cancelled when its caller goes away: the call counts as under way
        // until the service has finished it.
        let answer = tokio::spawn(tokio::time::timeout_at(until, answered)).await;
        answer.map_err(|_| Box::new(Status::unavailable("the process ends")))?.unwrap_or_else(|_| {
            Err(Box::new(status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "The time is over. Retry with the same request id.")))
        })
    }

    /// The service that a path names, `/payterms.<service>.v1.X/Y`. For methods that every service has, the header
    /// names it.
    fn service_of(&self, path: &str, headers: &http::HeaderMap) -> Result<(&str, &Authority), Box<Status>> {
        let service = |name: &str| self.services.get_key_value(name).map(|(name, authority)| (name.as_str(), authority));
        let name = path.strip_prefix("/payterms.").and_then(|rest| rest.split_once(".v1.")).map(|(name, _)| name);
        if name == Some("common") && !is_inner(path) {
            let named = headers.get(SERVICE).and_then(|name| name.to_str().ok()).unwrap_or_default();
            return service(named).ok_or_else(|| {
                let mut names: Vec<_> = self.services.keys().map(String::as_str).collect();
                names.sort_unstable();
                let message = format!("Name the service that is meant in the metadata {SERVICE}: one of {}.", names.join(", "));
                Box::new(status(Code::InvalidArgument, "SERVICE_UNKNOWN", &message))
            });
        }
        name.and_then(service).ok_or_else(|| Box::new(unknown()))
    }

    fn caller(&self, headers: &http::HeaderMap) -> Result<Caller, Box<Status>> {
        bearer::verified(headers, |token| self.keys.verify(token))
    }
}

/// Checks a call of the gateway's own methods, in the same way as the services check calls of theirs.
pub async fn admit(router: Router, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match layers::admit(&router.access, |token| router.keys.verify(token).map(|caller| (String::new(), caller)), &path, request.headers()) {
        Ok(scope) => {
            let caller = scope.caller.clone();
            request.extensions_mut().insert(scope);
            match router.bounds.receive_whole(&router.bounds.calls, (request, body::MESSAGE), &caller).await {
                Ok((request, _under_way)) => next.run(request).await,
                Err(status) => refuse(*status),
            }
        }
        Err(status) => refuse(*status),
    }
}

fn unknown() -> Status {
    status(Code::Unimplemented, "METHOD_UNKNOWN", "There is no such method. Check the name against reflection.")
}
