//! Logs and traces: structured log lines, export of spans by OTLP if an endpoint is configured, and the W3C trace context that
//! is passed on in calls and outbox rows.

use clap::Args;
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use payterms_kernel::text::without_passwords;
use std::{
    collections::HashMap,
    io::{self, Write},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// The filter of spans, which does not depend on the log filter.
const SPANS: &str = "info,sqlx=warn,h2=warn,hyper=warn";

/// Options of tracing.
#[derive(Debug, Clone, Args)]
pub struct Tracing {
    /// Where spans go by OTLP over gRPC; nowhere if not given.
    #[arg(long, env = "PAYTERMS_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The share of the traces that begin here which is recorded, from 0 to 1. Where a caller began the trace, it has decided.
    #[arg(long, env = "PAYTERMS_TRACE_RATIO", default_value_t = 1.0, value_parser = ratio)]
    pub trace_ratio: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| "write a number from 0 to 1".to_owned())
}

/// Keeps the exporter alive. When it is dropped at the end of the process, the exporter sends the remaining spans.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging to standard error and, with an endpoint, exporting spans by OTLP.
    ///
    /// # Errors
    /// A sentence if the filter does not parse or the exporter cannot be built.
    pub fn start(process: &str, filter: &str, tracing: &Tracing) -> Result<Self, String> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let filter = EnvFilter::try_new(filter).map_err(|error| format!("log filter: {error}"))?;
        let provider = tracing.otlp_endpoint.as_deref().map(|endpoint| exporter(process, endpoint, tracing.trace_ratio)).transpose()?;
        let spans = |provider: &SdkTracerProvider| tracing_opentelemetry::layer().with_tracer(provider.tracer("payterms"));
        let layer = provider.as_ref().map(|provider| spans(provider).with_filter(EnvFilter::new(SPANS)));
        let lines = tracing_subscriber::fmt::layer().with_writer(|| Lines(io::stderr())).with_target(false).with_filter(filter);
        // Fails if the process has a subscriber already, as when a test starts several services; the first one stays.
        let _ = tracing_subscriber::registry().with(lines).with(layer).try_init();
        Ok(Self { provider })
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider {
            let _ = provider.shutdown();
        }
    }
}

/// Writes log lines, a whole line at a time, with passwords hidden: libraries log addresses as they were configured.
struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(without_passwords(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn exporter(process: &str, endpoint: &str, ratio: f64) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("OTLP: {error}"))?;
    let resource = Resource::builder().with_service_name(format!("payterms-{process}")).build();
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder().with_sampler(sampler).with_batch_exporter(exporter).with_resource(resource).build())
}

struct Headers<'a>(&'a http::HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

struct Pairs(HashMap<String, String>);

impl Injector for Pairs {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

/// Makes the span of a call a child of the caller's span.
pub fn adopt_headers(span: &tracing::Span, headers: &http::HeaderMap) {
    let context = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    let _ = span.set_parent(context);
}

/// Makes a span a child of the one that a stored `traceparent` names.
pub fn adopt_trace_parent(span: &tracing::Span, trace_parent: &str) {
    let mut headers = http::HeaderMap::new();
    if let Ok(value) = trace_parent.parse() {
        headers.insert("traceparent", value);
        adopt_headers(span, &headers);
    }
}

/// The `traceparent` of the current span; empty if there is no trace.
#[must_use]
pub fn trace_parent() -> String {
    let context = tracing::Span::current().context();
    let mut pairs = Pairs(HashMap::new());
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut pairs));
    pairs.0.remove("traceparent").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Lines;
    use std::io::Write;

    #[test]
    fn a_logged_address_has_no_password() {
        let mut lines = Lines(Vec::new());
        lines.write_all(b"connects to http://user:canary@host:1/path again\n").unwrap();
        assert_eq!(String::from_utf8(lines.0).unwrap(), "connects to http://user:***@host:1/path again\n");
    }
}
