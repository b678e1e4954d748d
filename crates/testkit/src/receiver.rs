//! A receiver of webhooks that keeps what it got, and answers, or fails, as a test says.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// What it does with requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behaviour {
    /// Answers with this status.
    Status(u16),
    /// Answers with a redirection to this address.
    Redirect(String),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Reset,
    /// Succeeds, with a body that does not end.
    Huge,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path.
    pub path: String,
    /// Its headers, in lower case.
    pub headers: HashMap<String, String>,
    /// Its body.
    pub body: String,
}

impl Received {
    /// A header; empty if it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// A running receiver; it ends with the test's runtime.
#[derive(Debug, Clone)]
pub struct Receiver {
    /// Where it listens.
    pub at: SocketAddr,
    behaviours: Arc<Mutex<HashMap<String, Behaviour>>>,
    received: Arc<watch::Sender<Vec<Received>>>,
}

impl Receiver {
    /// Starts one that answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let this_receiver = Self {
            at,
            behaviours: Arc::default(),
            received: Arc::new(watch::Sender::new(Vec::new())),
        };
        let receiver = this_receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let receiver = receiver.clone();
                tokio::spawn(Box::pin(receiver.serve(stream)));
            }
        });
        this_receiver
    }

    /// The URL of a path, such as `/hook`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// Says what it does with requests to a path from now on.
    pub fn behave(&self, path: &str, behaviour: Behaviour) {
        self.behaviours
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned(), behaviour);
    }

    /// What has arrived at a path.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Received> {
        self.received.borrow().iter().filter(|received| received.path == path).cloned().collect()
    }

    /// Waits until what has arrived at a path is as awaited.
    pub async fn until(&self, path: &str, awaited: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let mut changes = self.received.subscribe();
        let arrived = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                changes.mark_unchanged();
                let here = self.received(path);
                if awaited(&here) {
                    return here;
                }
                let _ = changes.changed().await;
            }
        });
        arrived.await.unwrap_or_else(|_| {
            panic!("not what was awaited at {path}: {:#?}", self.received(path))
        })
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        while let Some(request) = Box::pin(read(&mut stream, &mut buffer)).await {
            let behaviour = self
                .behaviours
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&request.path)
                .cloned();
            self.received.send_modify(|received| received.push(request));
            let answer = match behaviour.unwrap_or(Behaviour::Status(200)) {
                Behaviour::Status(status) => {
                    format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nok")
                }
                Behaviour::Redirect(to) => {
                    format!("HTTP/1.1 307 X\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
                }
                Behaviour::Hang => return std::future::pending().await,
                Behaviour::Reset => return,
                Behaviour::Huge => {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 X\r\ncontent-type: text/plain\r\n\r\n")
                        .await;
                    while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
                    return;
                }
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Reads one request of HTTP/1.1 with a `content-length`.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let mut lines = head.lines();
            let path = lines.next()?.split(' ').nth(1)?.to_owned();
            let headers: HashMap<_, _> = lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect();
            let length: usize = headers
                .get("content-length")
                .and_then(|length| length.parse().ok())
                .unwrap_or_default();
            if buffer.len() >= end + 4 + length {
                let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
                buffer.drain(..end + 4 + length);
                return Some(Received { path, headers, body });
            }
        }
        let mut part = [0; 16_384];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        buffer.extend_from_slice(&part[..count]);
    }
}
