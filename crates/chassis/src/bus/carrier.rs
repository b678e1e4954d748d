//! What a bus is: the way of events from the outbox of a service to the inboxes of its subscribers.
//! Positions, cursors, the lease of the relay, the inbox, dead letters and snapshots are the same
//! on every bus.

use crate::{
    bus::outbox::{After, Outbox},
    bus::peers::Peers,
    flow::background::Beat,
    wire::{call::Caller, error::AppError},
};
use async_trait::async_trait;
use payterms_proto::common::peers::v1::{DeliverRequest, inbox_service_client::InboxServiceClient};
use std::{fmt::Debug, time::Duration};

/// What one pass of a bus came to.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    /// Whether subscribers were found to have received some.
    pub moved: bool,
    /// Whether events are on their way: it is worth looking again soon.
    pub on_the_way: bool,
    /// The last error. What it did not concern was carried.
    pub failure: Option<AppError>,
}

/// Takes the events of a service to its subscribers.
#[async_trait]
pub(crate) trait Carrier: Debug + Send + Sync {
    /// Takes events up to a position on their way, and moves the cursor of every subscriber over
    /// those that its inbox has received: applied, held back, or set apart as dead letters. Only
    /// the holder of the relay's lease calls it.
    async fn carry(&self, outbox: &Outbox, through: i64, beat: Option<&Beat>) -> Carried;

    /// Forgets what it knows of events on their way: another process carries them from now on.
    async fn hand_over(&self) {}
}

/// Calls the inboxes of the subscribers.
#[derive(Debug)]
pub(crate) struct DirectBus {
    pub(crate) peers: Peers,
}

impl DirectBus {
    async fn deliver_to(
        &self,
        outbox: &Outbox,
        subscriber: &str,
        kinds: &[String],
        through: i64,
        beat: Option<&Beat>,
    ) -> Result<u64, AppError> {
        let mut delivered = 0;
        loop {
            if let Some(beat) = beat {
                beat.beat();
            }
            let batch = outbox.batch(kinds, After::CursorOf(subscriber), through).await?;
            let Some(last) = batch.last().map(|placed| placed.position) else {
                outbox.pass_over(subscriber, through).await?;
                return Ok(delivered);
            };
            delivered += batch.len() as u64;
            let Some(tenant) = batch.first().and_then(|placed| placed.event.tenant.parse().ok())
            else {
                return Err(AppError::Fault("an event without a tenant".to_owned()));
            };
            crate::kill::point("outbox.before_deliver");
            let caller = Caller::service(outbox.service(), &tenant, None);
            let events = batch.into_iter().map(|placed| placed.event).collect();
            let mut client = InboxServiceClient::new(self.peers.channel(subscriber)?);
            client
                .deliver(self.peers.request(
                    subscriber,
                    &caller,
                    DeliverRequest { events },
                    Duration::from_secs(10),
                )?)
                .await?;
            crate::kill::point("outbox.before_mark");
            outbox.move_cursor(subscriber, last).await?;
        }
    }
}

#[async_trait]
impl Carrier for DirectBus {
    async fn carry(&self, outbox: &Outbox, through: i64, beat: Option<&Beat>) -> Carried {
        let mut carried = Carried::default();
        for (subscriber, kinds) in outbox.subscribers() {
            match self.deliver_to(outbox, subscriber, kinds, through, beat).await {
                Ok(count) => carried.moved |= count > 0,
                Err(error) => carried.failure = Some(error),
            }
        }
        carried
    }
}
