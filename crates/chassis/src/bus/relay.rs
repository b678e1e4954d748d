//! The relay: assigns positions to committed outbox rows and delivers them to the services that subscribe to them.
//!
//! Ids of rows are given at the insert, so they are not in commit order: a reader that remembers the last id could skip a row
//! whose transaction commits later. Positions are therefore assigned after the commit, by one relay at a time.

use crate::{
    bus::{inbox::MOST_EVENTS, peers::Peers},
    db::{
        Db,
        rows::{Kind, Rows},
        sql,
        transaction::Transaction,
    },
    flow::{Leases, background::Beat},
    wire::{call::Caller, error::AppError, render::timestamp},
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::{
    peers::v1::{DeliverRequest, inbox_service_client::InboxServiceClient},
    v1::Event,
};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{Mutex, OnceCell, watch};
use tokio_util::sync::CancellationToken;

/// Events whose positions are assigned in one transaction. The bound keeps it short; the rest follow after their delivery.
const POSITIONS_AT_ONCE: i64 = 2_000;
/// How many events a subscriber's cursor may lag if none of them is for that subscriber. Moving the cursor less often saves
/// writes; the price is that the rows in between are scanned again.
const CURSOR_LAG: i64 = 250;
/// How long the lease is trusted without a look at its row. Shorter than the lease lasts, so two relays never overlap.
const LEASE_TRUSTED_FOR: TimeDelta = TimeDelta::seconds(2);
/// Bytes of events in one call, well below the largest message between services. A single larger event goes by itself.
const BATCH_BYTES: usize = 1 << 20;

/// Delivers a service's events to their subscribers.
#[derive(Debug, Clone)]
pub struct Relay {
    db: Db,
    peers: Peers,
    leases: Leases,
    subscribers: Arc<BTreeMap<String, Vec<String>>>,
    progress: Arc<Mutex<Progress>>,
    cursors_exist: Arc<OnceCell<()>>,
    /// The last position that this process has assigned.
    placed: Arc<watch::Sender<i64>>,
}

/// The progress that this process remembers between two passes, to save reads.
#[derive(Debug, Default)]
struct Progress {
    /// When the lease was last acquired or renewed.
    leased: Option<DateTime<Utc>>,
    /// The last written cursor of each subscriber.
    cursors: BTreeMap<String, i64>,
}

/// A subscriber and the types of aggregate whose events it receives.
#[derive(Clone, Copy)]
struct Subscription<'a> {
    subscriber: &'a str,
    kinds: &'a [String],
}

