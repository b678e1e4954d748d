//! Answers of the services, translated for callers over plain HTTP.

use super::{
    apart,
    contract::{Codec, Shape},
    envelope::{END, Envelope, Envelopes},
    headers, json, refusal,
    request::StreamFault,
};
use crate::{
    answer::{cut, too_large},
    limits::{UnderWay, Unread},
};
use axum::{body::Body, response::Response};
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use payterms_chassis::{body, error::status, layers::INNER_MESSAGE};
use payterms_kernel::Reason;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use serde_json::json;
use std::convert::Infallible;
use tonic::{Code, Status};

/// The answer of a call that was refused before it began.
pub(super) fn refused(status: &Status, codec: Codec, shape: Shape) -> Response {
    match shape {
        Shape::OneMessage => refusal::answer(status),
        Shape::Stream => {
            streamed(HeaderMap::new(), codec, Body::from(end(Some(status), &HeaderMap::new())))
        }
    }
}

/// Translates an answer with one message; `method` is none where the path names none, which the
/// services refuse.
pub(super) async fn one_message(
    answer: Response,
    method: Option<MethodDescriptor>,
    codec: Codec,
) -> Response {
    let (mut head, mut body) = answer.into_parts();
    let unread = head.extensions.remove::<Unread>();
    let (mut bytes, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.map(http_body::Frame::into_data) {
            Ok(Ok(data)) if bytes.len().saturating_add(data.len()) > INNER_MESSAGE => {
                return refusal::answer(&too_large());
            }
            Ok(Ok(data)) => bytes.extend_from_slice(&data),
            Ok(Err(frame)) => trailers = frame.into_trailers().unwrap_or_default(),
            Err(_) => return refusal::answer(&cut()),
        }
    }
    let status = Status::from_header_map(&head.headers)
        .or_else(|| Status::from_header_map(&trailers))
        .unwrap_or_else(cut);
    let metadata = headers::to_http(head.headers, &trailers);
    let message = match (status.code(), method) {
        (Code::Ok, Some(method)) => match message_of(&bytes) {
            Ok(message) => translated(method, codec, message, unread.as_ref()).await,
            Err(status) => Err(status),
        },
        (Code::Ok, None) => Err(Box::new(fault())),
        _ => Err(Box::new(status)),
    };
    let mut answer = match message {
        // The body that was read counts against its caller until it is dropped. It is kept until
        // this one is consumed.
        Ok((message, more)) => Response::new(body::holding(Full::new(message), (body, more))),
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
pub(super) fn stream(
    answer: Response,
    method: MethodDescriptor,
    codec: Codec,
    fault: StreamFault,
) -> Response {
    let (mut head, body) = answer.into_parts();
    let unread = head.extensions.remove::<Unread>();
    let status = Status::from_header_map(&head.headers);
    let metadata = headers::to_http(head.headers, &HeaderMap::new());
    if let Some(status) = fault.status().or(status).filter(|status| status.code() != Code::Ok) {
        return streamed(metadata, codec, Body::from(end(Some(&status), &HeaderMap::new())));
    }
    let open =
        Open { body, envelopes: Envelopes::default(), method, codec, fault, unread, held: None };
    let frames = stream::unfold(Some(open), async |open| {
        let mut open = open?;
        let (piece, goes_on) = open.next().await;
        Some((Ok::<_, Infallible>(piece), goes_on.then_some(open)))
    });
    streamed(metadata, codec, Body::from_stream(frames))
}

/// A stream that is being answered.
struct Open {
    body: Body,
    envelopes: Envelopes,
    method: MethodDescriptor,
    codec: Codec,
    fault: StreamFault,
    unread: Option<Unread>,
    /// Counts the last envelope until its caller has read it, which is when the next one is asked
    /// for.
    held: Option<UnderWay>,
}

impl Open {
    /// The next envelope, and whether others follow.
    async fn next(&mut self) -> (Bytes, bool) {
        self.held = None;
        loop {
            match self.envelopes.next(INNER_MESSAGE) {
                Ok(Some(envelope)) => {
                    return match translated(
                        self.method.clone(),
                        self.codec,
                        envelope.message,
                        self.unread.as_ref(),
                    )
                    .await
                    {
                        Ok((message, held)) => {
                            self.held = held;
                            (Envelope::wrap(0, &message), true)
                        }
                        Err(status) => self.ended(&status, &HeaderMap::new()),
                    };
                }
                Ok(None) => {}
                Err(_) => return self.ended(&too_large(), &HeaderMap::new()),
            }
            match self.body.frame().await.map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => self.envelopes.push(&data),
                Some(Ok(Err(frame))) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return self
                        .ended(&Status::from_header_map(&trailers).unwrap_or_else(cut), &trailers);
                }
                Some(Err(_)) | None => return self.ended(&cut(), &HeaderMap::new()),
            }
        }
    }

    fn ended(&self, status: &Status, trailers: &HeaderMap) -> (Bytes, bool) {
        let status = self.fault.status().unwrap_or_else(|| status.clone());
        (end((status.code() != Code::Ok).then_some(&status), trailers), false)
    }
}

