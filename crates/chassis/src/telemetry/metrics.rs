//! Metrics: the meter of the process, exported by OTLP and read by Prometheus, and the instruments
//! of calls.
//!
//! Names and attributes are OpenTelemetry's semantic conventions where there are any, else they
//! begin with `payterms.`. Every label has few values: methods of the contract, codes, names of
//! parts, currencies; never a tenant or an id. docs/metrics.md lists all of them.

use axum::{Router, routing::get};
use clap::Args;
pub use opentelemetry::{KeyValue, metrics::Histogram};
use opentelemetry::{
    StringValue, Value, global,
    metrics::{Counter, Meter},
};
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};
use prometheus::{Encoder, Registry, TextEncoder};
use prost::Message;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{LazyLock, OnceLock},
    time::Duration,
};

/// Options of metrics.
#[derive(Debug, Clone, Default, Args)]
pub struct Metering {
    /// Where Prometheus reads `/metrics`, `host:port`; nowhere if not given. Only the monitoring
    /// may reach it: it has no login.
    #[arg(long, env = "PAYTERMS_METRICS")]
    pub metrics: Option<SocketAddr>,
    /// How often sums of money are read for the metrics, in seconds. What waits in queues is read
    /// every 15 seconds, or as often as this if it is less.
    #[arg(long, env = "PAYTERMS_FIGURES_SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub figures_seconds: u64,
}

/// Upper bounds of durations in seconds. A debit takes a few milliseconds; a call has 30 seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds of the numbers of calls in a batch.
const ITEMS: [f64; 9] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0];

/// How often this process reads sums of money for its metrics.
static FIGURES_EVERY: OnceLock<Duration> = OnceLock::new();

/// How often this process reads sums of money for its metrics; `None` if nobody reads the metrics,
/// so that nothing is queried for them.
pub(crate) fn figures_every() -> Option<Duration> {
    FIGURES_EVERY.get().copied()
}

/// The meter of everything in the suite.
#[must_use]
pub fn meter() -> Meter {
    global::meter("payterms")
}

/// A histogram of durations in seconds.
#[must_use]
pub fn durations(name: &'static str, description: &'static str) -> Histogram<f64> {
    meter()
        .f64_histogram(name)
        .with_unit("s")
        .with_description(description)
        .with_boundaries(SECONDS.to_vec())
        .build()
}

/// A histogram of numbers of calls.
pub(crate) fn sizes(name: &'static str, description: &'static str) -> Histogram<u64> {
    meter()
        .u64_histogram(name)
        .with_unit("{call}")
        .with_description(description)
        .with_boundaries(ITEMS.to_vec())
        .build()
}

/// The exporters of metrics.
#[derive(Debug)]
pub(crate) struct Meters {
    provider: SdkMeterProvider,
    scraped: Option<(SocketAddr, Registry)>,
}

impl Meters {
    /// Starts what is asked for; none if nothing is, and then instruments cost next to nothing.
    pub(crate) fn start(
        endpoint: Option<&str>,
        options: &Metering,
        resource: Resource,
    ) -> Result<Option<Self>, String> {
        if endpoint.is_none() && options.metrics.is_none() {
            return Ok(None);
        }
        let mut builder = SdkMeterProvider::builder().with_resource(resource);
        if let Some(endpoint) = endpoint {
            let exporter = opentelemetry_otlp::MetricExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .build();
            builder =
                builder.with_periodic_exporter(exporter.map_err(|error| format!("OTLP: {error}"))?);
        }
        let scraped = options.metrics.map(|address| (address, Registry::new()));
        if let Some((_, registry)) = &scraped {
            let exporter = opentelemetry_prometheus::exporter()
                .with_registry(registry.clone())
                .scope_info_enabled(false)
                .build();
            builder = builder.with_reader(exporter.map_err(|error| format!("metrics: {error}"))?);
        }
        let provider = builder.build();
        global::set_meter_provider(provider.clone());
        let _ = FIGURES_EVERY.set(Duration::from_secs(options.figures_seconds));
        Ok(Some(Self { provider, scraped }))
    }

    /// Where Prometheus reads `/metrics`, and the answer.
    pub(crate) fn scraped(&self) -> Option<(SocketAddr, Router)> {
        let (address, registry) = self.scraped.clone()?;
        let answer = move || {
            let mut text = Vec::new();
            let encoded = TextEncoder::new().encode(&registry.gather(), &mut text);
            let status = if encoded.is_ok() {
                http::StatusCode::OK
            } else {
                http::StatusCode::INTERNAL_SERVER_ERROR
            };
            std::future::ready((
                status,
                [(http::header::CONTENT_TYPE, prometheus::TEXT_FORMAT)],
                text,
            ))
        };
        Some((address, Router::new().route("/metrics", get(answer))))
    }

    pub(crate) fn shutdown(&self) {
        let _ = self.provider.shutdown();
    }
}

