//! The bus as the relay of a source uses it: it publishes what no cursor has passed, and moves the
//! cursors over what consumers have acknowledged.
//!
//! A cursor moves only after the inbox has the event, never because the broker has it. So nothing
//! depends on what the broker keeps: a stream that is gone, or has lost something, is made anew and
//! filled from the outbox.

use crate::{
    bus::{
        carrier::{Carried, Carrier},
        nats::{
            message::Message,
            progress::{Acked, Progress},
            streams::{self, Fault, Streams, away},
        },
        outbox::{After, Outbox, Placed},
    },
    flow::background::Beat,
    net::broker::Broker,
    telemetry::metrics,
    wire::error::AppError,
};
use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage, stream::Stream};
use async_trait::async_trait;
use tokio::sync::Mutex;

/// Batches that are published before the consumers are asked again.
const BATCHES: usize = 10;
/// Messages that everybody has received are deleted once there are so many.
const USELESS_MESSAGES: u64 = 500;

/// The bus of one source.
#[derive(Debug)]
pub(crate) struct NatsBus {
    broker: Broker,
    streams: Streams,
    /// What this process knows of the stream; none before it publishes.
    publishing: Mutex<Option<Publishing>>,
}

#[derive(Debug)]
struct Publishing {
    stream: Stream,
    progress: Progress,
    /// Up to where each subscriber had acknowledged everything when it was asked last.
    floors: Vec<u64>,
    /// For each subscriber its cursor, and the greatest sequence of an event for it that the cursor
    /// has passed.
    passed: Vec<(i64, u64)>,
}

impl NatsBus {
    pub(crate) fn new(broker: Broker, source: &'static str) -> Self {
        Self { streams: Streams::new(&broker, source), broker, publishing: Mutex::default() }
    }

    async fn pass(
        &self,
        publishing: &mut Option<Publishing>,
        outbox: &Outbox,
        through: i64,
        beat: Option<&Beat>,
    ) -> Result<Carried, Fault> {
        if !self.broker.is_connected() {
            return Err(Fault::Away("it is not reached".to_owned()));
        }
        let known = match publishing {
            Some(known) => known,
            None => publishing.insert(self.begin(outbox).await?),
        };
        let published = self.publish(known, outbox, through, beat).await?;
        // While nothing is on its way, the broker is not asked: nothing can be lost that somebody
        // has not received.
        if published || !known.progress.all_received(&known.floors) {
            known.ask(outbox).await?;
        }
        let moved = known.move_cursors(outbox).await?;
        known.delete_useless().await?;
        let on_the_way =
            known.progress.published() < through || !known.progress.all_received(&known.floors);
        Ok(Carried { moved, on_the_way, failure: None })
    }

    /// Begins after the least cursor. What another process published of it is known to the broker
    /// by its ids, or is there twice.
    async fn begin(&self, outbox: &Outbox) -> Result<Publishing, Fault> {
        let stream = self.streams.declare(outbox.subscribers()).await?;
        let mut sent = 0;
        for subscriber in outbox.subscribers().keys() {
            sent = streams::floor(&stream, subscriber).await?.sent.max(sent);
        }
        let state = streams::state(&stream).await?;
        if sent > state.last {
            return Err(Fault::Lost(format!(
                "message {sent} was sent to a subscriber, and it ends at {}",
                state.last
            )));
        }
        let cursors = outbox.cursors().await?;
        let least = cursors.values().min().copied().unwrap_or_default();
        tracing::debug!(source = outbox.service(), least, "publishes what comes after");
        let passed = cursors.values().map(|cursor| (*cursor, 0)).collect();
        Ok(Publishing {
            stream,
            progress: Progress::begin(state, least, cursors.len()),
            floors: vec![0; cursors.len()],
            passed,
        })
    }

    /// Publishes what comes next, up to a position. Returns whether there was something.
    async fn publish(
        &self,
        known: &mut Publishing,
        outbox: &Outbox,
        through: i64,
        beat: Option<&Beat>,
    ) -> Result<bool, Fault> {
        let kinds: Vec<_> = outbox.subscribers().values().flatten().cloned().collect();
        for count in 0..BATCHES {
            if let Some(beat) = beat {
                beat.beat();
            }
            let batch =
                outbox.batch(&kinds, After::Position(known.progress.published()), through).await?;
            let Some(last) = batch.last().map(|placed| placed.position) else {
                known.progress.note_published(&[], through).map_err(Fault::Lost)?;
                return Ok(count > 0);
            };
            crate::kill::point("outbox.before_deliver");
            let acked = self.publish_batch(outbox, batch).await?;
            known.progress.note_published(&acked, last).map_err(Fault::Lost)?;
        }
        Ok(true)
    }

