//! One replica of a service: its connections, and whether it should get calls.

use crate::net::line::{Line, Opened};
use axum::body::Body;
use http::{Request, Response, Version, request::Parts};
use hyper::body::Incoming;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// How long a replica that was lost, or that answered that it cannot work, is passed over while
/// there are others.
const RESTS_FOR: Duration = Duration::from_secs(1);

/// The connection that a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// One of those for calls with one message in each direction, which take turns by this number.
    Calls(usize),
    /// The one for streams: a slow reader of a stream can block its connection for as long as it
    /// likes.
    Streams,
}

/// What became of a call without an answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// No connection could be opened, so nothing was sent.
    Unreachable(String, Box<Request<Body>>),
    /// The connection was closing, and nothing was sent: another one may be opened at once.
    Unsent(String, Box<Request<Body>>),
    /// The replica said that it has not begun the call.
    Refused(String),
    /// The replica may have got it.
    Sent(String),
}

/// A replica.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) address: SocketAddr,
    /// Which configured address it was found under.
    pub(crate) target: usize,
    line: Arc<Line>,
    lanes: Box<[Connection]>,
    under_way: AtomicUsize,
    ready: AtomicBool,
    rests_until: Mutex<Option<Instant>>,
}

/// One connection, which is opened when it is needed.
#[derive(Debug, Default)]
struct Connection {
    opened: Mutex<Option<Opened>>,
    /// When opening failed last. Who waited for that attempt does not make another one.
    opening: tokio::sync::Mutex<Option<(Instant, String)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    fn is_open(&self, line: &Line) -> bool {
        lock(&self.opened).as_ref().is_some_and(|opened| line.may_use(opened))
    }

    /// Lets go of what no call may be sent over. It ends with its last call, whatever the server
    /// does.
    fn end_outdated(&self, line: &Line) {
        drop(lock(&self.opened).take_if(|opened| !line.may_use(opened)));
    }

    fn opened(&self, line: &Line) -> Option<Opened> {
        lock(&self.opened).clone().filter(|opened| line.may_use(opened))
    }

    async fn open(&self, line: &Line, address: SocketAddr) -> Result<Opened, String> {
        if let Some(opened) = self.opened(line) {
            return Ok(opened);
        }
        Box::pin(self.open_anew(line, address)).await
    }

    async fn open_anew(&self, line: &Line, address: SocketAddr) -> Result<Opened, String> {
        let asked = Instant::now();
        let mut failed = self.opening.lock().await;
        if let Some(opened) = self.opened(line) {
            return Ok(opened);
        }
        if let Some((at, why)) = failed.as_ref().filter(|(at, _)| *at >= asked) {
            tracing::trace!(%address, ?at, "the attempt that was waited for failed");
            return Err(why.clone());
        }
        match line.open(address).await {
            Ok(opened) => {
                *lock(&self.opened) = Some(opened.clone());
                Ok(opened)
            }
            Err(why) => {
                *failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }
}

/// Counts a call as under way until it is dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Replica {
    /// A replica with so many connections for calls with one message. It counts as ready for calls
    /// until it says otherwise.
    pub(crate) fn new(
        line: Arc<Line>,
        address: SocketAddr,
        target: usize,
        for_calls: usize,
    ) -> Self {
        Self {
            address,
            target,
            line,
            lanes: (0..=for_calls).map(|_| Connection::default()).collect(),
            under_way: AtomicUsize::default(),
            ready: AtomicBool::new(true),
            rests_until: Mutex::default(),
        }
    }

    /// A call as it is sent to this replica.
    pub(crate) fn request(&self, head: &Parts, body: Body) -> Request<Body> {
        let mut request = Request::new(body);
        request.method_mut().clone_from(&head.method);
        *request.uri_mut() = self.line.uri(&head.uri);
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().clone_from(&head.headers);
        request
    }

    fn lane(&self, lane: Lane) -> Option<&Connection> {
        let streams = self.lanes.len().saturating_sub(1);
        match lane {
            Lane::Calls(turn) => self.lanes.get(turn.checked_rem(streams).unwrap_or_default()),
            Lane::Streams => self.lanes.get(streams),
        }
    }

    pub(crate) fn note_ready(&self, ready: bool) {
        if self.ready.swap(ready, Ordering::Relaxed) != ready {
            tracing::info!(service = self.line.service(), address = %self.address, ready, "a replica has changed");
        }
    }

    /// Passes it over for a while.
    pub(crate) fn rest(&self) {
        *lock(&self.rests_until) = Some(Instant::now() + RESTS_FOR);
    }

    /// How good it is for the next call, best first: connected and ready before those that would
    /// have to be connected, and these before those that were lost or are not ready; among equals
    /// the one with the fewest calls under way.
    pub(crate) fn rank(&self) -> (bool, bool, usize) {
        let rests = lock(&self.rests_until).is_some_and(|until| until > Instant::now());
        let connected = self.lanes.iter().any(|lane| lane.is_open(&self.line));
        (
            rests || !self.ready.load(Ordering::Relaxed),
            !connected,
            self.under_way.load(Ordering::Relaxed),
        )
    }

    /// Lets go of connections that were opened under certificates of before.
    pub(crate) fn end_outdated(&self) {
        for lane in &self.lanes {
            lane.end_outdated(&self.line);
        }
    }

    /// Sends a call.
    pub(crate) async fn send(
        &self,
        lane: Lane,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Lost> {
        let Some(connection) = self.lane(lane) else {
            return Err(Lost::Sent("there is no connection".to_owned()));
        };
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let _under_way = UnderWay(&self.under_way);
        let mut opened = match connection.open(&self.line, self.address).await {
            Ok(opened) => opened,
            Err(why) => return Err(Lost::Unreachable(why, Box::new(request))),
        };
        opened.sender.try_send_request(request).await.map_err(|mut error| {
            let message = error.take_message();
            let error = error.into_error();
            let why = error.to_string();
            match message {
                Some(request) => Lost::Unsent(why, Box::new(request)),
                None if is_refused(&error) => Lost::Refused(why),
                None => Lost::Sent(why),
            }
        })
    }
}

/// Whether the other side has said that it did not begin a call: it refused the stream, or closed
/// in order before it.
fn is_refused(error: &hyper::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let in_order = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote()
                && (error.reason() == Some(h2::Reason::REFUSED_STREAM) || in_order);
        }
        cause = error.source();
    }
    false
}
