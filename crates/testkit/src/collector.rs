//! Where spans go in a test.

use crate::process::free_address;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    trace::v1::Span,
};
use std::sync::{Arc, Mutex, MutexGuard};
use tonic::{Request, Response, Status, transport::Server};

/// Keeps what it is sent by OTLP.
#[derive(Debug, Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts one; the option that sends spans to it.
    #[must_use]
    pub fn start() -> (Self, String) {
        let (own, at) = (Self::default(), free_address());
        tokio::spawn(Server::builder().add_service(TraceServiceServer::new(own.clone())).serve(at));
        (own, format!("--otlp-endpoint=http://{at}"))
    }

    /// What it was sent.
    pub fn spans(&self) -> MutexGuard<'_, Vec<Span>> {
        self.0.lock().expect("nobody panics with it")
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(&self, request: Request<ExportTraceServiceRequest>) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let resources = request.into_inner().resource_spans;
        let spans = resources.into_iter().flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans);
        self.spans().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
