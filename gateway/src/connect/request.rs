//! The message of a call over plain HTTP, translated into the one that the services take.

use super::{
    apart,
    contract::{Codec, Shape},
    envelope::{Envelope, Envelopes},
    json,
};
use axum::{body::Body, extract::Request};
use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body_util::{BodyExt, Full};
use payterms_chassis::{
    body::{self, Small},
    call::Caller,
    error::status,
};
use payterms_kernel::Reason;
use prost::Message;
use prost_reflect::{MessageDescriptor, MethodDescriptor, Value};
use std::{
    io,
    sync::{Arc, OnceLock},
};
use tonic::{Code, Status};
use uuid::Uuid;

/// A message as JSON is longer than as protobuf: numbers are text, bytes are base64, fields have
/// names.
pub(crate) const JSON_IS_LONGER: usize = 2;
/// The longest message of a stream of messages, as it comes. Such messages are records, which are
/// short, so a stream needs no memory that would have to be counted.
const OF_STREAM: usize = 64 << 10;
/// The length of a UUID as text. Without its hyphens it could be any digest.
const UUID_LENGTH: usize = 36;
/// The namespace of the request ids that are made of an `Idempotency-Key`.
const KEYS: Uuid = Uuid::from_u128(0x7061_7974_6572_6d73_8b65_7973_0000_0001);

const NO_MESSAGE: &str = "The bytes are not the message that the method takes.";

/// The start of every request that has an id.
#[derive(Clone, PartialEq, Message)]
struct Identified {
    #[prost(string, tag = "1")]
    request_id: String,
}

/// How the message of a call came.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    method: MethodDescriptor,
    codec: Codec,
    shape: Shape,
    key: Option<String>,
}

/// What was wrong with a stream of messages. The stream itself can only be cut; the answer says
/// why.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamFault(Arc<OnceLock<Status>>);

impl StreamFault {
    pub(crate) fn status(&self) -> Option<Status> {
        self.0.get().cloned()
    }
}

impl Incoming {
    pub(super) fn new(
        method: MethodDescriptor,
        codec: Codec,
        shape: Shape,
        key: Option<String>,
    ) -> Self {
        Self { method, codec, shape, key }
    }

    /// How long the message may be as it comes, where the services take one of `most` bytes.
    pub(crate) fn longest(request: &Request, most: usize) -> usize {
        match request.extensions().get::<Self>() {
            Some(Self { codec: Codec::Json, .. }) => most.saturating_mul(JSON_IS_LONGER),
            _ => most,
        }
    }

    /// Translates the message of a request that was received whole. A request without an
    /// [`Incoming`] is left as it is.
    ///
    /// # Errors
    /// `MALFORMED_MESSAGE`, `MESSAGE_TOO_LARGE`, or a fault of the key.
    pub(crate) async fn translate(
        mut request: Request,
        most: usize,
        caller: &Caller,
    ) -> Result<Request, Box<Status>> {
        let Some(incoming) = request.extensions_mut().remove::<Self>() else { return Ok(request) };
        let small = request.extensions_mut().remove::<Small>();
        let (mut head, mut body) = request.into_parts();
        let bytes = match small {
            Some(Small(bytes)) => bytes,
            None => collected(&mut body).await?,
        };
        let who = format!(
            "{}\u{1f}{}",
            caller.tenant.as_ref().map(ToString::to_string).unwrap_or_default(),
            caller.subject
        );
        let message = apart::translate(bytes.len(), move || incoming.message(&bytes, &who)).await?;
        if message.len() > most {
            return Err(Box::new(body::too_large()));
        }
        let framed = Envelope::wrap(0, &message);
        if framed.len() <= apart::SHORT {
            // Kept like any small message, so that the call can be repeated where a copy was
            // behind.
            head.extensions.insert(Small(framed.clone()));
            return Ok(Request::from_parts(head, Body::from(framed)));
        }
        // The body that was read holds the permits of its memory. They are kept until this one is
        // consumed.
        Ok(Request::from_parts(head, body::holding(Full::new(framed), body)))
    }

