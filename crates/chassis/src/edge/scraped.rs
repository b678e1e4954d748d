//! The port on which Prometheus reads the metrics of a process. It is apart from the port of calls: who may call must not be
//! able to read how the others do.

use crate::{edge::serve, net::Network, telemetry::Telemetry};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Serves `/metrics` at `address` until `stop`, if the options name one; returns the bound address.
///
/// # Errors
/// A sentence if the port cannot be bound.
pub async fn serve_metrics(telemetry: &Telemetry, network: &Network, stop: &CancellationToken) -> Result<Option<SocketAddr>, String> {
    let Some((address, router)) = telemetry.scraped() else { return Ok(None) };
    let failed = |error: std::io::Error| format!("--metrics {address}: {error}");
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tracing::info!(address = %bound, "metrics are served at /metrics");
    tokio::spawn(serve::serve(listener, router, network.clone(), stop.clone()));
    Ok(Some(bound))
}
