//! The outermost layer: a span around each call, and its measurement.

use crate::{
    telemetry::{self, metrics},
    wire::error::code_name,
};
use axum::{extract::Request, response::Response};
use std::time::Instant;
use tonic::Code;
use tracing::Instrument;

/// Answers a call within a span that says its method, tenant, trace and code, and measures it as a
/// call of `part`.
pub(crate) async fn traced<F: Future<Output = Response>>(
    part: &'static str,
    request: Request,
    inside: impl FnOnce(Request) -> F,
) -> Response {
    let uri = request.uri().clone();
    let span = tracing::info_span!(
        "call",
        rpc.method = %uri.path(),
        rpc.code = tracing::field::Empty,
        tenant = tracing::field::Empty,
        trace_id = tracing::field::Empty,
        otel.kind = "server"
    );
    telemetry::adopt_headers(&span, request.headers());
    let started = Instant::now();
    let response = inside(request).instrument(span.clone()).await;
    let code = response
        .headers()
        .get("grpc-status")
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    span.record("rpc.code", i32::from(code));
    metrics::answered(part, uri.path(), code_name(code), started.elapsed());
    response
}
