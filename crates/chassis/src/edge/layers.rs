//! The layers before every method, outermost first, each with its reason. They form a single layer
//! of the router, because axum clones everything inside a layer for each call.
//!
//! 1. `trace`: the span covers everything that follows, refusals included.
//! 2. `normalise`: whichever layer answers, the client gets a canonical status with one
//!    `ErrorInfo`.
//! 3. `deadline`: a call whose deadline has passed does no work; one without a deadline gets 30 s.
//!    The work runs in a task of its own and the caller only waits for it, so a deadline or a
//!    broken connection drops no work halfway. A call that only waits, such as a reader of the
//!    event log, is told when its caller has gone.
//! 4. `authorise`: token and role are checked before anything is read; the scope is added to the
//!    request.
//! 5. `body`: the message is complete before the call gets a permit.
//! 6. `shed`: calls beyond the permits are refused at once. The bus, readers of the log of events
//!    and the streams have permits of their own, so that none blocks ordinary calls.
//! 7. `copies`: a call that names a version waits until the service's copy has it; a refusal names
//!    the copies it is based on.

pub use crate::wire::deadline::parse_timeout;
use crate::{
    bus::copies::Copies,
    edge::{
        access::{Access, AccessTable, PEER},
        bearer,
        body::{self, is_client_stream, is_server_stream},
        copies_layer::with_copies,
        traced::traced,
    },
    net::tls::Peer,
    wire::{
        call::{Caller, Scope},
        deadline::{CALLER_GONE, DEADLINE},
        error::{DOMAIN, detailed, status},
        identity::{TokenFault, Verifier},
    },
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use std::{collections::HashMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use tonic_types::ErrorDetails;
use tracing::Instrument;

/// The deadline of a call without one, and the longest that any call may ask for.
const LONGEST: Duration = Duration::from_secs(30);

/// Streams at once. Their callers decide how long they last, so they must not use up the permits of
/// other calls.
const STREAMS: usize = 256;
/// Readers of the log of events at once: as many as the streams of a few gateways.
const LOG_READERS: usize = 512;
/// The path of the log of events.
const LOG: &str = "/payterms.common.peers.v1.EventLogService/";
/// The largest message of the methods that need no token: anybody may send it.
const OPEN_MESSAGE: usize = 4 << 10;
/// The largest message between services: a delivery of events.
pub const INNER_MESSAGE: usize = 16 << 20;

/// The state of the layers.
#[derive(Clone)]
pub struct Guard(Arc<GuardState>);

struct GuardState {
    /// The roles that may call each method.
    access: AccessTable,
    /// Verifies tokens.
    verifier: Verifier,
    /// The service's copies.
    copies: Arc<Copies>,
    /// The service, as metrics name it.
    part: &'static str,
    /// Permits of ordinary calls.
    calls: Arc<Semaphore>,
    /// Permits of calls that stream in either direction.
    streams: Arc<Semaphore>,
    /// Permits of calls between services: events, clocks, versions.
    bus: Arc<Semaphore>,
    /// Permits of those who read the log of events, and may wait in it for the next one.
    logs: Arc<Semaphore>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({:?})", self.0.verifier)
    }
}

impl Guard {
    /// A guard for the service `part`, which handles at most `most` ordinary calls at once.
    #[must_use]
    pub fn new(
        part: &'static str,
        access: AccessTable,
        verifier: Verifier,
        copies: Arc<Copies>,
        most: usize,
    ) -> Self {
        Self(Arc::new(GuardState {
            part,
            access,
            verifier,
            copies,
            calls: Arc::new(Semaphore::new(most)),
            streams: Arc::new(Semaphore::new(STREAMS)),
            bus: Arc::new(Semaphore::new(64)),
            logs: Arc::new(Semaphore::new(LOG_READERS)),
        }))
    }
}

/// Adds the layers to the routes of a service.
pub fn wrap(routes: Router, guard: &Guard) -> Router {
    routes.layer(from_fn_with_state(
        guard.clone(),
        |State(guard): State<Guard>, request: Request, next: Next| {
            traced(guard.0.part, request, move |request| {
                normalised(request, move |request| {
                    timed(request, move |request| admitted(guard, request, next))
                })
            })
        },
    ))
}

/// Adds only the two outermost layers, for the gateway.
pub fn edge(routes: Router) -> Router {
    routes.layer(from_fn(|request: Request, next: Next| {
        at_edge(request, move |request| next.run(request))
    }))
}

/// Answers one call within the two outermost layers, where no router is needed to find who answers
/// it.
pub async fn at_edge<F: Future<Output = Response>>(
    request: Request,
    inside: impl FnOnce(Request) -> F,
) -> Response {
    traced("gateway", request, move |request| normalised(request, inside)).await
}

/// A status as the response that gRPC makes of it.
#[must_use]
pub fn refuse(status: Status) -> Response {
    status.into_http::<Body>()
}

async fn normalised<F: Future<Output = Response>>(
    request: Request,
    inside: impl FnOnce(Request) -> F,
) -> Response {
    let is_grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let uri = request.uri().clone();
    let Ok(response) = AssertUnwindSafe(inside(request)).catch_unwind().await else {
        tracing::error!(path = %uri.path(), "a handler panicked");
        if !is_grpc {
            // A gRPC error has HTTP status 200, which a plain HTTP client would take for success.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        return refuse(status(
            Code::Internal,
            "INTERNAL",
            "A fault of the suite. Retry with the same request id; report it if it lasts.",
        ));
    };
    match Status::from_header_map(response.headers()) {
        Some(status) if is_grpc && status.code() != Code::Ok && status.details().is_empty() => {
            refuse(canonical(&status))
        }
        _ => response,
    }
}

