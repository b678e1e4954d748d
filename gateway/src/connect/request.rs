//! The message of a call over plain HTTP, translated into the one that the services take.

use super::{
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
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, Value};
use std::{
    io,
    sync::{Arc, OnceLock},
};
use tonic::{Code, Status};
use uuid::Uuid;

/// A message as JSON is longer than as protobuf: numbers are text, bytes are base64, fields have names.
pub(crate) const JSON_IS_LONGER: usize = 2;
/// Messages up to this size are translated at once; a longer one would hold up the thread.
const AT_ONCE: usize = 64 << 10;
/// The namespace of the request ids that are made of an `Idempotency-Key`.
const KEYS: Uuid = Uuid::from_u128(0x7061_7974_6572_6d73_8b65_7973_0000_0001);

/// How the message of a call came.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    method: MethodDescriptor,
    codec: Codec,
    shape: Shape,
    key: Option<String>,
}

/// What was wrong with a stream of messages. The stream itself can only be cut; the answer says why.
#[derive(Debug, Clone, Default)]
pub(super) struct StreamFault(Arc<OnceLock<Status>>);

impl StreamFault {
    pub(super) fn status(&self) -> Option<Status> {
        self.0.get().cloned()
    }
}

impl Incoming {
    pub(super) fn new(method: MethodDescriptor, codec: Codec, shape: Shape, key: Option<String>) -> Self {
        Self { method, codec, shape, key }
    }

    /// How long the message may be as it comes, where the services take one of `most` bytes.
    pub(crate) fn longest(request: &Request, most: usize) -> usize {
        match request.extensions().get::<Self>() {
            Some(Self { codec: Codec::Json, .. }) => most.saturating_mul(JSON_IS_LONGER),
            _ => most,
        }
    }

    /// Translates the message of a request that was received whole. A request in gRPC is left as it is.
    ///
    /// # Errors
    /// `MALFORMED_MESSAGE`, `MESSAGE_TOO_LARGE`, or a fault of the key.
    pub(crate) async fn translate(mut request: Request, most: usize, caller: &Caller) -> Result<Request, Box<Status>> {
        let Some(incoming) = request.extensions_mut().remove::<Self>() else { return Ok(request) };
        let small = request.extensions_mut().remove::<Small>();
        let (mut head, mut body) = request.into_parts();
        let bytes = match small {
            Some(Small(bytes)) => bytes,
            None => collected(&mut body).await?,
        };
        let who = format!("{}\u{1f}{}", caller.tenant.as_ref().map(ToString::to_string).unwrap_or_default(), caller.subject);
        let message = if bytes.len() <= AT_ONCE {
            incoming.message(&bytes, &who)?
        } else {
            let translated = tokio::task::spawn_blocking(move || incoming.message(&bytes, &who)).await;
            translated
                .map_err(|_| Box::new(status(Code::Internal, "INTERNAL", "A fault of the suite. Retry with the same request id.")))??
        };
        if message.len() > most {
            return Err(Box::new(body::too_large()));
        }
        let framed = Envelope::wrap(0, &message);
        if framed.len() <= AT_ONCE {
            // Kept like any small message, so that the call can be repeated where a copy was behind.
            head.extensions.insert(Small(framed.clone()));
            return Ok(Request::from_parts(head, Body::from(framed)));
        }
        // The body that was read holds the permits of its memory. They are kept until this one is consumed.
        Ok(Request::from_parts(head, body::holding(Full::new(framed), body)))
    }

    /// A stream of messages, translated as it comes.
    pub(super) fn stream(self, body: Body, fault: StreamFault) -> Body {
        let state = (body, Envelopes::default(), self.method.input(), self.codec, fault);
        Body::from_stream(stream::try_unfold(state, async |(mut body, mut envelopes, kind, codec, fault)| {
            let most = body::MESSAGE.saturating_mul(if codec == Codec::Json { JSON_IS_LONGER } else { 1 });
            let wrong = |status: Box<Status>| {
                let _ = fault.0.set(*status);
                io::Error::other("the stream is malformed")
            };
            loop {
                let envelope = envelopes.next(most).map_err(|_| wrong(Box::new(body::too_large())))?;
                if let Some(envelope) = envelope {
                    let message = uncompressed(envelope).and_then(|message| proto(&kind, codec, &message)).map_err(wrong)?;
                    return Ok(Some((Envelope::wrap(0, &message), (body, envelopes, kind, codec, fault))));
                }
                match body.frame().await {
                    Some(Ok(frame)) => envelopes.push(frame.data_ref().map_or(&[], Bytes::as_ref)),
                    Some(Err(error)) => return Err(io::Error::other(error)),
                    None if envelopes.is_empty() => return Ok(None),
                    None => return Err(wrong(Box::new(malformed("The stream ends within a message.")))),
                }
            }
        }))
    }

