//! A line before the gateways of an installation, as a client is that keeps to the contract: it
//! stays at one gateway while that answers, sends again what was UNAVAILABLE, and says which
//! versions it has seen. So a scenario that was written for one process shows what becomes of it
//! while parts are killed.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version, request::Parts};
use http_body_util::{BodyExt, Full};
use payterms_chassis::{
    answer::VERSION,
    copies::{self, Version as Seen},
    net::tls::Port,
    serve::serve,
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, transport::Channel};
use tower::ServiceExt;

/// How long a call is sent again, and the pause between.
const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// The newest versions that are sent along.
const MOST_SEEN: usize = 20;
/// What belongs to a connection of HTTP/1, and not to a request.
const OF_CONNECTION: [&str; 5] =
    ["connection", "host", "keep-alive", "transfer-encoding", "upgrade"];

/// A line to one or more gateways.
#[derive(Debug, Clone)]
pub struct PatientLine {
    /// Where it takes calls, in plain text.
    pub at: SocketAddr,
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

#[derive(Debug)]
struct Shared {
    /// One permit lets one call through. So a test decides how many calls each of its steps meets,
    /// and not the machine's speed.
    let_through: Semaphore,
    doors: Vec<Channel>,
    /// The door that calls go to: it changes when one does not answer.
    door: AtomicUsize,
    answered: AtomicUsize,
    sent_again: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
}

impl PatientLine {
    /// Opens one at an address, to these doors. It lets through only the calls that a test asks
    /// for.
    ///
    /// # Panics
    /// Where the address is taken.
    pub async fn open(at: SocketAddr, doors: Vec<Channel>) -> Self {
        let listener = TcpListener::bind(at).await.expect("the address is free");
        let (stop, zero) = (CancellationToken::new(), AtomicUsize::default);
        let let_through = Semaphore::new(0);
        let shared = Arc::new(Shared {
            let_through,
            doors,
            door: zero(),
            answered: zero(),
            sent_again: zero(),
            seen: Mutex::default(),
        });
        let carrying = shared.clone();
        let routes = axum::Router::new().fallback(move |request: Request| {
            let shared = carrying.clone();
            async move { shared.carry(request).await }
        });
        tokio::spawn(serve(listener, routes, Port::default(), stop.clone()));
        Self { at, shared, _stop: Arc::new(stop.drop_guard()) }
    }

    /// How many calls were answered, and how many were sent again.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (
            self.shared.answered.load(Ordering::Relaxed),
            self.shared.sent_again.load(Ordering::Relaxed),
        )
    }

    /// Lets so many more calls through.
    pub fn let_through(&self, calls: usize) {
        self.shared.let_through.add_permits(calls);
    }

    /// Lets all calls through that come.
    pub fn let_all_through(&self) {
        self.let_through(Semaphore::MAX_PERMITS / 2);
    }

    /// Lets so many more calls through, and waits until as many are answered.
    pub async fn progress(&self, calls: usize) {
        self.let_through(calls);
        let wanted = self.counts().0 + calls;
        while self.counts().0 < wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Shared {
    async fn carry(&self, request: Request) -> Response {
        if let Ok(permit) = self.let_through.acquire().await {
            permit.forget();
        }
        let (head, body) = request.into_parts();
        // What a client streams is small here, and is sent as a whole.
        let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
            return Status::unavailable("half a request").into_http();
        };
        let until = Instant::now() + PATIENCE;
        loop {
            let door = self.door.load(Ordering::Relaxed);
            let this_told = self.send(door, &head, body.clone()).await;
            match this_told {
                Ok(this_told) if !this_told.is_unavailable() || Instant::now() >= until => {
                    self.remember(&this_told.headers);
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    return this_told.into_response();
                }
                Err(_) if Instant::now() >= until => {
                    return Status::unavailable("no gateway answers").into_http();
                }
                Ok(_) => {}
                // Of many calls that fail together one goes over to the next door.
                Err(_) => {
                    let next = (door + 1) % self.doors.len();
                    let _ = self.door.compare_exchange(
                        door,
                        next,
                        Ordering::Relaxed,
                        Ordering::Relaxed,
                    );
                }
            }
            self.sent_again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn send(&self, door: usize, head: &Parts, body: Bytes) -> Result<Told, String> {
        let mut request = http::Request::new(tonic::body::Body::new(Full::new(body)));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() =
            head.uri.path_and_query().map_or_else(Uri::default, |path| Uri::from(path.clone()));
        *request.version_mut() = Version::HTTP_2;
        let headers =
            head.headers.iter().filter(|(name, _)| !OF_CONNECTION.contains(&name.as_str()));
        *request.headers_mut() =
            headers.map(|(name, value)| (name.clone(), value.clone())).collect();
        if let Some(seen) = self.seen(&head.headers) {
            request.headers_mut().insert(VERSION, seen);
        }
        let answer =
            self.doors[door].clone().oneshot(request).await.map_err(|error| error.to_string())?;
        let (head, body) = answer.into_parts();
        let whole = body.collect().await.map_err(|error| error.to_string())?;
        let trailers = whole.trailers().cloned().unwrap_or_default();
        Ok(Told { status: head.status, headers: head.headers, data: whole.to_bytes(), trailers })
    }

    /// The versions that answers named, and those that the caller names itself.
    fn seen(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = headers.get(VERSION).and_then(|named| named.to_str().ok()).unwrap_or_default();
        all.extend(copies::parse_list(text));
        HeaderValue::from_str(&copies::list(&all)).ok().filter(|_| !all.is_empty())
    }

    fn remember(&self, headers: &HeaderMap) {
        let Some(named) = headers.get(VERSION).and_then(|named| named.to_str().ok()) else {
            return;
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for version in copies::parse_list(named) {
            seen.retain(|known| {
                (&known.kind, &known.id) != (&version.kind, &version.id)
                    || known.number > version.number
            });
            seen.push(version);
        }
        let surplus = seen.len().saturating_sub(MOST_SEEN);
        seen.drain(..surplus);
    }
}

/// One answer, whole.
struct Told {
    status: StatusCode,
    headers: HeaderMap,
    data: Bytes,
    trailers: HeaderMap,
}

impl Told {
    /// Whether the call may be sent again: it was not begun, or the same request id finds what it
    /// has done.
    fn is_unavailable(&self) -> bool {
        let status = Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers));
        let by_http =
            [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status);
        by_http || status.is_some_and(|status| status.code() == Code::Unavailable)
    }

    fn into_response(self) -> Response {
        let trailers = self.trailers;
        let body = Full::new(self.data)
            .with_trailers(async move { (!trailers.is_empty()).then_some(Ok(trailers)) });
        let mut response = Response::new(Body::new(body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