/// Replaces a status that the transport made without details.
fn canonical(bare: &Status) -> Status {
    match bare.code() {
        Code::Unimplemented => status(
            Code::Unimplemented,
            "METHOD_UNKNOWN",
            "There is no such method. Check the name against reflection.",
        ),
        Code::OutOfRange | Code::ResourceExhausted => body::too_large(),
        Code::Cancelled | Code::DeadlineExceeded => deadline_exceeded(),
        Code::Unavailable => {
            let mut details = ErrorDetails::with_error_info("UNAVAILABLE", DOMAIN, HashMap::new());
            details.set_retry_info(Some(Duration::from_millis(500)));
            detailed(
                Code::Unavailable,
                "A part that is needed does not answer. Retry with the same request id.",
                details,
            )
        }
        // Before a handler runs, tonic reports a message that does not decode as INTERNAL. The body
        // had arrived completely.
        _ => status(
            Code::InvalidArgument,
            "MALFORMED_MESSAGE",
            "The bytes are not the message that the method takes.",
        ),
    }
}

fn deadline_exceeded() -> Status {
    let message = "The time that the caller gave is over. A write may have taken effect: retry with the same request id.";
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", message)
}

/// Sets the deadline of a call; one whose deadline has passed does no work.
pub async fn deadline(request: Request, next: Next) -> Response {
    timed(request, move |request| next.run(request)).await
}

async fn timed<F: Future<Output = Response> + Send + 'static>(
    request: Request,
    inside: impl FnOnce(Request) -> F,
) -> Response {
    let time = match request.headers().get("grpc-timeout") {
        None => LONGEST,
        Some(header) => match header.to_str().ok().and_then(parse_timeout) {
            Some(time) => time.min(LONGEST),
            None => {
                return refuse(status(
                    Code::InvalidArgument,
                    "TIMEOUT_MALFORMED",
                    "Leave the grpc-timeout header to the gRPC library.",
                ));
            }
        },
    };
    if time.is_zero() {
        return refuse(deadline_exceeded());
    }
    let until = tokio::time::Instant::now() + time;
    let gone = CancellationToken::new();
    let _waits = gone.clone().drop_guard();
    let work = tokio::spawn(
        CALLER_GONE.scope(gone, DEADLINE.scope(until, inside(request))).in_current_span(),
    );
    match tokio::time::timeout_at(until, work).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => match error.try_into_panic() {
            // Passed on to `normalised`, which answers every panic.
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => refuse(Status::unavailable("the process ends")),
        },
        Err(_) => refuse(deadline_exceeded()),
    }
}

/// Bounds requests to methods that need no token: a message must be small and complete, and a
/// stream ends after a while.
pub async fn small_message(request: Request, next: Next) -> Response {
    if is_client_stream(request.uri().path()) {
        return next.run(request.map(|body| body::ends_within(body, LONGEST))).await;
    }
    match body::whole(request, OPEN_MESSAGE).await {
        Ok(request) => next.run(request).await,
        Err(status) => refuse(*status),
    }
}

