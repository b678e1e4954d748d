//! The accept loop: HTTP/1 and HTTP/2 on one port, plain or with TLS, limits on connections and on
//! their silence, and a drain with a hard end.
//!
//! A handshake has its place in the table of connections and the time of a silent connection, so
//! that clients who begin many and finish none take no place for longer, and are the first to go
//! when the table is full.

use crate::{
    edge::{
        connections::{Connections, OpenConnection},
        layers, unread,
    },
    net::{
        CONNECTION_WINDOW, STREAM_WINDOW,
        ages::ConnectionAges,
        tls::{
            Peer, Port,
            port::{Accepted, Guard, Renewal},
        },
    },
    wire::error::not_yet,
};
use axum::Router;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use payterms_kernel::Reason;
use std::{net::IpAddr, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tower::ServiceExt;

/// How long a new connection may take for its handshake, its preface and the headers of its first
/// request together. Otherwise a client could fill the table of connections by opening them and
/// sending nothing.
const SILENCE: Duration = Duration::from_secs(4);
/// How long a graceful close may take. With [`SILENCE`] it ends a connection without a request five
/// seconds after its opening.
const CLOSES_WITHIN: Duration = Duration::from_secs(1);
/// The most bytes of a request's headers in HTTP/2. More is answered 431, which clients of gRPC do
/// not understand: the gateway refuses what is far shorter with a reason.
const HTTP2_HEADERS: u32 = 64 << 10;
/// The most bytes of a request line and headers in HTTP/1, of which hyper would take 400 KiB. More
/// is answered 431. Bodies are read in pieces of this size.
const HTTP1_BUFFER: usize = 32 << 10;
/// How long new calls are taken on a connection that is being closed because certificates have
/// changed. Valid clients need time to reconnect; a client whose certificate is no longer accepted
/// could start calls for the whole grace period, so this is short.
const CALLS_AFTER_RENEWAL: Duration = Duration::from_secs(5);
/// How long open calls may go on after the stop.
pub const DRAIN: Duration = Duration::from_secs(20);

/// Serves until `stop` is cancelled, then waits for open calls, at most for [`DRAIN`].
pub async fn serve(listener: TcpListener, router: Router, port: Port, stop: CancellationToken) {
    let open = Connections::default();
    let mut connections = JoinSet::new();
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
                    let serving = Serving { router: router.clone(), admitted, ages: port.ages, stop: stop.clone() };
                    connections.spawn(serve_stream(stream, from.ip(), port.clone(), serving));
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

/// Waits for a connection's first bytes: the whole preface for HTTP/2, any byte for HTTP/1. Hyper
/// has no limit for this.
async fn sends_preface(stream: &TcpStream) -> bool {
    let _ = stream.set_nodelay(true);
    let mut bytes = [0_u8; 24];
    let first = async {
        loop {
            match stream.peek(&mut bytes).await {
                Ok(0) | Err(_) => return false,
                Ok(count) if count < bytes.len() && bytes.starts_with(b"PRI") => {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Ok(_) => return true,
            }
        }
    };
    tokio::time::timeout(SILENCE, first).await.unwrap_or(false)
}

/// What a connection is served with.
struct Serving {
    router: Router,
    admitted: OpenConnection,
    ages: ConnectionAges,
    stop: CancellationToken,
}

async fn serve_stream(stream: TcpStream, from: IpAddr, port: Port, serving: Serving) {
    let has_sent = tokio::select! {
        has_sent = sends_preface(&stream) => has_sent,
        () = serving.admitted.unwanted(SILENCE) => false,
    };
    if !has_sent {
        return;
    }
    if matches!(port.guard, Guard::Plain) {
        return serve_connection(stream, None, Renewal::default(), serving).await;
    }
    let accepted = tokio::select! {
        accepted = port.accept(stream, from) => accepted,
        () = serving.admitted.unwanted(SILENCE) => None,
    };
    if let Some(Accepted { stream, peer, renewal }) = accepted {
        serve_connection(stream, peer, renewal, serving).await;
    }
}

/// The refusal of a call on a connection that was opened under certificates of before.
fn outdated_line() -> Status {
    not_yet(
        Reason::UNAVAILABLE,
        "Certificates have changed since this connection was opened. Open another one.",
    )
    .into()
}

/// HTTP/1 and HTTP/2 with their limits.
fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_buf_size(HTTP1_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(1_024)
        .max_header_list_size(HTTP2_HEADERS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

async fn serve_connection<S>(stream: S, peer: Option<Peer>, mut renewal: Renewal, serving: Serving)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let Serving { router, admitted, ages, stop } = serving;
    let (counted, outdated) = (admitted.clone(), CancellationToken::new());
    let takes_no_calls = outdated.clone();
    let service = service_fn(move |mut request: http::Request<Incoming>| {
        if let Some(peer) = &peer {
            request.extensions_mut().insert(peer.clone());
        }
        let (request, rest) = unread::watched(request);
        let (under_way, answering) = (counted.begin(), router.clone().oneshot(request));
        let is_refused = takes_no_calls.is_cancelled();
        async move {
            let mut answer =
                if is_refused { Ok(layers::refuse(outdated_line())) } else { answering.await };
            if let Some(rest) = rest
                && let Some(left) = rest.left()
                && !Box::pin(rest.read(left)).await
                && let Ok(answer) = &mut answer
            {
                answer
                    .headers_mut()
                    .insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
            }
            drop(under_way);
            answer
        }
    });
    let builder = protocols();
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let to_be_renewed = async {
        tokio::select! {
            () = ages.is_old() => false,
            () = renewal.is_due() => true,
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stop.cancelled() => {}
        has_changed = to_be_renewed => {
            connection.as_mut().graceful_shutdown();
            let refusing = async {
                if !has_changed {
                    renewal.is_due().await;
                }
                tokio::time::sleep(CALLS_AFTER_RENEWAL).await;
                outdated.cancel();
                std::future::pending::<()>().await;
            };
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = tokio::time::timeout(ages.grace(), refusing) => {}
                // The stop gives what is left its own time.
                () = stop.cancelled() => drop(connection.await),
            }
            return;
        }
        () = admitted.unwanted(SILENCE) => {
            connection.as_mut().graceful_shutdown();
            // A connection that hangs within its first headers does not end by itself, so the close
            // is bounded.
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
