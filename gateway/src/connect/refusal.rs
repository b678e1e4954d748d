//! Refusals as the Connect protocol writes them: JSON with code, message and details, under the
//! status that HTTP has for it.

use super::contract;
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderValue, StatusCode, header};
use payterms_chassis::error;
use payterms_kernel::Reason;
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The name of a code, and the status of HTTP for it.
fn named(code: Code) -> (&'static str, StatusCode) {
    // HTTP has no constant for 499, "client closed request".
    let gone = StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST);
    match code {
        Code::Ok | Code::Unknown => ("unknown", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Cancelled => ("canceled", gone),
        Code::InvalidArgument => ("invalid_argument", StatusCode::BAD_REQUEST),
        Code::DeadlineExceeded => ("deadline_exceeded", StatusCode::GATEWAY_TIMEOUT),
        Code::NotFound => ("not_found", StatusCode::NOT_FOUND),
        Code::AlreadyExists => ("already_exists", StatusCode::CONFLICT),
        Code::PermissionDenied => ("permission_denied", StatusCode::FORBIDDEN),
        Code::ResourceExhausted => ("resource_exhausted", StatusCode::TOO_MANY_REQUESTS),
        Code::FailedPrecondition => ("failed_precondition", StatusCode::BAD_REQUEST),
        Code::Aborted => ("aborted", StatusCode::CONFLICT),
        Code::OutOfRange => ("out_of_range", StatusCode::BAD_REQUEST),
        Code::Unimplemented => ("unimplemented", StatusCode::NOT_IMPLEMENTED),
        Code::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
        Code::DataLoss => ("data_loss", StatusCode::INTERNAL_SERVER_ERROR),
        Code::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED),
    }
}

/// The details of a status, each with its bytes and, for people, as JSON.
fn details(status: &Status) -> Vec<Value> {
    let Ok(whole) = tonic_types::pb::Status::decode(status.details()) else { return Vec::new() };
    let detail = |any: prost_types::Any| {
        let name = any.type_url.rsplit('/').next().unwrap_or_default().to_owned();
        let message = contract::message(&name)
            .and_then(|kind| DynamicMessage::decode(kind, any.value.as_slice()).ok());
        let debug = message.and_then(|message| serde_json::to_value(message).ok());
        json!({ "type": name, "value": STANDARD_NO_PAD.encode(&any.value), "debug": debug })
    };
    whole.details.into_iter().map(detail).collect()
}

/// The error object of a status.
pub(super) fn object(status: &Status) -> Value {
    json!({ "code": named(status.code()).0, "message": status.message(), "details": details(status) })
}

/// The whole answer to a call with one message.
pub(super) fn answer(status: &Status) -> Response {
    let reason = error::reason(status);
    let http = match (status.code(), reason.as_deref().and_then(Reason::named)) {
        (Code::Unimplemented, Some(Reason::METHOD_UNKNOWN)) => StatusCode::NOT_FOUND,
        (Code::Unimplemented, Some(Reason::MALFORMED_MESSAGE)) => {
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        }
        (Code::ResourceExhausted, Some(Reason::MESSAGE_TOO_LARGE)) => StatusCode::PAYLOAD_TOO_LARGE,
        (Code::ResourceExhausted, Some(Reason::METADATA_TOO_LARGE)) => {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        }
        (code, _) => named(code).1,
    };
    let mut answer = (http, axum::Json(object(status))).into_response();
    if http == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let retry = status.get_details_retry_info().and_then(|retry| retry.retry_delay);
    if let Some(delay) = retry {
        // In whole seconds, rounded up.
        let seconds = delay.as_secs().saturating_add(u64::from(delay.subsec_nanos() > 0));
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// The answer to a request that is no call at all.
pub(super) fn plain(http: StatusCode, code: &str, message: &str) -> Response<Body> {
    (http, axum::Json(json!({ "code": code, "message": message }))).into_response()
}