/// Whether a path needs no token: health and reflection.
#[must_use]
pub fn is_open(path: &str) -> bool {
    path.starts_with("/grpc.health.") || path.starts_with("/grpc.reflection.")
}

/// Whether a path is of the events, clocks and versions that every service has for the others.
/// These have permits of their own.
fn is_inner(path: &str) -> bool {
    path.starts_with("/payterms.common.peers.v1.")
}

/// Admits a call: checks the caller, reads the message, acquires a permit, and waits for copies.
async fn admitted(guard: Guard, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let client_streams = is_client_stream(path);
    let server_streams = is_server_stream(path);
    let (inner, reads_log) = (is_inner(path), path.starts_with(LOG));
    let most = if inner { INNER_MESSAGE } else { guard.0.access.largest_message(path) };
    if !is_open(path) {
        // First, so that a caller without a token learns nothing and cannot make the service read a
        // body.
        let peer = request.extensions().get::<Peer>();
        match admit(&guard.0.access, |token| verified(&guard, peer, token), path, request.headers())
        {
            Ok(scope) => drop(request.extensions_mut().insert(scope)),
            Err(status) => return refuse(*status),
        }
    }
    if !client_streams {
        request = match body::whole(request, most).await {
            Ok(request) => request,
            Err(status) => return refuse(*status),
        };
    }
    // The permit is held until the work ends, even if the caller has gone; for a stream of answers
    // until its last byte is sent.
    let permits = match (inner, client_streams || server_streams) {
        _ if reads_log => &guard.0.logs,
        (true, _) => &guard.0.bus,
        (_, true) => &guard.0.streams,
        _ => &guard.0.calls,
    };
    let Ok(permit) = permits.clone().try_acquire_owned() else {
        let mut details = ErrorDetails::with_error_info("OVERLOADED", DOMAIN, HashMap::new());
        details.set_retry_info(Some(Duration::from_millis(200)));
        let message = "The service has more calls than it takes at once. Retry after the delay.";
        return refuse(detailed(Code::ResourceExhausted, message, details));
    };
    let tenant = request.extensions().get::<Scope>().and_then(|scope| scope.caller.tenant.clone());
    if let Some(tenant) = &tenant {
        tracing::Span::current().record("tenant", tenant.as_str());
    }
    let answer = match tenant {
        Some(tenant) => with_copies(&guard.0.copies, &tenant, request, next).await,
        None => next.run(request).await,
    };
    if server_streams { answer.map(|body| body::holding(body, permit)) } else { answer }
}

/// The issuer and the caller of a token. Where the connection has a certificate, the token must be
/// that part's: a key that leaked is of no use to a process without the certificate, and the other
/// way round.
fn verified(
    guard: &Guard,
    peer: Option<&Peer>,
    token: &str,
) -> Result<(String, Caller), TokenFault> {
    let (issuer, caller) = guard.0.verifier.verify(token)?;
    if peer.is_some_and(|peer| !peer.may_speak_as(&issuer)) {
        Err(TokenFault::Claim("iss"))
    } else {
        Ok((issuer, caller))
    }
}

