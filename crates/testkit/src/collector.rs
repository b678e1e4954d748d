//! Where spans and metrics go in a test.

use crate::process::free_address;
use opentelemetry_proto::tonic::{
    collector::{
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    trace::v1::Span,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};
use tonic::{Request, Response, Status, transport::Server};

/// Keeps what it is sent by OTLP.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<BTreeSet<String>>>,
}

impl Collector {
    /// Starts one; the option that sends spans to it.
    #[must_use]
    pub fn start() -> (Self, String) {
        let (collector, at) = (Self::default(), free_address());
        let server = Server::builder()
            .add_service(TraceServiceServer::new(collector.clone()))
            .add_service(MetricsServiceServer::new(collector.clone()));
        tokio::spawn(server.serve(at));
        (collector, format!("--otlp-endpoint=http://{at}"))
    }

    /// The spans that it was sent.
    pub fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().expect("nobody panics with it")
    }

    /// The names of the metrics that it was sent.
    pub fn metrics(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.metrics.lock().expect("nobody panics with it")
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans);
        self.spans().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let resources = request.into_inner().resource_metrics;
        let metrics = resources
            .into_iter()
            .flat_map(|resource| resource.scope_metrics)
            .flat_map(|scope| scope.metrics);
        self.metrics().extend(metrics.map(|metric| metric.name));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