impl Relay {
    pub(crate) fn new(db: Db, peers: Peers, leases: Leases, subscribers: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            db,
            peers,
            leases,
            subscribers: Arc::new(subscribers),
            progress: Arc::default(),
            cursors_exist: Arc::default(),
            placed: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Tells whenever this process has assigned positions. Another replica may assign some without it.
    pub(crate) fn placed(&self) -> watch::Receiver<i64> {
        self.placed.subscribe()
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        loop {
            beat.beat();
            let committed = self.db.committed.clone();
            let pumped = self.pump_beating(Some(&beat)).await;
            if let Err(error) = &pumped {
                tracing::debug!(%error, "events wait");
            }
            self.db.health().note("relay", pumped.err().map(|error| format!("events wait: {error}")));
            tokio::select! {
                () = stop.cancelled() => {
                    if let Err(error) = self.leases.release_singleton("relay").await {
                        tracing::debug!(%error, "the relay's lease runs out by itself");
                    }
                    return;
                }
                () = committed.notified() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// Delivers all committed events and returns how many there were.
    ///
    /// # Errors
    /// The error of the last subscriber that did not answer. The other subscribers have received their events.
    pub(crate) async fn pump(&self) -> Result<u64, AppError> {
        self.pump_beating(None).await
    }

    /// As [`Self::pump`], with a heartbeat between deliveries: a long backlog must not pass for a task that hangs.
    async fn pump_beating(&self, beat: Option<&Beat>) -> Result<u64, AppError> {
        // One pass at a time, held through the whole pass: two would deliver the same events.
        let mut progress = self.progress.lock().await;
        if !self.leads(&mut progress).await? {
            return Ok(0);
        }
        self.cursors_exist.get_or_try_init(|| self.ensure_cursors()).await?;
        let mut delivered = 0;
        let mut failed = Ok(());
        let mut more = true;
        while more && failed.is_ok() {
            let through;
            (through, more) = self.assign_positions().await?;
            for (subscriber, kinds) in self.subscribers.iter() {
                match self.deliver_to(&mut progress, Subscription { subscriber, kinds }, through, beat).await {
                    Ok(count) => delivered += count,
                    Err(error) => failed = Err(error),
                }
            }
        }
        failed.map(|()| delivered)
    }

    /// Whether this process holds the relay's lease, so that the other replicas do not deliver.
    async fn leads(&self, progress: &mut Progress) -> Result<bool, AppError> {
        let now = self.db.clock().now();
        if !progress.leased.is_some_and(|at| (TimeDelta::zero()..LEASE_TRUSTED_FOR).contains(&(now - at))) {
            progress.leased = self.leases.hold_singleton("relay").await?.then_some(now);
        }
        Ok(progress.leased.is_some())
    }

    /// Gives every subscriber a cursor at the start. Housekeeping deletes events below the least cursor, so one that is missing would lose events.
    async fn ensure_cursors(&self) -> Result<(), AppError> {
        let txn = self.db.transaction().await?;
        let insert = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        for subscriber in self.subscribers.keys().map(String::as_str).chain([""]) {
            sql::exec(&txn, insert, vec![subscriber.into()]).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// A transaction that need not be durable at once, which saves an fsync. If a crash loses it, positions are assigned and
    /// events delivered again, and the inbox of the subscriber skips duplicates. Other readers of positions wait until those
    /// are durable (`log_head`). Where standbys confirm commits, these wait too: a standby that takes over without positions that a
    /// reader has seen would give them to other events.
    async fn transaction(&self) -> Result<Transaction, AppError> {
        let txn = self.db.transaction().await?;
        if txn.get_database_backend() == DbBackend::Postgres {
            let relax = "SELECT set_config('synchronous_commit', 'off', true) WHERE current_setting('synchronous_standby_names') = ''";
            sql::one(&txn, relax, vec![]).await?;
        }
        Ok(txn)
    }

    /// Assigns positions to committed events. Returns the last position, and whether more events may need one.
    async fn assign_positions(&self) -> Result<(i64, bool), AppError> {
        let txn = self.transaction().await?;
        let lock = if txn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
        let last = sql::one(&txn, &format!("SELECT position FROM outbox_cursors WHERE subscriber = ''{lock}"), vec![]).await?;
        let last: i64 = last.map(|row| row.try_get("", "position")).transpose()?.unwrap_or_default();
        // The rows are updated by their ids. PostgreSQL would plan a join with the rows without a position from statistics that
        // are always out of date here, and read the whole table.
        let select = "SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT $1";
        let without_position = sql::all(&txn, select, vec![POSITIONS_AT_ONCE.into()]).await?;
        if without_position.is_empty() {
            return Ok((last, false));
        }
        let more = i64::try_from(without_position.len()) == Ok(POSITIONS_AT_ONCE);
        let mut next = last;
        let mut positions = Rows::new([("id", Kind::Number), ("position", Kind::Number)]);
        for row in without_position {
            next = next.saturating_add(1);
            positions.push([row.try_get::<i64>("", "id")?.into(), next.into()]);
        }
        positions.update(&txn, "outbox", 1).await?;
        sql::exec(&txn, "UPDATE outbox_cursors SET position = $1 WHERE subscriber = ''", vec![next.into()]).await?;
        txn.commit().await?;
        self.placed.send_replace(next);
        crate::kill::point("outbox.after_positions");
        Ok((next, more))
    }

    async fn deliver_to(
        &self,
        progress: &mut Progress,
        subscription: Subscription<'_>,
        through: i64,
        beat: Option<&Beat>,
    ) -> Result<u64, AppError> {
        let Subscription { subscriber, kinds } = subscription;
        let mut delivered = 0;
        loop {
            if let Some(beat) = beat {
                beat.beat();
            }
            let (events, last) = self.next_batch(subscriber, kinds, through).await?;
            if events.is_empty() {
                // No event up to `through` is for this subscriber, so later scans may start after it.
                if progress.cursors.get(subscriber).is_none_or(|cursor| through - cursor >= CURSOR_LAG) {
                    self.move_cursor(progress, subscriber, through).await?;
                }
                return Ok(delivered);
            }
            delivered += events.len() as u64;
            let Some(tenant) = events.first().and_then(|event| event.tenant.parse().ok()) else {
                return Err(AppError::Fault("an event without a tenant".to_owned()));
            };
            crate::kill::point("outbox.before_deliver");
            let caller = Caller::service(self.db.service(), &tenant, None);
            let mut client = InboxServiceClient::new(self.peers.channel(subscriber)?);
            client.deliver(self.peers.request(subscriber, &caller, DeliverRequest { events }, Duration::from_secs(10))?).await?;
            crate::kill::point("outbox.before_mark");
            self.move_cursor(progress, subscriber, last).await?;
        }
    }

    /// Moves the cursor of a subscriber, never back: a relay that lost its lease may be late.
    async fn move_cursor(&self, progress: &mut Progress, subscriber: &str, position: i64) -> Result<(), AppError> {
        let upsert = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, $2) ON CONFLICT (subscriber) \
                    DO UPDATE SET position = excluded.position WHERE outbox_cursors.position < excluded.position";
        let txn = self.transaction().await?;
        sql::exec(&txn, upsert, vec![subscriber.into(), position.into()]).await?;
        txn.commit().await?;
        progress.cursors.insert(subscriber.to_owned(), position);
        Ok(())
    }

    async fn next_batch(&self, subscriber: &str, kinds: &[String], through: i64) -> Result<(Vec<Event>, i64), AppError> {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect();
        let select = format!(
            "SELECT event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, position \
             FROM outbox WHERE position > coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $1), 0) \
             AND position <= $3 AND aggregate_type IN ({}) ORDER BY position LIMIT $2",
            kinds.join(", ")
        );
        let rows = sql::all(self.db.system(), &select, vec![subscriber.into(), i64::from(MOST_EVENTS).into(), through.into()]).await?;
        let mut events = Vec::new();
        let mut last = 0;
        let mut size = 0;
        for row in &rows {
            let event = self.event(row)?;
            size += event.data.len();
            if size > BATCH_BYTES && !events.is_empty() {
                break;
            }
            last = row.try_get("", "position")?;
            events.push(event);
        }
        Ok((events, last))
    }

    fn event(&self, row: &QueryResult) -> Result<Event, AppError> {
        let id: uuid::Uuid = row.try_get("", "event_id")?;
        let time: DateTime<Utc> = row.try_get("", "occurred_at")?;
        let data: Vec<u8> = row.try_get("", "data")?;
        Ok(Event {
            id: id.to_string(),
            source: self.db.service().to_owned(),
            r#type: row.try_get("", "event_type")?,
            tenant: row.try_get("", "tenant")?,
            aggregate_type: row.try_get("", "aggregate_type")?,
            aggregate_id: row.try_get("", "aggregate_id")?,
            version: row.try_get("", "version")?,
            time: Some(timestamp(time)),
            trace_parent: row.try_get("", "trace_parent")?,
            snapshot: row.try_get("", "snapshot")?,
            data: data.into(),
        })
    }

    /// How many events of a tenant are not yet delivered, summed over the subscribers.
    pub(crate) async fn pending(&self, tenant: &TenantId) -> Result<i64, AppError> {
        let mut pending = 0;
        for (subscriber, kinds) in self.subscribers.iter() {
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect();
            // Two counts, each served by its own index. One condition with OR would read the whole table.
            let events = format!("SELECT count(*) FROM outbox WHERE tenant = $1 AND aggregate_type IN ({})", kinds.join(", "));
            let count = format!(
                "SELECT ({events} AND position IS NULL) + ({events} AND position > \
                 coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $2), 0)) AS waiting"
            );
            let row = sql::one(self.db.system(), &count, vec![tenant.as_str().into(), subscriber.as_str().into()]).await?;
            pending += row.map(|row| row.try_get::<i64>("", "waiting")).transpose()?.unwrap_or_default();
        }
        Ok(pending)
    }
}
