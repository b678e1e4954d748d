//! Routing: the package in the path names the service. Messages are passed on unchanged.

use crate::{
    answer,
    callers::Callers,
    connect::{Incoming, StreamFault},
    in_flight::{self, InFlight, UnderWay, Unread},
    metadata,
    versions::Versions,
};
use axum::{BoxError, extract::Request, middleware::Next, response::Response};
use bytes::Bytes;
use http::HeaderValue;
use payterms_chassis::{
    access::AccessTable,
    body::{self, is_client_stream, is_server_stream},
    call::Caller,
    error::status,
    identity::Signer,
    layers::{self, parse_timeout, refuse},
    net::pool::{Lane, NoAnswer, Pool, Pools},
    telemetry,
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tonic::{Code, Status};
use tracing::Instrument;

/// The metadata that names the service, for methods that every service has.
const SERVICE: &str = "payterms-service";

/// The gateway's own method whose answers are the largest.
const LIST_EVENTS: &str = "/payterms.gateway.v1.EventService/ListEvents";

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
    callers: Arc<Callers>,
    access: Arc<AccessTable>,
    signer: Arc<Signer>,
    services: Pools,
    bounds: Bounds,
    versions: Arc<Versions>,
}

/// The limits on what callers have under way.
#[derive(Debug, Clone)]
struct Bounds {
    calls: InFlight,
    event_lists: InFlight,
    streams: InFlight,
    large: InFlight,
    unread: InFlight,
}

impl Bounds {
    fn new() -> Self {
        Self {
            calls: InFlight::new(in_flight::CALLS),
            event_lists: InFlight::new(in_flight::EVENT_LISTS),
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

/// Connections to each replica of a service for calls with one message. One more is used for streams.
pub const CONNECTIONS: usize = 4;

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.services.keys()).finish()
    }
}

