//! The answers of a service that is not ready yet: the reason at `/readyz`, alive and not ready
//! over the health protocol, and UNAVAILABLE to every other call.

use crate::{
    db::health::Health,
    edge::{
        layers::refuse,
        listeners::{Listeners, serve_probes},
        reflection, serve,
    },
    net::tls::Port,
    wire::error::not_yet,
};
use axum::Router;
use payterms_kernel::Reason;
use std::future::Future;
use tokio_util::sync::CancellationToken;

/// `/readyz`: whether calls should be sent here, and the problems, as JSON.
pub(crate) fn readiness(health: Health) -> Router {
    let answer = move || {
        let report = health.reported();
        let status =
            if report.ready { http::StatusCode::OK } else { http::StatusCode::SERVICE_UNAVAILABLE };
        std::future::ready((status, axum::Json(report)))
    };
    Router::new().route("/readyz", axum::routing::get(answer))
}

/// Waits for `ready` and answers on the process' ports meanwhile, over the health protocol for
/// `services`.
///
/// # Errors
/// The error of `ready`, or a sentence if a port cannot be shared.
pub(crate) async fn until<F: Future<Output = Result<(), String>>>(
    listeners: &Listeners,
    port: Port,
    health: &Health,
    services: &[String],
    ready: F,
) -> Result<(), String> {
    let early = listeners.shared()?;
    let over = CancellationToken::new();
    let unavailable = || {
        std::future::ready(refuse(
            not_yet(Reason::UNAVAILABLE, "The service is starting. Retry.").into(),
        ))
    };
    let probes = reflection::health_of_waiting(services).await.merge(readiness(health.clone()));
    // Not awaited: calls that were accepted are answered to the end, while the service itself
    // starts.
    serve_probes(early.probes, probes.clone(), over.clone());
    tokio::spawn(serve::serve(early.calls, probes.fallback(unavailable), port, over.clone()));
    let outcome = ready.await;
    over.cancel();
    outcome
}
