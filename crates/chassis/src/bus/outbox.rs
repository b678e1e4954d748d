//! The outbox of a service, as a bus reads it: its events in the order of their positions, and for
//! each subscriber the position up to which it has received them. A cursor means the same on every
//! bus, so the bus of a service can be changed at any time.

use crate::{
    bus::inbox::MOST_EVENTS,
    db::{Db, sql, transaction::Transaction},
    wire::{error::AppError, render::timestamp},
};
use chrono::{DateTime, Utc};
use payterms_kernel::TenantId;
use payterms_proto::common::v1::Event;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::{Mutex, OnceCell};

/// How many events a subscriber's cursor may lag if none of them is for that subscriber. Moving the
/// cursor less often saves writes; the price is that the rows in between are scanned again.
const CURSOR_LAG: i64 = 250;
/// Bytes of events in one batch, well below the largest message between services. A single larger
/// event goes by itself.
const BATCH_BYTES: usize = 1 << 20;

/// An event and its position.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub position: i64,
    pub event: Event,
}

/// After which position events are read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After<'a> {
    /// The cursor of a subscriber.
    CursorOf(&'a str),
    Position(i64),
}

/// The outbox of one service.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    db: Db,
    subscribers: Arc<BTreeMap<String, Vec<String>>>,
    cursors_exist: Arc<OnceCell<()>>,
    /// The cursor of each subscriber that this process has written last, to save writes.
    written: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl Outbox {
    pub(crate) fn new(db: Db, subscribers: BTreeMap<String, Vec<String>>) -> Self {
        Self {
            db,
            subscribers: Arc::new(subscribers),
            cursors_exist: Arc::default(),
            written: Arc::default(),
        }
    }

    /// The service whose outbox it is.
    pub(crate) fn service(&self) -> &'static str {
        self.db.service()
    }

    /// The subscribers, each with the types of aggregate whose events it receives.
    pub(crate) fn subscribers(&self) -> &BTreeMap<String, Vec<String>> {
        &self.subscribers
    }

    /// Gives every subscriber a cursor. Housekeeping deletes events below the least cursor, so one
    /// that is missing would lose events.
    pub(crate) async fn ensure_cursors(&self) -> Result<(), AppError> {
        let insert = async || {
            let txn = self.db.transaction().await?;
            let insert = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, 0) ON CONFLICT DO NOTHING";
            for subscriber in self.subscribers.keys().map(String::as_str).chain([""]) {
                sql::exec(&txn, insert, vec![subscriber.into()]).await?;
            }
            Ok::<_, AppError>(txn.commit().await?)
        };
        self.cursors_exist.get_or_try_init(insert).await.copied()
    }

    /// A transaction that need not be durable at once, which saves an fsync. If a crash loses it,
    /// positions are assigned and events delivered again, and the inbox of the subscriber skips
    /// duplicates. Other readers of positions wait until those are durable (`log_head`). Where
    /// standbys confirm commits, these wait too: a standby that takes over without positions that a
    /// reader has seen would give them to other events.
    pub(crate) async fn transaction(&self) -> Result<Transaction, AppError> {
        let txn = self.db.transaction().await?;
        if txn.get_database_backend() == DbBackend::Postgres {
            let relax = "SELECT set_config('synchronous_commit', 'off', true) WHERE current_setting('synchronous_standby_names') = ''";
            sql::one(&txn, relax, vec![]).await?;
        }
        Ok(txn)
    }

    /// The cursor of each subscriber.
    pub(crate) async fn cursors(&self) -> Result<BTreeMap<String, i64>, AppError> {
        let rows =
            sql::all(self.db.system(), "SELECT subscriber, position FROM outbox_cursors", vec![])
                .await?;
        let pair = |row: &QueryResult| {
            Ok::<(String, i64), AppError>((
                row.try_get("", "subscriber")?,
                row.try_get("", "position")?,
            ))
        };
        let cursors = rows.iter().map(pair).collect::<Result<BTreeMap<_, _>, _>>()?;
        Ok(self
            .subscribers
            .keys()
            .map(|name| (name.clone(), cursors.get(name).copied().unwrap_or_default()))
            .collect())
    }

    /// Moves the cursor of a subscriber that has received events, never back: a relay that lost its
    /// lease may be late.
    pub(crate) async fn move_cursor(
        &self,
        subscriber: &str,
        position: i64,
    ) -> Result<(), AppError> {
        let upsert = "INSERT INTO outbox_cursors (subscriber, position) VALUES ($1, $2) ON CONFLICT (subscriber) \
                    DO UPDATE SET position = excluded.position WHERE outbox_cursors.position < excluded.position";
        let txn = self.transaction().await?;
        sql::exec(&txn, upsert, vec![subscriber.into(), position.into()]).await?;
        txn.commit().await?;
        self.written.lock().await.insert(subscriber.to_owned(), position);
        Ok(())
    }

    /// Moves the cursor over events that are not for the subscriber, once they are many: later
    /// scans may start after them.
    pub(crate) async fn pass_over(&self, subscriber: &str, position: i64) -> Result<(), AppError> {
        let written = self.written.lock().await.get(subscriber).copied();
        if written.is_none_or(|cursor| position.saturating_sub(cursor) >= CURSOR_LAG) {
            self.move_cursor(subscriber, position).await?;
        }
        Ok(())
    }

    /// The next events of these types of aggregate, up to a position: at most 200, and about a
    /// megabyte.
    pub(crate) async fn batch(
        &self,
        kinds: &[String],
        after: After<'_>,
        through: i64,
    ) -> Result<Vec<Placed>, AppError> {
        let (start, after) = match after {
            After::CursorOf(subscriber) => (
                "coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $1), 0)",
                sea_orm::Value::from(subscriber),
            ),
            After::Position(position) => ("$1", position.into()),
        };
        let select = format!(
            "SELECT event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, position \
             FROM outbox WHERE position > {start} AND position <= $3 AND aggregate_type IN ({}) ORDER BY position LIMIT $2",
            quoted(kinds)
        );
        let rows = sql::all(
            self.db.system(),
            &select,
            vec![after, i64::from(MOST_EVENTS).into(), through.into()],
        )
        .await?;
        let mut events = Vec::new();
        let mut size = 0;
        for row in &rows {
            let event = self.event(row)?;
            size += event.data.len();
            if size > BATCH_BYTES && !events.is_empty() {
                break;
            }
            events.push(Placed { position: row.try_get("", "position")?, event });
        }
        Ok(events)
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

    /// How many events of a tenant are not yet received, summed over the subscribers.
    pub(crate) async fn pending(&self, tenant: &TenantId) -> Result<i64, AppError> {
        let mut pending = 0;
        for (subscriber, kinds) in self.subscribers.iter() {
            // Two counts, each served by its own index. One condition with OR would read the whole
            // table.
            let events = format!(
                "SELECT count(*) FROM outbox WHERE tenant = $1 AND aggregate_type IN ({})",
                quoted(kinds)
            );
            let count = format!(
                "SELECT ({events} AND position IS NULL) + ({events} AND position > \
                 coalesce((SELECT position FROM outbox_cursors WHERE subscriber = $2), 0)) AS waiting"
            );
            let row = sql::one(
                self.db.system(),
                &count,
                vec![tenant.as_str().into(), subscriber.as_str().into()],
            )
            .await?;
            pending +=
                row.map(|row| row.try_get::<i64>("", "waiting")).transpose()?.unwrap_or_default();
        }
        Ok(pending)
    }
}

/// Types of aggregate as a list of SQL.
fn quoted(kinds: &[String]) -> String {
    kinds.iter().map(|kind| format!("'{}'", kind.replace('\'', ""))).collect::<Vec<_>>().join(", ")
}
