//! Asks a replica over the health protocol whether calls should be sent to it.

use crate::net::replica::{Lane, Replica};
use axum::body::Body;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Limited};
use prost::Message;
use std::time::Duration;
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
};

/// How long the answer may take. A replica that does not answer in time gets no calls while others
/// do.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
const PATH: &str = "/grpc.health.v1.Health/Check";
/// The frame's head before a message: a flag and the length.
const FRAME_HEAD: usize = 5;
/// More than any answer has.
const LONGEST_ANSWER: usize = 64;

/// Opens the connection to a replica if there is none, and notes whether it is ready for calls.
pub(crate) async fn check(replica: &Replica) {
    let ready = tokio::time::timeout(ANSWERS_WITHIN, is_serving(replica)).await.unwrap_or_default();
    replica.note_ready(ready);
}

async fn is_serving(replica: &Replica) -> bool {
    let head = http::Request::post(PATH)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(());
    let Ok((head, ())) = head.map(http::Request::into_parts) else { return false };
    let Ok(answer) =
        replica.send(Lane::Calls(0), replica.request(&head, Body::from(question()))).await
    else {
        return false;
    };
    let Ok(body) = Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await else {
        return false;
    };
    let bytes = body.to_bytes();
    let answer =
        bytes.get(FRAME_HEAD..).and_then(|message| HealthCheckResponse::decode(message).ok());
    answer.is_some_and(|answer| answer.status() == ServingStatus::Serving)
}

/// The framed question: whether calls should be sent there.
fn question() -> Bytes {
    let message = HealthCheckRequest { service: "readiness".to_owned() }.encode_to_vec();
    let mut bytes = BytesMut::with_capacity(message.len().saturating_add(FRAME_HEAD));
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.len()).unwrap_or_default());
    bytes.put_slice(&message);
    bytes.freeze()
}
