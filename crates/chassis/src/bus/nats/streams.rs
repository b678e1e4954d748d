//! The streams and consumers on the broker, as the source of the events declares them.

use crate::wire::error::{AppError, not_yet};
use crate::{bus::nats::progress::StreamState, net::broker::Broker};
use async_nats::jetstream::{
    Context, ErrorCode,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
    context::{ConsumerInfoErrorKind, GetStreamErrorKind},
    stream::{self, DiscardPolicy, RetentionPolicy, StorageType, Stream},
};
use payterms_kernel::{Clock, Reason, SystemClock};
use std::{collections::BTreeMap, time::Duration};

/// How far back the broker knows the ids of messages. What is published again later is on the
/// stream twice, and applied once.
const DUPLICATES_WITHIN: Duration = Duration::from_mins(10);
/// How long a subscriber may take for a message before another replica of it gets it.
const ACK_WITHIN: Duration = Duration::from_secs(5);
/// Messages of one subscriber under way at once.
const MOST_UNDER_WAY: i64 = 1_000;

/// Why the broker did not do what was asked.
#[derive(Debug)]
pub(super) enum Fault {
    /// It does not answer, or not well. What it had it may still have.
    Away(String),
    /// The stream or a consumer is not there.
    Gone(String),
    /// The stream has lost events that it had taken. It is made anew, since what its consumers say
    /// is not of what is on it.
    Lost(String),
    /// The outbox could not be read, or an event not be sent.
    Outbox(AppError),
}

impl From<AppError> for Fault {
    fn from(error: AppError) -> Self {
        Self::Outbox(error)
    }
}

impl From<Fault> for AppError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Away(why) => {
                not_yet(Reason::UNAVAILABLE, &format!("The broker does not take events: {why}."))
            }
            Fault::Gone(why) => {
                not_yet(Reason::UNAVAILABLE, &format!("The stream is not on the broker: {why}."))
            }
            Fault::Lost(why) => {
                not_yet(Reason::UNAVAILABLE, &format!("The stream has lost events: {why}."))
            }
            Fault::Outbox(error) => error,
        }
    }
}

/// The subject of the events of a type of aggregate.
pub(super) fn subject(source: &str, kind: &str) -> String {
    format!("payterms.events.{source}.{kind}")
}

/// The name of the stream of a source.
pub(super) fn stream_name(source: &str) -> String {
    format!("payterms-{source}")
}

/// The stream of one source.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    jetstream: Context,
    source: &'static str,
    replicas: usize,
}

/// The broker did not answer, or with what says nothing of its streams.
pub(super) fn away(error: impl std::fmt::Display) -> Fault {
    Fault::Away(error.to_string())
}

impl Streams {
    pub(super) fn new(broker: &Broker, source: &'static str) -> Self {
        Self { jetstream: broker.jetstream(), source, replicas: broker.replicas() }
    }

    pub(super) fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// The stream, made if it is not there, with a consumer for each subscriber. The consumers are
    /// declared before anything is published, and begin at the first message: whatever is on the
    /// stream is for them.
    pub(super) async fn declare(
        &self,
        subscribers: &BTreeMap<String, Vec<String>>,
    ) -> Result<Stream, Fault> {
        let name = stream_name(self.source);
        let stream = match self.jetstream.get_stream(&name).await {
            Ok(stream) => self.with_replicas(stream).await?,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(cause)
                    if cause.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    tracing::info!(name, "the stream is made");
                    self.jetstream.create_stream(self.config(name)).await.map_err(away)?
                }
                _ => return Err(away(error)),
            },
        };
        for (subscriber, kinds) in subscribers {
            stream.create_consumer(self.consumer(subscriber, kinds)).await.map_err(away)?;
        }
        Ok(stream)
    }

    /// A stream keeps its messages on as many servers as was asked for last.
    async fn with_replicas(&self, stream: Stream) -> Result<Stream, Fault> {
        let config = stream.cached_info().config.clone();
        if config.num_replicas != self.replicas {
            self.jetstream
                .update_stream(stream::Config { num_replicas: self.replicas, ..config })
                .await
                .map_err(away)?;
        }
        Ok(stream)
    }

    /// Sequences begin at the present time in microseconds, so no two streams of one name give the
    /// same: an acknowledgement that comes late means nothing to the next one.
    fn config(&self, name: String) -> stream::Config {
        stream::Config {
            name,
            description: Some(format!(
                "Events of the {} for other services of Payterms",
                self.source
            )),
            subjects: vec![subject(self.source, ">")],
            retention: RetentionPolicy::Limits,
            // A stream that is full refuses; it must not drop what somebody has not received.
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas: self.replicas,
            duplicate_window: DUPLICATES_WITHIN,
            deny_delete: true,
            first_sequence: u64::try_from(SystemClock.now().timestamp_micros()).ok(),
            ..stream::Config::default()
        }
    }

    fn consumer(&self, subscriber: &str, kinds: &[String]) -> pull::Config {
        pull::Config {
            durable_name: Some(subscriber.to_owned()),
            description: Some(format!("The inbox of the {subscriber}")),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WITHIN,
            max_ack_pending: MOST_UNDER_WAY,
            filter_subjects: kinds.iter().map(|kind| subject(self.source, kind)).collect(),
            ..pull::Config::default()
        }
    }

    /// Deletes the stream with all its consumers.
    pub(super) async fn delete(&self) -> Result<(), Fault> {
        self.jetstream.delete_stream(stream_name(self.source)).await.map_err(away)?;
        Ok(())
    }
}

/// The present state of a stream.
pub(super) async fn state(stream: &Stream) -> Result<StreamState, Fault> {
    let info = stream.get_info().await.map_err(away)?;
    Ok(StreamState {
        created: info.created.unix_timestamp_nanos(),
        first: info.state.first_sequence,
        last: info.state.last_sequence,
    })
}

/// How far the consumer of a subscriber is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    /// The last sequence that was sent to the subscriber.
    pub sent: u64,
    /// Up to here it has acknowledged everything.
    pub acknowledged: u64,
}

/// How far the consumer of a subscriber is.
pub(super) async fn floor(stream: &Stream, subscriber: &str) -> Result<Floor, Fault> {
    let info = stream.consumer_info(subscriber).await.map_err(|error| match error.kind() {
        ConsumerInfoErrorKind::NotFound | ConsumerInfoErrorKind::StreamNotFound => {
            Fault::Gone(error.to_string())
        }
        _ => away(error),
    })?;
    Ok(Floor { sent: info.delivered.stream_sequence, acknowledged: info.ack_floor.stream_sequence })
}

/// The consumer of a subscriber, once the source has declared it.
pub(super) async fn consumer_of(
    jetstream: &Context,
    source: &str,
    subscriber: &str,
) -> Result<PullConsumer, String> {
    jetstream
        .get_consumer_from_stream(subscriber, stream_name(source))
        .await
        .map_err(|error| error.to_string())
}