    /// A stream of messages, translated as it comes.
    pub(super) fn stream(self, body: Body, fault: StreamFault) -> Body {
        let state = (body, Envelopes::default(), self.method.input(), self.codec, fault);
        Body::from_stream(stream::try_unfold(
            state,
            async |(mut body, mut envelopes, kind, codec, fault)| {
                let wrong = |status: Box<Status>| {
                    let _ = fault.0.set(*status);
                    io::Error::other("the stream is malformed")
                };
                loop {
                    // The flags first: what has no envelope is not called too long.
                    envelopes.flags().map_or(Ok(()), allowed).map_err(wrong)?;
                    let envelope =
                        envelopes.next(OF_STREAM).map_err(|_| wrong(Box::new(long_in_stream())))?;
                    if let Some(envelope) = envelope {
                        let message = uncompressed(envelope)
                            .and_then(|message| proto(&kind, codec, &message))
                            .map_err(wrong)?;
                        return Ok(Some((
                            Envelope::wrap(0, &message),
                            (body, envelopes, kind, codec, fault),
                        )));
                    }
                    match body.frame().await {
                        Some(Ok(frame)) => {
                            envelopes.push(frame.data_ref().map_or(&[], Bytes::as_ref));
                        }
                        Some(Err(error)) => {
                            return Err(wrong(Box::new(body::broken(
                                &error,
                                "The stream was cut off. Send what is left again.",
                            ))));
                        }
                        None if envelopes.is_empty() => return Ok(None),
                        None => {
                            return Err(wrong(Box::new(malformed(
                                "The stream ends within a message.",
                            ))));
                        }
                    }
                }
            },
        ))
    }

    /// The message in protobuf, with its request id.
    fn message(&self, bytes: &[u8], who: &str) -> Result<Bytes, Box<Status>> {
        let kind = self.method.input();
        let bytes = match self.shape {
            Shape::OneMessage => Bytes::copy_from_slice(bytes),
            Shape::Stream => only_one(bytes)?,
        };
        let Some((key, field)) = self.key.as_ref().zip(kind.get_field_by_name("request_id")) else {
            return proto(&kind, self.codec, &bytes);
        };
        if self.codec == Codec::Json {
            let mut message = json::read(&kind, &bytes)?;
            let given = message.get_field(&field).as_str().unwrap_or_default().to_owned();
            message.set_field(&field, Value::String(self.request_id(key, &given, who)?));
            return Ok(message.encode_to_vec().into());
        }
        // Protobuf is not unpacked, which would take many times its length. Of two values of a
        // field the last one counts.
        let given =
            Identified::decode(bytes.clone()).map_err(|_| Box::new(malformed(NO_MESSAGE)))?;
        let id = Identified { request_id: self.request_id(key, &given.request_id, who)? };
        Ok([&bytes[..], &id.encode_to_vec()].concat().into())
    }

    /// The request id that an `Idempotency-Key` stands for: itself where it is a UUID, else one
    /// made of it, of the caller and of the method, so that a key means something for one caller
    /// and one method only.
    fn request_id(&self, key: &str, given: &str, who: &str) -> Result<String, Box<Status>> {
        let uuid = Uuid::try_parse(key).ok().filter(|_| key.len() == UUID_LENGTH);
        let id = uuid
            .unwrap_or_else(|| {
                Uuid::new_v5(&KEYS, [who, self.method.full_name(), key].join("\u{1f}").as_bytes())
            })
            .to_string();
        if !given.is_empty() && !given.eq_ignore_ascii_case(&id) {
            let text = "Idempotency-Key and request_id differ. Send one of them.";
            return Err(Box::new(status(Code::InvalidArgument, Reason::REQUEST_ID_INVALID, text)));
        }
        Ok(id)
    }
}

async fn collected(body: &mut Body) -> Result<Bytes, Box<Status>> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Box::new(body::broken(
                &error,
                "The request was cut off. Send it again with the same request id.",
            ))
        })?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[], Bytes::as_ref));
    }
    Ok(bytes.freeze())
}

/// The one message of a call that answers a stream.
fn only_one(bytes: &[u8]) -> Result<Bytes, Box<Status>> {
    let mut envelopes = Envelopes::default();
    envelopes.push(bytes);
    match envelopes.next(bytes.len()) {
        Ok(Some(envelope)) if envelopes.is_empty() => uncompressed(envelope),
        _ => Err(Box::new(malformed(
            "Send one message in one envelope: a byte of flags, its length in four bytes, the message.",
        ))),
    }
}

fn uncompressed(envelope: Envelope) -> Result<Bytes, Box<Status>> {
    allowed(envelope.flags).map(|()| envelope.message)
}

fn allowed(flags: u8) -> Result<(), Box<Status>> {
    match flags {
        0 => Ok(()),
        1 => Err(Box::new(malformed(
            "Compressed messages are not taken over plain HTTP. Send it as it is.",
        ))),
        _ => Err(Box::new(malformed(
            "Send each message in an envelope: a byte of flags, which is 0, its length in four bytes, the message.",
        ))),
    }
}

fn malformed(text: &str) -> Status {
    status(Code::InvalidArgument, Reason::MALFORMED_MESSAGE, text)
}

