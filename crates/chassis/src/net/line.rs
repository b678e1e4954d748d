//! Opens connections to the replicas of a service.

use crate::net::{
    CONNECTION_WINDOW, STREAM_WINDOW,
    tls::{Followed, LoggedFaults, Part, is_of_tls},
};
use axum::body::Body;
use http::uri::{self, Authority, Scheme, Uri};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// How long opening a connection may take.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// How often a connection is pinged, and how long the answer may take. A frozen process is noticed
/// within the sum of both; the connection is then closed.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_ANSWER: Duration = Duration::from_secs(3);

/// An open connection.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) sender: SendRequest<Body>,
    /// What was shown and believed when it was opened; none: plain text.
    part: Option<Arc<Part>>,
}

/// The way to a service.
#[derive(Debug)]
pub(crate) struct Line {
    service: String,
    /// The service, as requests name it.
    authority: Authority,
    /// What this process shows there; none: plain text.
    part: Option<Followed<Part>>,
    faults: LoggedFaults,
}

impl Line {
    pub(crate) fn new(service: &str, part: Option<Followed<Part>>) -> Self {
        let authority =
            Authority::try_from(service).unwrap_or_else(|_| Authority::from_static("service"));
        Self { service: service.to_owned(), authority, part, faults: LoggedFaults::default() }
    }

    /// The name of the service.
    pub(crate) fn service(&self) -> &str {
        &self.service
    }

    /// The address of a method, as it stands in requests that go this way. Put together without
    /// parsing, since every call needs one.
    pub(crate) fn uri(&self, method: &Uri) -> Uri {
        let mut uri = uri::Parts::default();
        uri.scheme = Some(if self.part.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
        uri.authority = Some(self.authority.clone());
        let path = method.path_and_query().filter(|path| path.query().is_none()).cloned();
        uri.path_and_query = path.or_else(|| method.path().parse().ok());
        Uri::from_parts(uri).unwrap_or_default()
    }

    /// Whether calls may be sent over a connection: it is open, and was opened under the
    /// certificates that hold now. A server that is not believed any more, or does not know that,
    /// will not close it.
    pub(crate) fn may_use(&self, opened: &Opened) -> bool {
        !opened.sender.is_closed() && self.is_current(opened)
    }

    fn is_current(&self, opened: &Opened) -> bool {
        let now = self.part.as_ref().map(Followed::now);
        now.as_ref().map(Arc::as_ptr) == opened.part.as_ref().map(Arc::as_ptr)
    }

    /// Opens an HTTP/2 connection.
    ///
    /// # Errors
    /// Why it is not open.
    pub(crate) async fn open(&self, address: SocketAddr) -> Result<Opened, String> {
        let opening = async {
            loop {
                let opened = self.open_once(address).await?;
                // Certificates may have changed during the handshake.
                if self.is_current(&opened) {
                    return Ok(opened);
                }
            }
        };
        tokio::time::timeout(OPENS_WITHIN, opening)
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))
    }

    async fn open_once(&self, address: SocketAddr) -> Result<Opened, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some(part) = self.part.as_ref().map(Followed::now) else {
            return Ok(Opened { sender: start(stream, address).await?, part: None });
        };
        // The name that is asked for is the service's, whatever its host is called: that name is in
        // its certificate.
        let name = ServerName::try_from(self.service.clone()).map_err(|error| error.to_string())?;
        let connecting = TlsConnector::from(part.client.clone()).connect(name, stream).await;
        let stream = connecting.map_err(|error| self.report(&error, address))?;
        self.faults.clear();
        Ok(Opened { sender: start(stream, address).await?, part: Some(part) })
    }

    /// A server with a wrong certificate is worth a warning, once.
    fn report(&self, error: &io::Error, address: SocketAddr) -> String {
        let why = error.to_string();
        if is_of_tls(error) && self.faults.is_due(&format!("{address} {why}")) {
            tracing::warn!(service = self.service, %address, why, "who answers there is not believed");
        }
        why
    }
}

/// Begins HTTP/2 on an open stream.
async fn start<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    address: SocketAddr,
) -> Result<SendRequest<Body>, String> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_ANSWER)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%address, %error, "a connection to a service ended");
        }
    });
    Ok(sender)
}