    /// The message in protobuf, with its request id.
    fn message(&self, bytes: &[u8], who: &str) -> Result<Bytes, Box<Status>> {
        let kind = self.method.input();
        let bytes = match self.shape {
            Shape::OneMessage => Bytes::copy_from_slice(bytes),
            Shape::Stream => only_one(bytes)?,
        };
        match &self.key {
            None => proto(&kind, self.codec, &bytes),
            Some(key) => {
                let mut message = decoded(&kind, self.codec, &bytes)?;
                self.set_request_id(&mut message, key, who)?;
                Ok(message.encode_to_vec().into())
            }
        }
    }

    /// Sets the request id from the `Idempotency-Key`: itself where it is a UUID, else one made of it, of the caller and of the
    /// method, so that a key means something for one caller and one method only.
    fn set_request_id(&self, message: &mut DynamicMessage, key: &str, who: &str) -> Result<(), Box<Status>> {
        let Some(field) = self.method.input().get_field_by_name("request_id") else { return Ok(()) };
        let id = Uuid::try_parse(key).unwrap_or_else(|_| {
            let name = [who, self.method.full_name(), key].join("\u{1f}");
            Uuid::new_v5(&KEYS, name.as_bytes())
        });
        let (id, given) = (id.to_string(), message.get_field(&field).as_str().unwrap_or_default().to_ascii_lowercase());
        if !given.is_empty() && given != id {
            let text = "Idempotency-Key and request_id differ. Send one of them.";
            return Err(Box::new(status(Code::InvalidArgument, "REQUEST_ID_INVALID", text)));
        }
        message.set_field(&field, Value::String(id));
        Ok(())
    }
}

async fn collected(body: &mut Body) -> Result<Bytes, Box<Status>> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Box::new(body::cut("The request was cut off. Send it again with the same request id.")))?;
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
        _ => Err(Box::new(malformed("Send one message in one envelope: a byte of flags, its length in four bytes, the message."))),
    }
}

fn uncompressed(envelope: Envelope) -> Result<Bytes, Box<Status>> {
    match envelope.flags {
        0 => Ok(envelope.message),
        1 => Err(Box::new(malformed("Compressed messages are not taken over plain HTTP. Send it as it is."))),
        _ => Err(Box::new(malformed("An envelope of a request has the flags 0."))),
    }
}

fn malformed(text: &str) -> Status {
    status(Code::InvalidArgument, "MALFORMED_MESSAGE", text)
}

fn decoded(kind: &MessageDescriptor, codec: Codec, bytes: &[u8]) -> Result<DynamicMessage, Box<Status>> {
    match codec {
        Codec::Json => json::read(kind, bytes),
        Codec::Proto => DynamicMessage::decode(kind.clone(), bytes)
            .map_err(|_| Box::new(malformed("The bytes are not the message that the method takes."))),
    }
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
    use super::Incoming;
    use crate::connect::contract::{self, Codec, Shape};
    use payterms_proto::wallet::v1::PostDebitRequest;
    use prost::Message;

    fn request_id(key: &str, json: &str, who: &str) -> Result<String, String> {
        let method = contract::method("/payterms.wallet.v1.PostingService/PostDebit").unwrap();
        let incoming = Incoming::new(method, Codec::Json, Shape::OneMessage, Some(key.to_owned()));
        let message = incoming.message(json.as_bytes(), who).map_err(|status| status.message().to_owned())?;
        Ok(PostDebitRequest::decode(message).unwrap().request_id)
    }

    #[test]
    fn a_key_is_a_request_id() {
        let uuid = "0199f000-0000-7000-8000-00000000000a";
        assert_eq!(request_id(uuid, "{}", "a").unwrap(), uuid);
        assert_eq!(request_id(&uuid.to_uppercase(), &format!(r#"{{"requestId":"{uuid}"}}"#), "a").unwrap(), uuid);
        assert!(request_id(uuid, r#"{"requestId":"0199f000-0000-7000-8000-00000000000b"}"#, "a").is_err());
        let made = request_id("order 7", "{}", "a").unwrap();
        assert_eq!(made, request_id("order 7", "{}", "a").unwrap());
        assert_ne!(made, request_id("order 7", "{}", "b").unwrap(), "another caller's key is another key");
        assert_ne!(made, request_id("order 8", "{}", "a").unwrap());
    }
}