/// The last envelope of a stream: its error, if it has one, and its trailers.
fn end(status: Option<&Status>, trailers: &HeaderMap) -> Bytes {
    let mut metadata: serde_json::Map<String, serde_json::Value> = serde_json::Map::new();
    for (name, value) in trailers.iter().filter(|(name, _)| !name.as_str().starts_with("grpc-")) {
        if let (Ok(value), Some(values)) = (
            value.to_str(),
            metadata.entry(name.as_str()).or_insert_with(|| json!([])).as_array_mut(),
        ) {
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
    let kind =
        if codec == Codec::Json { "application/connect+json" } else { "application/connect+proto" };
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// The message in the one frame of an answer.
fn message_of(bytes: &[u8]) -> Result<Bytes, Box<Status>> {
    let mut envelopes = Envelopes::default();
    envelopes.push(bytes);
    envelopes
        .next(INNER_MESSAGE)
        .ok()
        .flatten()
        .map(|envelope| envelope.message)
        .ok_or_else(|| Box::new(fault()))
}

/// A message as its caller reads it, with what counts its length.
async fn translated(
    method: MethodDescriptor,
    codec: Codec,
    message: Bytes,
    unread: Option<&Unread>,
) -> Result<(Bytes, Option<UnderWay>), Box<Status>> {
    if codec == Codec::Proto {
        return Ok((message, None));
    }
    let written = apart::translate(message.len(), move || {
        let message =
            DynamicMessage::decode(method.output(), message).map_err(|_| Box::new(fault()))?;
        Ok(Bytes::from(json::write(&message).map_err(|_| Box::new(fault()))?))
    });
    let written = written.await?;
    let more = unread.map(|unread| unread.count(written.len())).transpose()?.flatten();
    Ok((written, more))
}

fn fault() -> Status {
    tracing::error!("an answer could not be translated");
    status(
        Code::Internal,
        Reason::INTERNAL,
        "A fault of the suite. Retry with the same request id; report it if it lasts.",
    )
}

#[cfg(test)]
mod tests {
    use super::{one_message, stream};
    use crate::{
        connect::{
            contract::{self, Codec},
            envelope::Envelope,
            request::StreamFault,
        },
        limits::{Kind, LimitOptions, Limits, Standing, Unread},
    };
    use axum::{body::Body, response::Response};
    use bytes::Bytes;
    use http::StatusCode;
    use http_body_util::BodyExt;
    use payterms_chassis::call::Caller;
    use payterms_proto::invoicing::v1::{
        Document, DownloadDocumentsResponse, GetMailTemplateResponse, MailTemplate,
    };
    use prost::Message;

    const GET_TEMPLATE: &str = "/payterms.invoicing.v1.MailTemplateService/GetMailTemplate";

    /// The most bytes that a caller may leave unread.
    const MOST: usize = Kind::UnreadBytes.most().of_caller;

    fn unread() -> (Standing, Unread) {
        let caller = Caller::service("a", &"acme".parse().unwrap(), None);
        let standing = Limits::new(&LimitOptions::default()).standing_of(&caller);
        (standing.clone(), Unread::new(standing, 0))
    }

    fn answered(bytes: Body, unread: Unread) -> Response {
        let mut answer = Response::new(bytes);
        answer.headers_mut().insert("grpc-status", "0".parse().unwrap());
        answer.extensions_mut().insert(unread);
        answer
    }

    /// A text that JSON writes with six bytes for one.
    fn growing() -> String {
        "\u{1}".repeat(20_000)
    }

    #[tokio::test]
    async fn an_answer_is_read_to_its_limit() {
        let endless =
            futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from(vec![0; 1 << 20])));
        let answer =
            one_message(Response::new(Body::from_stream(endless)), None, Codec::Json).await;
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn an_answer_counts_as_it_is_written_until_it_is_read() {
        let (standing, unread) = unread();
        let template = MailTemplate { text: growing(), ..MailTemplate::default() };
        let message = GetMailTemplateResponse { mail_template: Some(template) }.encode_to_vec();
        let answer = || {
            one_message(
                answered(Envelope::wrap(0, &message).into(), unread.clone()),
                contract::method(GET_TEMPLATE),
                Codec::Json,
            )
        };
        let written = answer().await;
        assert_eq!(written.status(), StatusCode::OK);
        let rest = MOST - 120_000;
        assert!(standing.begin(Kind::UnreadBytes, rest).is_err(), "what is not read counts");
        assert!(written.into_body().collect().await.unwrap().to_bytes().len() > 120_000);
        let _held = standing.begin(Kind::UnreadBytes, rest).unwrap();
        assert_eq!(answer().await.status(), StatusCode::TOO_MANY_REQUESTS);
    }

    #[tokio::test]
    async fn messages_of_a_stream_count_one_by_one() {
        let (standing, unread) = unread();
        let method =
            contract::method("/payterms.invoicing.v1.DocumentService/DownloadDocuments").unwrap();
        let long = DownloadDocumentsResponse {
            document: Some(Document { file_name: growing(), ..Document::default() }),
        }
        .encode_to_vec();
        let frames = [Envelope::wrap(0, &long), Envelope::wrap(0, &[])].concat();
        let mut answer = answered(Body::from(frames), unread);
        answer.headers_mut().clear();
        let mut body = stream(answer, method, Codec::Json, StreamFault::default()).into_body();
        let mut next = async || body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(next().await.len() > 120_000);
        assert!(standing.begin(Kind::UnreadBytes, MOST).is_err());
        assert_eq!(next().await, Envelope::wrap(0, b"{}"));
        assert!(standing.begin(Kind::UnreadBytes, MOST).is_ok());
        assert!(String::from_utf8_lossy(&next().await).contains("unavailable"), "it has no end");
    }
}
