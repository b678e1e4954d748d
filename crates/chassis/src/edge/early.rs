//! The answers of a service that is not ready yet: the reason at `/readyz`, alive and not ready over the health protocol, and
//! UNAVAILABLE to every other call.

use crate::{
    db::health::Health,
    edge::{layers::refuse, reflection, serve},
    net::Network,
    wire::error::not_yet,
};
use axum::Router;
use std::future::Future;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// `/readyz`: whether calls should be sent here, and the problems, as JSON.
pub(crate) fn readiness(health: Health) -> Router {
    let answer = move || {
        let report = health.reported();
        let status = if report.ready { http::StatusCode::OK } else { http::StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, axum::Json(report)))
    };
    Router::new().route("/readyz", axum::routing::get(answer))
}

/// Waits for `ready` and answers on the service's port meanwhile, over the health protocol for `services`. Returns the port.
///
/// # Errors
/// The error of `ready`, or a sentence if the port cannot be shared.
pub(crate) async fn until<F: Future<Output = Result<(), String>>>(
    listener: TcpListener,
    network: &Network,
    health: &Health,
    services: &[String],
    ready: F,
) -> Result<TcpListener, String> {
    let shared = |error: std::io::Error| format!("the port: {error}");
    let listener = listener.into_std().map_err(shared)?;
    let early = TcpListener::from_std(listener.try_clone().map_err(shared)?).map_err(shared)?;
    let over = CancellationToken::new();
    let unavailable = || std::future::ready(refuse(not_yet("UNAVAILABLE", "The service is starting. Retry.").into()));
    let answers = reflection::health_of_waiting(services).await.merge(readiness(health.clone())).fallback(unavailable);
    // Not awaited: calls that it has accepted are answered by it to the end, while the service itself starts.
    tokio::spawn(serve::serve(early, answers, network.clone(), over.clone()));
    let outcome = ready.await;
    over.cancel();
    outcome?;
    TcpListener::from_std(listener).map_err(shared)
}
