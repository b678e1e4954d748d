//! An event as a message: a `CloudEvent` in binary mode, whose attributes are headers and whose
//! payload is the event's data.

use crate::bus::nats::streams::subject;
use async_nats::{HeaderMap, HeaderValue};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use payterms_proto::common::v1::Event;
use prost_types::Timestamp;

/// The header by whose value JetStream knows a message again.
const MESSAGE_ID: &str = "Nats-Msg-Id";
/// The trace of the call that caused the event, as W3C names it.
const TRACE: &str = "traceparent";

/// An event as it is published.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    pub subject: String,
    pub headers: HeaderMap,
    pub payload: Bytes,
}

impl Message {
    /// The message of an event.
    ///
    /// # Errors
    /// A sentence if an attribute cannot be a header.
    pub(super) fn of(event: Event) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        let version = event.version.to_string();
        let time = event.time.as_ref().map(written).unwrap_or_default();
        let attributes = [
            // The broker keeps one message of each id, as far back as it remembers.
            (MESSAGE_ID, event.id.as_str()),
            ("ce-specversion", "1.0"),
            ("ce-id", &event.id),
            ("ce-source", &event.source),
            ("ce-type", &event.r#type),
            ("ce-time", &time),
            ("ce-tenant", &event.tenant),
            ("ce-aggregatetype", &event.aggregate_type),
            ("ce-aggregateid", &event.aggregate_id),
            ("ce-aggregateversion", &version),
            ("ce-snapshot", if event.snapshot { "true" } else { "false" }),
            ("content-type", "application/protobuf"),
            (TRACE, &event.trace_parent),
        ];
        for (name, value) in attributes {
            let value: HeaderValue = value
                .parse()
                .map_err(|_| format!("event {}: {value:?} cannot be a header", event.id))?;
            headers.insert(name, value);
        }
        Ok(Self {
            subject: subject(&event.source, &event.aggregate_type),
            headers,
            payload: event.data,
        })
    }
}

/// The event that a message brings.
///
/// # Errors
/// A sentence that names the header that is missing or wrong.
pub(super) fn event(headers: Option<&HeaderMap>, payload: Bytes) -> Result<Event, String> {
    let text =
        |name: &'static str| headers.and_then(|headers| headers.get(name)).map(ToString::to_string);
    let required = |name: &'static str| {
        text(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("it has no header {name}"))
    };
    let version = required("ce-aggregateversion")?;
    Ok(Event {
        id: required("ce-id")?,
        source: required("ce-source")?,
        r#type: required("ce-type")?,
        tenant: required("ce-tenant")?,
        aggregate_type: required("ce-aggregatetype")?,
        aggregate_id: required("ce-aggregateid")?,
        version: version
            .parse()
            .map_err(|_| "its header ce-aggregateversion is no number".to_owned())?,
        time: read(&required("ce-time")?),
        trace_parent: text(TRACE).unwrap_or_default(),
        snapshot: text("ce-snapshot").as_deref() == Some("true"),
        data: payload,
    })
}

fn written(time: &Timestamp) -> String {
    let time = DateTime::from_timestamp(time.seconds, time.nanos.try_into().unwrap_or_default());
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Nanos, true)).unwrap_or_default()
}

fn read(time: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(time)
        .ok()
        .map(|time| crate::wire::render::timestamp(time.with_timezone(&Utc)))
}

#[cfg(test)]
mod tests {
    use super::{Message, event};
    use payterms_proto::common::v1::Event;
    use prost_types::Timestamp;

    fn sample() -> Event {
        Event {
            id: "01993c7a-0000-7000-8000-000000000001".to_owned(),
            source: "wallet".to_owned(),
            r#type: "payterms.wallet.v1.TopUpChanged".to_owned(),
            tenant: "acme".to_owned(),
            aggregate_type: "top_up".to_owned(),
            aggregate_id: "01993c7a-0000-7000-8000-000000000002/2026-11 Zürich".to_owned(),
            version: 7,
            time: Some(Timestamp { seconds: 1_796_000_000, nanos: 123_456_000 }),
            trace_parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
            snapshot: true,
            data: vec![0_u8, 255, 10, 13].into(),
        }
    }

    #[test]
    fn an_event_comes_back_as_it_was_sent() {
        let message = Message::of(sample()).unwrap();
        assert_eq!(message.subject, "payterms.events.wallet.top_up");
        assert_eq!(message.headers.get("Nats-Msg-Id").unwrap().as_str(), sample().id);
        assert_eq!(event(Some(&message.headers), message.payload), Ok(sample()));
        let plain = Event { trace_parent: String::new(), snapshot: false, ..sample() };
        let message = Message::of(plain.clone()).unwrap();
        assert_eq!(event(Some(&message.headers), message.payload), Ok(plain));
    }

    #[test]
    fn what_cannot_be_sent_or_read_is_named() {
        let broken = Event { aggregate_id: "a\r\nb".to_owned(), ..sample() };
        assert!(Message::of(broken).unwrap_err().contains("cannot be a header"));
        assert!(event(None, bytes::Bytes::new()).unwrap_err().contains("ce-aggregateversion"));
        let mut message = Message::of(sample()).unwrap();
        message.headers.insert("ce-tenant", "");
        assert!(event(Some(&message.headers), message.payload).unwrap_err().contains("ce-tenant"));
    }
}
