//! What a service answers before it can do its work: at `/readyz` why it cannot, and UNAVAILABLE to every call.

use crate::{
    db::health::Health,
    edge::{layers::refuse, serve},
    wire::error::not_yet,
};
use axum::Router;
use std::future::Future;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `/readyz`: whether calls should be sent here, and what is wrong, as JSON.
pub(crate) fn readiness(health: Health) -> Router {
    let answer = move || {
        let report = health.reported();
        let status = if report.ready { http::StatusCode::OK } else { http::StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, axum::Json(report)))
    };
    Router::new().route("/readyz", axum::routing::get(answer))
}

/// Waits for what a service needs, and answers on its port meanwhile; gives the port back.
///
/// # Errors
/// What the wait ended with, or a sentence where the port cannot be shared.
pub(crate) async fn until<F: Future<Output = Result<(), String>>>(
    listener: TcpListener,
    health: &Health,
    ready: F,
) -> Result<TcpListener, String> {
    let shared = |error: std::io::Error| format!("the port: {error}");
    let listener = listener.into_std().map_err(shared)?;
    let early = TcpListener::from_std(listener.try_clone().map_err(shared)?).map_err(shared)?;
    let over = CancellationToken::new();
    let unavailable = || std::future::ready(refuse(not_yet("UNAVAILABLE", "The service is starting. Retry.").into()));
    // What it has taken up it answers to the end, beside the service itself.
    tokio::spawn(serve::serve(early, readiness(health.clone()).fallback(unavailable), over.clone()));
    let outcome = ready.await;
    over.cancel();
    outcome?;
    TcpListener::from_std(listener).map_err(shared)
}