fn long_in_stream() -> Status {
    let text = "A message of the stream is longer than 64 KiB. Send shorter ones.";
    status(Code::ResourceExhausted, Reason::MESSAGE_TOO_LARGE, text)
}

/// A message in protobuf. Protobuf is passed on unread: the service decodes it.
fn proto(kind: &MessageDescriptor, codec: Codec, bytes: &Bytes) -> Result<Bytes, Box<Status>> {
    match codec {
        Codec::Json => Ok(json::read(kind, bytes)?.encode_to_vec().into()),
        Codec::Proto => Ok(bytes.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Incoming, StreamFault};
    use crate::connect::{
        contract::{self, Codec, Shape},
        json,
    };
    use axum::body::Body;
    use http_body_util::BodyExt;
    use payterms_proto::wallet::v1::PostDebitRequest;
    use prost::Message;
    use prost_reflect::Kind;

    fn request_id(key: &str, json: &str, who: &str) -> Result<String, String> {
        let method = contract::method("/payterms.wallet.v1.PostingService/PostDebit").unwrap();
        let of = |codec, bytes: &[u8]| {
            let incoming =
                Incoming::new(method.clone(), codec, Shape::OneMessage, Some(key.to_owned()));
            let message =
                incoming.message(bytes, who).map_err(|status| status.message().to_owned())?;
            Ok(PostDebitRequest::decode(message).unwrap())
        };
        let in_json = of(Codec::Json, json.as_bytes());
        let same = json::read(&method.input(), json.as_bytes()).unwrap().encode_to_vec();
        assert_eq!(in_json, of(Codec::Proto, &same), "protobuf is treated alike");
        in_json.map(|message| message.request_id)
    }

    #[test]
    fn a_key_is_a_request_id() {
        let uuid = "0199f000-0000-7000-8000-00000000000a";
        assert_eq!(request_id(uuid, "{}", "a").unwrap(), uuid);
        assert_eq!(
            request_id(&uuid.to_uppercase(), &format!(r#"{{"requestId":"{uuid}"}}"#), "a").unwrap(),
            uuid
        );
        assert!(
            request_id(uuid, r#"{"requestId":"0199f000-0000-7000-8000-00000000000b"}"#, "a")
                .is_err()
        );
        let made = request_id("order 7", r#"{"wallet":"w"}"#, "a").unwrap();
        assert_eq!(made, request_id("order 7", "{}", "a").unwrap());
        assert_ne!(
            made,
            request_id("order 7", "{}", "b").unwrap(),
            "another caller's key is another key"
        );
        assert_ne!(made, request_id("order 8", "{}", "a").unwrap());
    }

    #[tokio::test]
    async fn what_has_no_envelope_is_told_so() {
        let method =
            contract::method("/payterms.wallet.v1.UsageService/RecordUsageStream").unwrap();
        let refused = async |body: &[u8]| {
            let fault = StreamFault::default();
            let incoming = Incoming::new(method.clone(), Codec::Json, Shape::Stream, None);
            let body = incoming.stream(Body::from(body.to_vec()), fault.clone());
            assert!(body.collect().await.is_err());
            fault.status().unwrap().message().to_owned()
        };
        assert!(refused(br#"{"requestId":"7"}"#).await.contains("in an envelope"));
        assert!(refused(b"\x01\0\0\0\x02{}").await.contains("Compressed"));
        assert!(refused(b"\0\x7f\0\0\0{}").await.contains("longer than 64 KiB"));
        assert!(refused(b"\0\0\0\0\x02{").await.contains("ends within"));
    }

    #[test]
    fn a_digest_is_no_uuid() {
        let uuid = "0199f000-0000-7000-8000-00000000000a";
        for digest in [
            uuid.replace('-', ""),
            format!("{{{uuid}}}"),
            format!("urn:uuid:{uuid}"),
            "d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        ] {
            let of = |who| request_id(&digest, "{}", who).unwrap();
            assert_ne!(of("a"), of("b"), "{digest} is its caller's own");
        }
    }

    #[test]
    fn every_request_id_is_the_first_field_of_its_request() {
        let services = contract::files().flat_map(|file| file.services().collect::<Vec<_>>());
        let requests = services
            .flat_map(|service| service.methods().map(|method| method.input()).collect::<Vec<_>>());
        let fields: Vec<_> =
            requests.filter_map(|request| request.get_field_by_name("request_id")).collect();
        assert!(fields.len() > 50);
        for field in fields {
            assert!(
                field.number() == 1 && matches!(field.kind(), Kind::String),
                "{}",
                field.full_name()
            );
        }
    }
}
