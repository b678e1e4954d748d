//! The inbox of a subscriber on the bus: pulls the events that it is for from the stream of each
//! source, hands them to the inbox, and acknowledges what the inbox has. What fails for a passing
//! reason comes again after a pause, from which the broker knows nothing of dead letters: those are
//! the inbox's, as on the direct bus.

use crate::{
    bus::{
        inbox::Inbox,
        nats::{message, streams},
    },
    db::health::Health,
    flow::background::Beat,
    net::broker::Broker,
};
use async_nats::jetstream::{self, AckKind, Context, consumer::PullConsumer};
use futures::{FutureExt, StreamExt};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Messages that one replica holds at once. Those that it does not get done in time another one
/// gets.
const AT_ONCE: usize = 50;
/// How long the broker keeps a request for messages.
const ASKS_FOR: Duration = Duration::from_secs(2);
/// How long an answer to such a request is waited for: longer, so that only a lost one is missed.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// The pause before the broker is asked again after a fault.
const PAUSE: Duration = Duration::from_millis(250);
/// The pauses before an event comes again that could not be applied, by how often it came; then the
/// last one.
const RETRIES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The subscriptions of one service.
#[derive(Debug, Clone)]
pub(crate) struct Subscriber {
    broker: Broker,
    jetstream: Context,
    inbox: Inbox,
    health: Health,
    service: &'static str,
    sources: Vec<String>,
}

impl Subscriber {
    pub(crate) fn new(
        broker: Broker,
        inbox: Inbox,
        health: Health,
        service: &'static str,
        sources: Vec<String>,
    ) -> Self {
        Self { jetstream: broker.jetstream(), broker, inbox, health, service, sources }
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        futures::future::join_all(
            self.sources.iter().map(|source| self.follow(source, &beat, &stop)),
        )
        .await;
        // Acknowledgements that the broker does not get would bring their events again.
        self.broker.flush().await;
        stop.cancelled().await;
    }

    /// Takes the events of one source until the process stops.
    async fn follow(&self, source: &str, beat: &Beat, stop: &CancellationToken) {
        let mut consumer = None;
        while !stop.is_cancelled() {
            beat.beat();
            let away =
                (!self.broker.is_connected()).then(|| "it is not reached; events wait".to_owned());
            self.health.note("broker", away);
            if let Err(error) = self.take(&mut consumer, source, beat, stop).await {
                tracing::debug!(source, error, "no events come");
                consumer = None;
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    /// Asks for events once and applies those that come.
    async fn take(
        &self,
        consumer: &mut Option<PullConsumer>,
        source: &str,
        beat: &Beat,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let known = match consumer {
            Some(known) => known,
            None => {
                consumer.insert(streams::consumer_of(&self.jetstream, source, self.service).await?)
            }
        };
        let fetched = known.batch().max_messages(AT_ONCE).expires(ASKS_FOR).messages().await;
        let mut messages = fetched.map_err(|error| error.to_string())?;
        loop {
            beat.beat();
            let next = tokio::select! {
                // An event that is being applied is not interrupted: only the waiting for one ends
                // here.
                () = stop.cancelled() => {
                    while let Some(Some(Ok(message))) = messages.next().now_or_never() {
                        let _ = message.ack_with(AckKind::Nak(None)).await;
                    }
                    return Ok(());
                }
                next = tokio::time::timeout(ANSWERS_WITHIN, messages.next()) => next,
            };
            match next {
                Ok(Some(Ok(message))) => self.receive(source, &message).await,
                Ok(Some(Err(error))) => return Err(error.to_string()),
                Ok(None) => return Ok(()),
                Err(_) => return Err("no answer in time".to_owned()),
            }
        }
    }

    async fn receive(&self, source: &str, message: &jetstream::Message) {
        let answer = match message::event(message.headers.as_ref(), message.payload.clone()) {
            Ok(event) if event.source == source => {
                match self.inbox.apply_with_successors(event).await {
                    Ok(_) => AckKind::Ack,
                    Err(error) => {
                        let came = message.info().map(|info| info.delivered).unwrap_or_default();
                        let retry = usize::try_from(came.saturating_sub(1))
                            .unwrap_or_default()
                            .min(RETRIES.len() - 1);
                        tracing::debug!(source, %error, came, "an event comes again");
                        AckKind::Nak(RETRIES.get(retry).copied())
                    }
                }
            }
            // No service sends these: somebody else writes to the stream.
            Ok(event) => foreign(source, &format!("its source is {}", event.source)),
            Err(why) => foreign(source, &why),
        };
        if let Err(error) = message.ack_with(answer).await {
            tracing::debug!(source, %error, "an event comes again, since it is not acknowledged");
        }
    }
}

/// A message that is no event of the source.
fn foreign(source: &str, why: &str) -> AckKind {
    tracing::error!(source, why, "a message on the stream is no event; it is passed over");
    AckKind::Term
}
