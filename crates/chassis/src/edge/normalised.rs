//! The layer that makes every answer canonical: a panic is a fault, and a status that the transport
//! made gets its details.

use crate::{
    edge::{body, layers::refuse},
    wire::error::{DOMAIN, detailed, status},
};
use axum::{
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use payterms_kernel::Reason;
use std::{collections::HashMap, panic::AssertUnwindSafe, time::Duration};
use tonic::{Code, Status};
use tonic_types::ErrorDetails;

/// Answers a call with a canonical status, whatever happens inside.
pub(super) async fn normalised<F: Future<Output = Response>>(
    request: Request,
    inside: impl FnOnce(Request) -> F,
) -> Response {
    let is_grpc = request
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let uri = request.uri().clone();
    let Ok(response) = AssertUnwindSafe(inside(request)).catch_unwind().await else {
        tracing::error!(path = %uri.path(), "a handler panicked");
        if !is_grpc {
            // A gRPC error has HTTP status 200, which a plain HTTP client would take for success.
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        return refuse(status(
            Code::Internal,
            Reason::INTERNAL,
            "A fault of the suite. Retry with the same request id; report it if it lasts.",
        ));
    };
    match Status::from_header_map(response.headers()) {
        Some(status) if is_grpc && status.code() != Code::Ok && status.details().is_empty() => {
            refuse(canonical(&status))
        }
        _ => response,
    }
}

/// Replaces a status that the transport made without details.
pub(super) fn canonical(bare: &Status) -> Status {
    match bare.code() {
        Code::Unimplemented => status(
            Code::Unimplemented,
            Reason::METHOD_UNKNOWN,
            "There is no such method. Check the name against reflection.",
        ),
        Code::OutOfRange | Code::ResourceExhausted => body::too_large(),
        Code::Cancelled | Code::DeadlineExceeded => deadline_exceeded(),
        Code::Unavailable => {
            let mut details =
                ErrorDetails::with_error_info(Reason::UNAVAILABLE, DOMAIN, HashMap::new());
            details.set_retry_info(Some(Duration::from_millis(500)));
            detailed(
                Code::Unavailable,
                "A part that is needed does not answer. Retry with the same request id.",
                details,
            )
        }
        // Before a handler runs, tonic reports a message that does not decode as INTERNAL. The body
        // had arrived completely.
        _ => status(
            Code::InvalidArgument,
            Reason::MALFORMED_MESSAGE,
            "The bytes are not the message that the method takes.",
        ),
    }
}

/// The status of a call whose time is over.
pub(super) fn deadline_exceeded() -> Status {
    let message = "The time that the caller gave is over. A write may have taken effect: retry with the same request id.";
    status(Code::DeadlineExceeded, Reason::DEADLINE_EXCEEDED, message)
}
