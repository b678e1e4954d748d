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
        normalised::{canonical, deadline_exceeded, normalised},
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
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};
use payterms_kernel::Reason;
use std::{collections::HashMap, sync::Arc, time::Duration};
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
                    Reason::TIMEOUT_MALFORMED,
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
        let mut details = ErrorDetails::with_error_info(Reason::OVERLOADED, DOMAIN, HashMap::new());
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
                ErrorDetails::with_error_info(Reason::ROLE_REQUIRED, DOMAIN, metadata),
            )))
        }
    }
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;
