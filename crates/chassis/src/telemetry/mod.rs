//! What a process tells of its work: log lines, spans by OTLP with the W3C trace context, and
//! metrics by OTLP and for Prometheus.

mod logs;
pub mod metrics;
mod traces;

pub use logs::Logs;
pub use metrics::Metering;
pub use traces::{Tracing, adopt_headers, adopt_trace_parent, trace_parent};

use axum::Router;
use clap::Args;
use metrics::Meters;
use opentelemetry::{global, trace::TracerProvider as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use std::net::SocketAddr;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// The filter of spans, which does not depend on the log filter.
const SPANS: &str = "info,sqlx=warn,h2=warn,hyper=warn";

/// Options of logs, traces and metrics.
#[derive(Debug, Clone, Args)]
pub struct TelemetryOptions {
    /// How log lines look.
    #[command(flatten)]
    pub logs: Logs,
    /// Where spans go.
    #[command(flatten)]
    pub tracing: Tracing,
    /// Where metrics go.
    #[command(flatten)]
    pub metering: Metering,
}

/// Keeps the exporters alive. When it is dropped at the end of the process, they send what remains.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    meters: Option<Meters>,
}

impl Telemetry {
    /// Starts logging to standard error and what the options ask for. Before anything else of the
    /// process, since instruments that are made earlier measure nothing.
    ///
    /// # Errors
    /// A sentence if the filter does not parse or an exporter cannot be built.
    pub fn start(process: &str, filter: &str, options: &TelemetryOptions) -> Result<Self, String> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let filter = EnvFilter::try_new(filter).map_err(|error| format!("log filter: {error}"))?;
        let resource = Resource::builder().with_service_name(format!("payterms-{process}")).build();
        let endpoint = options.tracing.otlp_endpoint.as_deref();
        let traces = endpoint
            .map(|endpoint| {
                traces::exporter(endpoint, options.tracing.trace_ratio, resource.clone())
            })
            .transpose()?;
        let meters = Meters::start(endpoint, &options.metering, resource)?;
        // Without the times in which a span was worked on, for which the clock would be read at
        // each poll of each call.
        let spans = |provider: &SdkTracerProvider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("payterms"))
                .with_tracked_inactivity(false)
                .with_threads(false)
        };
        let layer =
            traces.as_ref().map(|provider| spans(provider).with_filter(EnvFilter::new(SPANS)));
        // Fails if the process has a subscriber already, as when a test starts several services;
        // the first one stays.
        let _ = tracing_subscriber::registry()
            .with(options.logs.layer().with_filter(filter))
            .with(layer)
            .try_init();
        Ok(Self { traces, meters })
    }

    /// Where Prometheus reads `/metrics`, and the answer.
    #[must_use]
    pub fn scraped(&self) -> Option<(SocketAddr, Router)> {
        self.meters.as_ref().and_then(Meters::scraped)
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.traces {
            let _ = provider.shutdown();
        }
        if let Some(meters) = &self.meters {
            meters.shutdown();
        }
    }
}