/// The methods of the contract and those of health and reflection, by their paths, as labels. Any
/// other path gets one label for all of them, since a caller may invent as many as it likes.
static METHODS: LazyLock<HashMap<String, KeyValue>> = LazyLock::new(|| {
    let set =
        prost_types::FileDescriptorSet::decode(payterms_proto::DESCRIPTOR_SET_WITHOUT_COMMENTS)
            .unwrap_or_default();
    let ours = set.file.iter().flat_map(|file| {
        file.service.iter().flat_map(move |service| {
            service.method.iter().map(move |method| {
                format!("{}.{}/{}", file.package(), service.name(), method.name())
            })
        })
    });
    let usual = [
        "grpc.health.v1.Health/Check",
        "grpc.health.v1.Health/Watch",
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ];
    ours.chain(usual.map(str::to_owned))
        .map(|name| (format!("/{name}"), label("rpc.method", name.into())))
        .collect()
});

/// A label whose value is shared and not copied with each measurement.
fn label(key: &'static str, value: std::sync::Arc<str>) -> KeyValue {
    KeyValue::new(key, Value::String(StringValue::from(value)))
}

static CALLS: LazyLock<Histogram<f64>> = LazyLock::new(|| {
    durations("rpc.server.call.duration", "How long calls took until their answer began.")
});

/// Measures a call that a part of the suite has answered with a gRPC code, by its name.
pub(crate) fn answered(part: &'static str, path: &str, code: &'static str, took: Duration) {
    let method =
        METHODS.get(path).cloned().unwrap_or_else(|| KeyValue::new("rpc.method", "_OTHER"));
    let labels = [
        KeyValue::new("rpc.system.name", "grpc"),
        method,
        KeyValue::new("rpc.response.status_code", code),
        KeyValue::new("payterms.part", part),
    ];
    CALLS.record(took.as_secs_f64(), &labels);
}

static REPLAYS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let description =
        "Answers that were given again to a request id that had been answered before.";
    meter()
        .u64_counter("payterms.requests.replayed")
        .with_unit("{call}")
        .with_description(description)
        .build()
});

/// Counts an answer that was given before.
pub(crate) fn replayed() {
    REPLAYS.add(1, &[]);
}

static LIMITED: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let description =
        "Calls that were refused since a caller, a customer or a tenant is beyond a limit.";
    meter()
        .u64_counter("payterms.calls.limited")
        .with_unit("{call}")
        .with_description(description)
        .build()
});

/// Counts calls that the gateway refuses since `holder` (a caller, a customer or a tenant) is
/// beyond the limit of this name.
pub fn calls_limited(holder: &'static str, limit: &'static str, count: u64) {
    let labels = [
        part("gateway"),
        KeyValue::new("payterms.holder", holder),
        KeyValue::new("payterms.limit", limit),
    ];
    LIMITED.add(count, &labels);
}

static REFILLS: LazyLock<Counter<u64>> = LazyLock::new(|| {
    let description =
        "Streams of the broker that had lost events, or were gone, and are filled from the outbox.";
    meter()
        .u64_counter("payterms.bus.refills")
        .with_unit("{stream}")
        .with_description(description)
        .build()
});

/// Counts a stream that is filled from the outbox again.
pub(crate) fn stream_refilled(of: &'static str) {
    REFILLS.add(1, &[part(of)]);
}

static BATCH_SIZES: LazyLock<Histogram<u64>> =
    LazyLock::new(|| sizes("payterms.batch.size", "Calls that were processed in one transaction."));
static BATCHES: LazyLock<Histogram<f64>> =
    LazyLock::new(|| durations("payterms.batch.duration", "How long batches took."));

/// Measures a batch of a committer.
pub(crate) fn batch(name: &'static str, calls: usize, took: Duration) {
    let labels = [part(name)];
    BATCH_SIZES.record(u64::try_from(calls).unwrap_or(u64::MAX), &labels);
    BATCHES.record(took.as_secs_f64(), &labels);
}

/// The label with the part of the suite that measures: the suite runs all of them in one process.
#[must_use]
pub fn part(name: &'static str) -> KeyValue {
    KeyValue::new("payterms.part", name)
}

/// A number of things as a measurement.
#[must_use]
pub fn count(things: usize) -> f64 {
    u32::try_from(things).map_or(f64::from(u32::MAX), f64::from)
}

/// Lets the exporters ask for values whenever they export: each with its labels.
pub(crate) fn observe(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    values: impl Fn() -> Vec<(Vec<KeyValue>, f64)> + Send + Sync + 'static,
) {
    let meter = meter();
    meter
        .f64_observable_gauge(name)
        .with_unit(unit)
        .with_description(description)
        .with_callback(move |observer| {
            for (labels, value) in values() {
                observer.observe(value, &labels);
            }
        })
        .build();
}

#[cfg(test)]
mod tests {
    use super::METHODS;

    #[test]
    fn every_method_of_the_contract_is_a_label_and_nothing_else_is() {
        assert!(METHODS.contains_key("/payterms.wallet.v1.PostingService/PostDebit"));
        assert!(METHODS.contains_key("/payterms.common.peers.v1.InboxService/Deliver"));
        assert!(!METHODS.contains_key("/payterms.wallet.v1.PostingService/Invented"));
    }
}
