//! Opens connections to replicas.

use crate::net::{CONNECTION_WINDOW, STREAM_WINDOW};
use axum::body::Body;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpStream;

/// How long opening a connection may take.
const OPENS_WITHIN: Duration = Duration::from_secs(2);
/// How often a connection is pinged, and how long the answer may take. A frozen process is noticed within the sum of both; the
/// connection is then closed.
const PING_EVERY: Duration = Duration::from_secs(2);
const PING_ANSWER: Duration = Duration::from_secs(3);

/// Opens an HTTP/2 connection.
///
/// # Errors
/// Why it is not open.
pub(crate) async fn open(address: SocketAddr) -> Result<SendRequest<Body>, String> {
    let opening = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%address, %error, "a connection to a service ended");
            }
        });
        Ok(sender)
    };
    tokio::time::timeout(OPENS_WITHIN, opening).await.unwrap_or_else(|_| Err("no connection in time".to_owned()))
}
