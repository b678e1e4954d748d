//! The port on which Prometheus reads the metrics of a process. It is apart from the port of calls:
//! who may call must not be able to read how the others do.

use crate::{edge::listeners::serve_probes, telemetry::Telemetry};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves `/metrics` until `stop`, if the options name a port for it.
///
/// # Errors
/// A sentence if the port cannot be bound.
pub async fn serve_metrics(telemetry: &Telemetry, stop: &CancellationToken) -> Result<(), String> {
    let Some((address, router)) = telemetry.scraped() else { return Ok(()) };
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("--metrics {address}: {error}"))?;
    tracing::info!(%address, "metrics are served at /metrics");
    serve_probes(Some(listener), router, stop.clone());
    Ok(())
}