/// Checks a call of `path` against its token and the access table.
///
/// # Errors
/// UNAUTHENTICATED, `PERMISSION_DENIED` or UNIMPLEMENTED, with details.
pub fn admit(
    access: &AccessTable,
    verify: impl FnOnce(&str) -> Result<(String, Caller), TokenFault>,
    path: &str,
    headers: &http::HeaderMap,
) -> Result<Scope, Box<Status>> {
    let (issuer, caller) = bearer::verified(headers, verify)?;
    let asserted = if issuer.is_empty() {
        caller.roles.clone()
    } else {
        access.asserted(path, &issuer, &caller.roles)
    };
    if asserted.len() < caller.roles.len() && access.has(path) {
        tracing::warn!(issuer, path, claimed = ?caller.roles, "a token claims roles that its issuer may not assert here");
    }
    let caller = Caller { roles: asserted, ..caller };
    match access.decide(path, &caller.roles) {
        Access::Granted(grant) => Ok(Scope { caller, grant, method: path.to_owned(), issuer }),
        Access::Unknown => Err(Box::new(canonical(&Status::unimplemented("")))),
        Access::Refused(allowed) => {
            // PEER is what services are among each other: no caller can get it.
            let allowed: Vec<_> = allowed.into_iter().filter(|role| role != PEER).collect();
            let metadata = HashMap::from([
                ("roles".to_owned(), allowed.join(",")),
                ("has".to_owned(), caller.roles.join(",")),
            ]);
            let needs = if allowed.is_empty() {
                "Only services of the suite may call this".to_owned()
            } else {
                format!("This needs one of the roles {}", allowed.join(", "))
            };
            let has =
                if caller.roles.is_empty() { "none".to_owned() } else { caller.roles.join(", ") };
            let message = format!("{needs}; the token has {has}.");
            Err(Box::new(detailed(
                Code::PermissionDenied,
                message,
                ErrorDetails::with_error_info("ROLE_REQUIRED", DOMAIN, metadata),
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse_timeout;
    use std::{sync::Arc, time::Duration};
    use tokio::sync::Notify;

    async fn answered(handler: axum::routing::MethodRouter, timeout: &str) -> String {
        let routes = super::edge(
            axum::Router::new()
                .route("/a", handler)
                .layer(axum::middleware::from_fn(super::deadline)),
        );
        let request = http::Request::builder()
            .uri("/a")
            .header("content-type", "application/grpc")
            .header("grpc-timeout", timeout);
        let answer =
            tower::ServiceExt::oneshot(routes, request.body(axum::body::Body::empty()).unwrap())
                .await
                .unwrap();
        answer
            .headers()
            .get("grpc-status")
            .map_or_else(String::new, |status| status.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_to_who_knows_only_http() {
        let routes = super::edge(
            axum::Router::new()
                .route("/a", axum::routing::get(|| async { unreachable!("it panics") as String })),
        );
        let request = http::Request::builder().uri("/a").body(axum::body::Body::empty()).unwrap();
        assert_eq!(
            tower::ServiceExt::oneshot(routes, request).await.unwrap().status(),
            http::StatusCode::INTERNAL_SERVER_ERROR
        );
    }

    #[tokio::test]
    async fn a_spent_deadline_does_no_work_and_a_panic_is_internal() {
        let never = || axum::routing::get(|| async { unreachable!("no work is done") as String });
        assert_eq!(answered(never(), "0S").await, "4");
        let slow = axum::routing::get(std::future::pending::<String>);
        assert_eq!(answered(slow, "1m").await, "4");
        assert_eq!(answered(never(), "1S").await, "13");
    }

    #[tokio::test]
    async fn what_has_begun_goes_on_when_its_caller_waits_no_longer() {
        let (started, gate, done) =
            (Arc::new(Notify::new()), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, opens, ends) = (started.clone(), gate.clone(), done.clone());
        let handler = move || {
            let (begins, opens, ends) = (begins.clone(), opens.clone(), ends.clone());
            async move {
                begins.notify_one();
                opens.notified().await;
                ends.notify_one();
                String::new()
            }
        };
        let routes = super::edge(
            axum::Router::new()
                .route("/a", axum::routing::get(handler))
                .layer(axum::middleware::from_fn(super::deadline)),
        );
        let request = |timeout: &str| {
            let request = http::Request::builder()
                .uri("/a")
                .header("content-type", "application/grpc")
                .header("grpc-timeout", timeout);
            request.body(axum::body::Body::empty()).unwrap()
        };
        // A deadline that passes in the middle.
        let answer = tower::ServiceExt::oneshot(routes.clone(), request("20m")).await.unwrap();
        assert_eq!(answer.headers()["grpc-status"], "4");
        started.notified().await;
        gate.notify_one();
        done.notified().await;
        // A client that goes away in the middle.
        let calling = tokio::spawn(tower::ServiceExt::oneshot(routes, request("20S")));
        started.notified().await;
        calling.abort();
        assert!(calling.await.unwrap_err().is_cancelled());
        gate.notify_one();
        done.notified().await;
    }

    #[tokio::test]
    async fn what_only_waits_hears_that_its_caller_has_gone() {
        let (events, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let waiting = async move {
            events.send("waits").unwrap();
            crate::wire::deadline::caller_gone().await;
            events.send("ends").unwrap();
            axum::response::Response::default()
        };
        let calling = tokio::spawn(super::timed(axum::extract::Request::default(), |_| waiting));
        assert_eq!(seen.recv().await, Some("waits"));
        calling.abort();
        assert_eq!(seen.recv().await, Some("ends"));
    }

    #[test]
    fn timeouts() {
        assert_eq!(parse_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(parse_timeout("1H"), Some(Duration::from_hours(1)));
        for bad in ["", "m", "100", "123456789S", "1.5S", "-1S", "1x", "１S"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