impl Router {
    /// A router to these services.
    #[must_use]
    pub fn new(callers: Arc<Callers>, access: AccessTable, signer: Signer, services: Pools, versions: Arc<Versions>) -> Self {
        Self { callers, access: Arc::new(access), signer: Arc::new(signer), services, bounds: Bounds::new(), versions }
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
        let caller = self.callers.caller(request.headers(), &path).await?;
        if !self.access.has(&path) {
            return Err(Box::new(unknown()));
        }
        // Roles are checked by the service only, so that there is one place for that rule.
        let (service, pool) = self.service_of(&path, request.headers())?;
        let sends_stream = is_client_stream(&path);
        let answers_stream = is_server_stream(&path);
        let kind = if sends_stream || answers_stream { CallKind::Stream } else { CallKind::OneMessage };
        let limit = if kind == CallKind::Stream { &self.bounds.streams } else { &self.bounds.calls };
        let fault = request.extensions().get::<StreamFault>().cloned();
        let is_translated = fault.is_some() || request.extensions().get::<Incoming>().is_some();
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
        let headers = request.headers_mut();
        metadata::keep_passed_on(headers);
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| Box::new(unknown()))?;
        headers.insert("authorization", bearer);
        if let Ok(trace) = HeaderValue::from_str(&telemetry::trace_parent()) {
            headers.insert("traceparent", trace);
        }
        let budget = headers.get("grpc-timeout").and_then(|timeout| parse_timeout(timeout.to_str().ok()?));
        let budget = budget.unwrap_or(Duration::from_secs(30)).min(Duration::from_secs(30)) + Duration::from_millis(200);
        let until = Instant::now() + budget;
        let lane = if kind == CallKind::Stream { Lane::Streams } else { pool.next_lane() };
        let pool = pool.clone();
        let (versions, service, unread) = (self.versions.clone(), service.to_owned(), self.bounds.unread.clone());
        let answered = async move {
            let answer = versions
                .send((&pool, lane), &caller, request, until)
                .await
                .map_err(|error| Box::new(no_answer(&service, &error, fault)))?;
            // The connection is shared, so an answer that this caller does not read must not stay on it.
            Counted { caller, under_way, unread, is_translated }.answer(answer, answers_stream).await
        };
        // It runs in its own task, so that it is not cancelled when its caller goes away: the call counts as under way
        // until the service has finished it.
        let answer = tokio::spawn(tokio::time::timeout_at(until, answered)).await;
        answer.map_err(|_| Box::new(Status::unavailable("the process ends")))?.unwrap_or_else(|_| {
            Err(Box::new(status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "The time is over. Retry with the same request id.")))
        })
    }

    /// The service that a path names, `/payterms.<service>.v1.X/Y`. For methods that every service has, the header
    /// names it. No path leads to what is for peers, `/payterms.<service>.peers.v1.X/Y`.
    fn service_of(&self, path: &str, headers: &http::HeaderMap) -> Result<(&str, &Pool), Box<Status>> {
        let service = |name: &str| self.services.get_key_value(name).map(|(name, pool)| (name.as_str(), pool));
        let name = path.strip_prefix("/payterms.").and_then(|rest| rest.split_once(".v1.")).map(|(name, _)| name);
        if name == Some("common") {
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
}

/// Checks a call of the gateway's own methods, in the same way as the services check calls of theirs.
pub async fn admit(router: Router, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let caller = match router.callers.caller(request.headers(), &path).await {
        Ok(caller) => caller,
        Err(status) => return refuse(*status),
    };
    match layers::admit(&router.access, |_| Ok((String::new(), caller)), &path, request.headers()) {
        Ok(scope) => {
            let caller = scope.caller.clone();
            request.extensions_mut().insert(scope);
            let answers_stream = is_server_stream(&path);
            let is_translated = request.extensions().get::<Incoming>().is_some();
            let limit = match path.as_str() {
                LIST_EVENTS => &router.bounds.event_lists,
                _ if answers_stream => &router.bounds.streams,
                _ => &router.bounds.calls,
            };
            let (request, under_way) = match router.bounds.receive_whole(limit, (request, body::MESSAGE), &caller).await {
                Ok(received) => received,
                Err(status) => return refuse(*status),
            };
            let counted = Counted { caller, under_way, unread: router.bounds.unread.clone(), is_translated };
            // In a task of its own, as calls that are passed on: it counts until it has ended, though its caller may be gone.
            let answered = async move { counted.answer(next.run(request).await, answers_stream).await };
            match tokio::spawn(answered.in_current_span()).await {
                Ok(answer) => answer.unwrap_or_else(|status| refuse(*status)),
                Err(error) => match error.try_into_panic() {
                    // Passed on to the edge, which answers every panic.
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => refuse(Status::unavailable("the process ends")),
                },
            }
        }
        Err(status) => refuse(*status),
    }
}

/// What an answer counts as until its caller has read it.
struct Counted {
    caller: Caller,
    under_way: UnderWay,
    unread: InFlight,
    /// Whether it is written anew on its way.
    is_translated: bool,
}

impl Counted {
    /// The answer as it is passed on: a stream as it is read, and one message whole, of which the bytes above
    /// [`in_flight::SHORT_ANSWER`] count while they wait here.
    async fn answer<B>(self, answer: http::Response<B>, is_stream: bool) -> Result<Response, Box<Status>>
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
    {
        let Self { caller, under_way, unread, is_translated } = self;
        let (mut response, counted) = if is_stream {
            (answer::stream(answer, under_way), 0)
        } else {
            let answer = answer::whole(answer).await?;
            let size = answer.large_size;
            let bytes = size.map(|bytes| unread.begin_many(&caller, bytes)).transpose()?;
            (answer.into_response((under_way, bytes)), size.unwrap_or_default())
        };
        if is_translated {
            response.extensions_mut().insert(Unread::new(unread, caller, counted));
        }
        Ok(response)
    }
}

/// The status of a call without an answer. Where the caller's own stream was at fault, nothing is wrong with the service.
fn no_answer(service: &str, error: &NoAnswer, fault: Option<StreamFault>) -> Status {
    if let Some(status) = fault.and_then(|fault| fault.status()) {
        tracing::debug!(service, reason = status.message(), "a caller's stream is refused");
        return status;
    }
    tracing::warn!(service, %error, "a service does not answer");
    Status::unavailable("no answer")
}

fn unknown() -> Status {
    status(Code::Unimplemented, "METHOD_UNKNOWN", "There is no such method. Check the name against reflection.")
}