    /// Publishes events, and waits until the broker has all of them.
    async fn publish_batch(
        &self,
        outbox: &Outbox,
        batch: Vec<Placed>,
    ) -> Result<Vec<Acked>, Fault> {
        let mut answers = Vec::with_capacity(batch.len());
        for Placed { event, .. } in batch {
            let hears = |(index, kinds): (usize, &Vec<String>)| {
                kinds.contains(&event.aggregate_type).then_some(index)
            };
            let heard_by: Vec<_> =
                outbox.subscribers().values().enumerate().filter_map(hears).collect();
            let message = Message::of(event).map_err(AppError::Fault)?;
            let publish = PublishMessage::build().headers(message.headers).payload(message.payload);
            answers.push((
                heard_by,
                self.streams
                    .jetstream()
                    .send_publish(message.subject, publish)
                    .await
                    .map_err(away)?,
            ));
        }
        let mut acked = Vec::with_capacity(answers.len());
        for (heard_by, answer) in answers {
            let answer = answer.await.map_err(|error| match error.kind() {
                PublishErrorKind::StreamNotFound => Fault::Gone(error.to_string()),
                _ => away(error),
            })?;
            acked.push(Acked { heard_by, sequence: answer.sequence, duplicate: answer.duplicate });
        }
        Ok(acked)
    }
}

impl Publishing {
    /// Asks what the subscribers have acknowledged. The floors are read before the state of the
    /// stream: if that is sound, they are of this stream.
    async fn ask(&mut self, outbox: &Outbox) -> Result<(), Fault> {
        let mut floors = Vec::with_capacity(self.floors.len());
        for subscriber in outbox.subscribers().keys() {
            floors.push(streams::floor(&self.stream, subscriber).await?.acknowledged);
        }
        self.progress.check(streams::state(&self.stream).await?).map_err(Fault::Lost)?;
        self.floors = floors;
        Ok(())
    }

    /// Moves the cursors to what the subscribers have acknowledged. Returns whether one moved over
    /// an event that was for it.
    async fn move_cursors(&mut self, outbox: &Outbox) -> Result<bool, Fault> {
        let mut moved = false;
        for (index, (subscriber, floor)) in
            outbox.subscribers().keys().zip(&self.floors).enumerate()
        {
            let (Some(received), Some(passed)) =
                (self.progress.received(index, *floor), self.passed.get_mut(index))
            else {
                continue;
            };
            if received.0 <= passed.0 {
                continue;
            }
            if received.1 > passed.1 {
                crate::kill::point("outbox.before_mark");
                outbox.move_cursor(subscriber, received.0).await?;
                moved = true;
            } else {
                outbox.pass_over(subscriber, received.0).await?;
            }
            *passed = received;
        }
        Ok(moved)
    }

    /// Deletes messages that everybody has received, once they are many.
    async fn delete_useless(&mut self) -> Result<(), Fault> {
        let useless = self.progress.settle(&self.floors);
        if useless.saturating_sub(self.progress.purged()) >= USELESS_MESSAGES {
            // Noted first: if the answer is lost, the messages are gone all the same.
            self.progress.note_purged(useless);
            self.stream.purge().sequence(useless.saturating_add(1)).await.map_err(away)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Carrier for NatsBus {
    async fn carry(&self, outbox: &Outbox, through: i64, beat: Option<&Beat>) -> Carried {
        if outbox.subscribers().is_empty() {
            return Carried::default();
        }
        let mut publishing = self.publishing.lock().await;
        let fault = match self.pass(&mut publishing, outbox, through, beat).await {
            Ok(carried) => return carried,
            Err(fault) => fault,
        };
        let fault = match fault {
            Fault::Lost(why) => {
                tracing::warn!(
                    source = outbox.service(),
                    why,
                    "the stream has lost events; it is made anew and filled from the outbox"
                );
                metrics::stream_refilled(outbox.service());
                *publishing = None;
                self.streams.delete().await.err().unwrap_or(Fault::Lost(why))
            }
            Fault::Gone(why) => {
                tracing::warn!(
                    source = outbox.service(),
                    why,
                    "the stream is gone; it is made and filled from the outbox"
                );
                metrics::stream_refilled(outbox.service());
                *publishing = None;
                Fault::Gone(why)
            }
            other => other,
        };
        Carried { failure: Some(fault.into()), on_the_way: true, moved: false }
    }

    async fn hand_over(&self) {
        *self.publishing.lock().await = None;
    }
}
