//! Logs and traces: structured lines, OTLP export where an endpoint is given, and the W3C trace
//! context that travels through calls and outbox rows.

use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TracerProvider as _,
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use std::collections::HashMap;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Keeps the exporter alive; dropped at the end of the process, it sends what is left.
#[derive(Debug)]
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging to standard error and, with an endpoint, exporting spans by OTLP.
    ///
    /// # Errors
    /// A sentence if the exporter cannot be made.
    pub fn start(process: &str, filter: &str, otlp_endpoint: Option<&str>) -> Result<Self, String> {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let filter = EnvFilter::try_new(filter).map_err(|error| format!("log filter: {error}"))?;
        let provider = otlp_endpoint.map(|endpoint| exporter(process, endpoint)).transpose()?;
        let layer = provider.as_ref().map(|provider| tracing_opentelemetry::layer().with_tracer(provider.tracer("payterms")));
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
        // A second start in one process (tests) keeps the first subscriber.
        let _ = tracing_subscriber::registry().with(filter).with(lines).with(layer).try_init();
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

fn exporter(process: &str, endpoint: &str) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("OTLP: {error}"))?;
    let resource = Resource::builder().with_service_name(format!("payterms-{process}")).build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
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

/// Makes the span of a call a child of the caller's.
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

/// The `traceparent` of the current span; empty where nothing is traced.
#[must_use]
pub fn trace_parent() -> String {
    let context = tracing::Span::current().context();
    let mut pairs = Pairs(HashMap::new());
    global::get_text_map_propagator(|propagator| propagator.inject_context(&context, &mut pairs));
    pairs.0.remove("traceparent").unwrap_or_default()
}
