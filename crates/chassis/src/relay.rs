//! The relay: gives committed outbox rows their positions and hands them to those who hear them.
//!
//! Row ids are not in commit order, so positions are given after commit, by one relay at a time.

use crate::{
    background::Beat,
    call::Caller,
    db::Db,
    error::AppError,
    flow::Leases,
    inbox::MOST_EVENTS,
    peers::Peers,
    render::timestamp,
    rows::{Kind, Rows},
    sql,
    transaction::Transaction,
};
use chrono::{DateTime, TimeDelta, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::{DeliverRequest, Event, inbox_service_client::InboxServiceClient};
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::{Mutex, OnceCell};
use tokio_util::sync::CancellationToken;

/// Events that get their places at once; those beyond get theirs when these are handed over.
const MOST_PLACED: i64 = 2_000;
/// Positions that a hearer's cursor may lie behind, where nothing there is for it: they are looked through again.
const MOST_BEHIND: i64 = 250;
/// How long the lease is known to be held, of the time that it lasts.
const HELD: TimeDelta = TimeDelta::seconds(2);
/// Bytes handed over in one call, unless one event alone is larger.
const BATCH_BYTES: usize = 1 << 20;

/// Hands a service's events to their hearers.
#[derive(Debug, Clone)]
pub struct Relay {
    db: Db,
    peers: Peers,
    leases: Leases,
    hearers: Arc<BTreeMap<String, Vec<String>>>,
    own: Arc<Mutex<Own>>,
    known: Arc<OnceCell<()>>,
}

/// What the one that pumps knows without asking.
#[derive(Debug, Default)]
struct Own {
    /// When the lease was last taken or renewed.
    leased: Option<DateTime<Utc>>,
    /// Where the cursors of hearers were put.
    marked: BTreeMap<String, i64>,
}

impl Relay {
    pub(crate) fn new(db: Db, peers: Peers, leases: Leases, hearers: BTreeMap<String, Vec<String>>) -> Self {
        Self { db, peers, leases, hearers: Arc::new(hearers), own: Arc::default(), known: Arc::default() }
    }

    pub(crate) async fn run_forever(self, beat: Beat, stop: CancellationToken) {
        loop {
            beat.beat();
            let woken = self.db.committed.clone();
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
                () = woken.notified() => {}
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
        }
    }

    /// Hands over all that is committed; answers how many events went out.
    ///
    /// # Errors
    /// Those of the last hearer that did not answer; the others got theirs.
    pub(crate) async fn pump(&self) -> Result<u64, AppError> {
        self.pump_beating(None).await
    }

    /// The same, and says between deliveries that it moves: there may be many.
    async fn pump_beating(&self, beat: Option<&Beat>) -> Result<u64, AppError> {
        // One at a time.
        let mut own = self.own.lock().await;
        if !self.leads(&mut own).await? {
            return Ok(0);
        }
        self.known.get_or_try_init(|| self.know_hearers()).await?;
        let (mut moved, mut failed, mut more) = (0, Ok(()), true);
        while more && failed.is_ok() {
            let through;
            (through, more) = self.give_positions().await?;
            for (hearer, kinds) in self.hearers.iter() {
                match self.feed(&mut own, (hearer, kinds), through, beat).await {
                    Ok(count) => moved += count,
                    Err(error) => failed = Err(error),
                }
            }
        }
        failed.map(|()| moved)
    }

    /// Whether this process is the relay among its replicas.
    async fn leads(&self, own: &mut Own) -> Result<bool, AppError> {
        let now = self.db.clock().now();
        if !own.leased.is_some_and(|at| (TimeDelta::zero()..HELD).contains(&(now - at))) {
            own.leased = self.leases.hold_singleton("relay").await?.then_some(now);
        }
        Ok(own.leased.is_some())
    }

    /// Every hearer has a cursor from the start: what it has not got is not forgotten.
    async fn know_hearers(&self) -> Result<(), AppError> {
        let txn = self.db.transaction().await?;
        let insert = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, 0) ON CONFLICT DO NOTHING";
        for subscriber in self.hearers.keys().map(String::as_str).chain([""]) {
            sql::exec(&txn, insert, vec![subscriber.into()]).await?;
        }
        txn.commit().await?;
        Ok(())
    }

    /// A transaction that need not be durable at once: positions and cursors that a crash undoes are given and moved
    /// again, and what is handed over again is passed over.
    async fn transaction(&self) -> Result<Transaction, AppError> {
        let txn = self.db.transaction().await?;
        if txn.get_database_backend() == DbBackend::Postgres {
            txn.execute_unprepared("SET LOCAL synchronous_commit = off").await?;
        }
        Ok(txn)
    }

    /// Answers the last position, everything up to it being committed and placed; and whether more may wait for theirs.
    async fn give_positions(&self) -> Result<(i64, bool), AppError> {
        let txn = self.transaction().await?;
        let lock = if txn.get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
        let last = sql::one(&txn, &format!("SELECT position FROM outbox_cursors WHERE subscriber = ''{lock}"), vec![]).await?;
        let last: i64 = last.map(|row| row.try_get("", "position")).transpose()?.unwrap_or_default();
        // The ids are named: joined with what the database takes for unplaced, by figures that are always old, the whole
        // table would be read.
        let unplaced =
            sql::all(&txn, "SELECT id FROM outbox WHERE position IS NULL ORDER BY id LIMIT $1", vec![MOST_PLACED.into()]).await?;
        if unplaced.is_empty() {
            return Ok((last, false));
        }
        let more = i64::try_from(unplaced.len()) == Ok(MOST_PLACED);
        let (mut next, mut placed) = (last, Rows::new([("id", Kind::Number), ("position", Kind::Number)]));
        for row in unplaced {
            next = next.saturating_add(1);
            placed.push([row.try_get::<i64>("", "id")?.into(), next.into()]);
        }
        placed.update(&txn, "outbox", 1).await?;
        sql::exec(&txn, "UPDATE outbox_cursors SET position = $1 WHERE subscriber = ''", vec![next.into()]).await?;
        txn.commit().await?;
        Ok((next, more))
    }

    async fn feed(&self, own: &mut Own, (hearer, kinds): (&str, &[String]), through: i64, beat: Option<&Beat>) -> Result<u64, AppError> {
        let mut moved = 0;
        loop {
            if let Some(beat) = beat {
                beat.beat();
            }
            let (events, last) = self.next_batch(hearer, kinds, through).await?;
            if events.is_empty() {
                // Nothing of interest up to here: a later scan starts behind it.
                if own.marked.get(hearer).is_none_or(|marked| through - marked >= MOST_BEHIND) {
                    self.mark(own, hearer, through).await?;
                }
                return Ok(moved);
            }
            moved += events.len() as u64;
            let Some(tenant) = events.first().and_then(|event| event.tenant.parse().ok()) else {
                return Err(AppError::Fault("an event without a tenant".to_owned()));
            };
            crate::kill::point("outbox.before_deliver");
            let caller = Caller::service(self.db.service(), &tenant, None);
            let mut client = InboxServiceClient::new(self.peers.channel(hearer)?);
            client.deliver(self.peers.request(hearer, &caller, DeliverRequest { events }, Duration::from_secs(10))?).await?;
            crate::kill::point("outbox.before_mark");
            self.mark(own, hearer, last).await?;
        }
    }

    /// Moves a hearer's cursor, never back.
    async fn mark(&self, own: &mut Own, hearer: &str, position: i64) -> Result<(), AppError> {
        let mark = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, $2) ON CONFLICT (subscriber) \
                    DO UPDATE SET position = excluded.position WHERE outbox_cursors.position < excluded.position";
        let txn = self.transaction().await?;
        sql::exec(&txn, mark, vec![hearer.into(), position.into()]).await?;
        txn.commit().await?;
        own.marked.insert(hearer.to_owned(), position);
        Ok(())
    }

    async fn next_batch(&self, hearer: &str, kinds: &[String], through: i64) -> Result<(Vec<Event>, i64), AppError> {
        let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect();
        let select = format!(
            "SELECT event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, position \
             FROM outbox WHERE position > coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $1), 0) \
             AND position <= $3 AND aggregate_type IN ({}) ORDER BY position LIMIT $2",
            kinds.join(", ")
        );
        let rows = sql::all(self.db.system(), &select, vec![hearer.into(), i64::from(MOST_EVENTS).into(), through.into()]).await?;
        let (mut events, mut last, mut size) = (Vec::new(), 0, 0);
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

    /// How many of a tenant's events some hearer has not got yet.
    pub(crate) async fn pending(&self, tenant: &TenantId) -> Result<i64, AppError> {
        let mut pending = 0;
        for (hearer, kinds) in self.hearers.iter() {
            let kinds: Vec<_> = kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect();
            // Counted apart, each by its index: the two together would read the whole table.
            let own = format!("SELECT count(*) FROM outbox WHERE tenant = $1 AND aggregate_type IN ({})", kinds.join(", "));
            let count = format!(
                "SELECT ({own} AND position IS NULL) + ({own} AND position > \
                 coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $2), 0)) AS waiting"
            );
            let row = sql::one(self.db.system(), &count, vec![tenant.as_str().into(), hearer.as_str().into()]).await?;
            pending += row.map(|row| row.try_get::<i64>("", "waiting")).transpose()?.unwrap_or_default();
        }
        Ok(pending)
    }
}
