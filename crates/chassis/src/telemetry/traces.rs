//! Spans, exported by OTLP if an endpoint is configured, and the W3C trace context that is passed
//! on in calls and outbox rows.

use clap::Args;
use opentelemetry::{
    global,
    propagation::Extractor,
    trace::{TraceContextExt, TraceFlags, TraceId},
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider},
};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Options of tracing.
#[derive(Debug, Clone, Args)]
pub struct Tracing {
    /// Where spans and metrics go by OTLP over gRPC; nowhere if not given.
    #[arg(long, env = "PAYTERMS_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// The share of the traces that begin here which is recorded, from 0 to 1. Where a caller began
    /// the trace, it has decided.
    #[arg(long, env = "PAYTERMS_TRACE_RATIO", default_value_t = 1.0, value_parser = ratio)]
    pub trace_ratio: f64,
}

fn ratio(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "write a number from 0 to 1".to_owned())
}

/// The exporter of spans.
pub(crate) fn exporter(
    endpoint: &str,
    ratio: f64,
    resource: Resource,
) -> Result<SdkTracerProvider, String> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("OTLP: {error}"))?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_batch_exporter(exporter)
        .with_resource(resource)
        .build())
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

/// Makes the span of a call a child of the caller's span.
pub fn adopt_headers(span: &tracing::Span, headers: &http::HeaderMap) {
    let context =
        global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Also without an exporter: log lines of one request are found by it.
    let callers_trace = context.span().span_context().trace_id();
    let _ = span.set_parent(context);
    let exported_trace = span.context().span().span_context().trace_id();
    if let Some(trace) =
        [exported_trace, callers_trace].into_iter().find(|trace| *trace != TraceId::INVALID)
    {
        span.record("trace_id", tracing::field::display(trace));
    }
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
    let span = context.span();
    let trace = span.span_context();
    if !trace.is_valid() {
        return String::new();
    }
    // As the propagator writes it, without its map: each call that is passed on needs one.
    // <https://www.w3.org/TR/trace-context/>
    format!(
        "00-{}-{}-{:02x}",
        trace.trace_id(),
        trace.span_id(),
        trace.trace_flags() & TraceFlags::SAMPLED
    )
}
