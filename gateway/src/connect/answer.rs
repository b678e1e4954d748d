//! Answers of the services, translated for callers over plain HTTP.

use super::{
    contract::{Codec, Shape},
    envelope::{END, Envelope, Envelopes},
    headers, json, refusal,
    request::StreamFault,
};
use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use payterms_chassis::{body, error::status, layers::INNER_MESSAGE};
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::json;
use std::convert::Infallible;
use tonic::{Code, Status};

/// The answer of a call that was refused before it began.
pub(super) fn refused(status: &Status, codec: Codec, shape: Shape) -> Response {
    match shape {
        Shape::OneMessage => refusal::answer(status),
        Shape::Stream => streamed(HeaderMap::new(), codec, Body::from(end(Some(status), &HeaderMap::new()))),
    }
}

/// Translates an answer with one message; `method` is none where the path names none, which the services refuse.
pub(super) async fn one_message(answer: Response, method: Option<&MethodDescriptor>, codec: Codec) -> Response {
    let (head, mut body) = answer.into_parts();
    let (mut bytes, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) => bytes.extend_from_slice(&data),
            Ok(Err(frame)) => trailers = frame.into_trailers().unwrap_or_default(),
            Err(_) => return refusal::answer(&cut()),
        }
    }
    let status = Status::from_header_map(&head.headers).or_else(|| Status::from_header_map(&trailers)).unwrap_or_else(cut);
    let metadata = headers::to_http(head.headers, &trailers);
    let message = match (status.code(), method) {
        (Code::Ok, Some(method)) => message_of(&bytes).and_then(|message| translated(method, codec, message)),
        (Code::Ok, None) => Err(Box::new(fault())),
        _ => Err(Box::new(status)),
    };
    let mut answer = match message {
        // The body that was read counts against its caller until it is dropped. It is kept until this one is consumed.
        Ok(message) => Response::new(body::holding(Full::new(message), body)),
        Err(status) => refusal::answer(&status),
    };
    if answer.status() == StatusCode::OK {
        let kind = if codec == Codec::Json { "application/json" } else { "application/proto" };
        answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in &metadata {
        answer.headers_mut().append(name, value.clone());
    }
    answer
}

/// Translates an answer that is a stream, or the answer to one.
pub(super) fn stream(answer: Response, method: MethodDescriptor, codec: Codec, fault: StreamFault) -> Response {
    let (head, body) = answer.into_parts();
    let status = Status::from_header_map(&head.headers);
    let metadata = headers::to_http(head.headers, &HeaderMap::new());
    if let Some(status) = fault.status().or(status).filter(|status| status.code() != Code::Ok) {
        return streamed(metadata, codec, Body::from(end(Some(&status), &HeaderMap::new())));
    }
    let frames = stream::unfold(Some((body, Envelopes::default())), move |state| {
        let (method, fault) = (method.clone(), fault.clone());
        async move {
            let (mut body, mut envelopes) = state?;
            let (piece, goes_on) = next(&mut body, &mut envelopes, &method, codec, &fault).await;
            Some((Ok::<_, Infallible>(piece), goes_on.then_some((body, envelopes))))
        }
    });
    streamed(metadata, codec, Body::from_stream(frames))
}

/// The next envelope of a stream, and whether others follow.
async fn next(body: &mut Body, envelopes: &mut Envelopes, method: &MethodDescriptor, codec: Codec, fault: &StreamFault) -> (Bytes, bool) {
    let ended = |status: &Status, trailers: &HeaderMap| {
        let status = fault.status().unwrap_or_else(|| status.clone());
        (end((status.code() != Code::Ok).then_some(&status), trailers), false)
    };
    loop {
        match envelopes.next(INNER_MESSAGE) {
            Ok(Some(envelope)) => {
                return match translated(method, codec, envelope.message) {
                    Ok(message) => (Envelope::wrap(0, &message), true),
                    Err(status) => ended(&status, &HeaderMap::new()),
                };
            }
            Ok(None) => {}
            Err(_) => return ended(&body::too_large(), &HeaderMap::new()),
        }
        match body.frame().await.map(|frame| frame.map(http_body::Frame::into_data)) {
            Some(Ok(Ok(data))) => envelopes.push(&data),
            Some(Ok(Err(frame))) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return ended(&Status::from_header_map(&trailers).unwrap_or_else(cut), &trailers);
            }
            Some(Err(_)) | None => return ended(&cut(), &HeaderMap::new()),
        }
    }
}

/// The last envelope of a stream: its error, if it has one, and its trailers.
fn end(status: Option<&Status>, trailers: &HeaderMap) -> Bytes {
    let mut metadata: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
    for (name, value) in trailers.iter().filter(|(name, _)| !name.as_str().starts_with("grpc-")) {
        if let (Ok(value), Some(values)) = (value.to_str(), metadata.entry(name.as_str()).or_insert_with(|| json!([])).as_array_mut()) {
            values.push(json!(value));
        }
    }
    let mut last = serde_json::Map::new();
    if let Some(status) = status {
        last.insert("error".to_owned(), refusal::object(status));
    }
    if !metadata.is_empty() {
        last.insert("metadata".to_owned(), metadata.into());
    }
    Envelope::wrap(END, serde_json::Value::from(last).to_string().as_bytes())
}

fn streamed(metadata: HeaderMap, codec: Codec, body: Body) -> Response {
    let mut answer = Response::new(body);
    *answer.headers_mut() = metadata;
    let kind = if codec == Codec::Json { "application/connect+json" } else { "application/connect+proto" };
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// The message in the one frame of an answer.
fn message_of(bytes: &[u8]) -> Result<Bytes, Box<Status>> {
    let mut envelopes = Envelopes::default();
    envelopes.push(bytes);
    envelopes.next(INNER_MESSAGE).ok().flatten().map(|envelope| envelope.message).ok_or_else(|| Box::new(fault()))
}

fn translated(method: &MethodDescriptor, codec: Codec, message: Bytes) -> Result<Bytes, Box<Status>> {
    if codec == Codec::Proto {
        return Ok(message);
    }
    let message = DynamicMessage::decode(method.output(), message).map_err(|_| Box::new(fault()))?;
    Ok(json::write(&message).map_err(|_| Box::new(fault()))?.into())
}

fn fault() -> Status {
    tracing::error!("an answer could not be translated");
    status(Code::Internal, "INTERNAL", "A fault of the suite. Retry with the same request id; report it if it lasts.")
}

fn cut() -> Status {
    body::cut("The answer was cut off. Ask again with the same request id.")
}
