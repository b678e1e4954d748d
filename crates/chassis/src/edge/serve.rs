//! The accept loop: HTTP/1 and HTTP/2 on one port, a bound on connections and on silence, and a
//! drain that ends at a hard deadline.

use crate::edge::connections::{Connections, OpenConnection};
use axum::Router;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use std::time::Duration;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// How long a new connection may take for its preface and the headers of its first request, all together.
const SILENCE: Duration = Duration::from_secs(4);
/// How long one that is to be closed may take for it: five seconds after its beginning one without a request is gone.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of one message, and of all messages of a connection, that may have come and wait to be read. As much as all streams
/// that a service takes may have waiting: one that is read slowly does not hold up the others.
pub const STREAM_WINDOW: u32 = 256 << 10;
/// See [`STREAM_WINDOW`].
pub const CONNECTION_WINDOW: u32 = 64 << 20;
/// How long open calls may take after the stop.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Serves until told to stop, then lets open calls end, at most [`DRAIN`] long.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let (open, mut connections) = (Connections::default(), JoinSet::new());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let Ok((stream, from)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                if let Some(admitted) = open.admit(from.ip()) {
                    let (router, stop) = (router.clone(), stop.clone());
                    connections.spawn(async move {
                        let speaking = tokio::select! {
                            speaks = speaks(&stream) => speaks,
                            () = admitted.unwanted(SILENCE) => false,
                        };
                        if speaking {
                            connection(stream, router, admitted, stop).await;
                        }
                    });
                }
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drained).await.is_err() {
        tracing::warn!("calls were still open at the end of the drain; they are cut");
    }
}

/// Waits for the first bytes: a whole preface where it is HTTP/2, anything where it is not.
async fn speaks(stream: &TcpStream) -> bool {
    let _ = stream.set_nodelay(true);
    let mut bytes = [0_u8; 24];
    let first = async {
        loop {
            match stream.peek(&mut bytes).await {
                Ok(0) | Err(_) => return false,
                Ok(count) if count < bytes.len() && bytes.starts_with(b"PRI") => tokio::time::sleep(Duration::from_millis(5)).await,
                Ok(_) => return true,
            }
        }
    };
    tokio::time::timeout(SILENCE, first).await.unwrap_or(false)
}

async fn connection(stream: TcpStream, router: Router, admitted: OpenConnection, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(SILENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1_024)
        .max_header_list_size(16 * 1_024)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    let counted = admitted.clone();
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (under_way, answering) = (counted.begin(), router.clone().oneshot(request.map(axum::body::Body::new)));
        async move {
            let answer = answering.await;
            drop(under_way);
            answer
        }
    });
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        () = admitted.unwanted(SILENCE) => {
            connection.as_mut().graceful_shutdown();
            // What hangs in the middle of its first headers does not end by itself.
            let ended = tokio::time::timeout(CLOSES_WITHIN, connection.as_mut()).await;
            if ended.is_err() && admitted.is_used() {
                let _ = tokio::time::timeout(SILENCE, connection).await;
            }
            return;
        }
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}
