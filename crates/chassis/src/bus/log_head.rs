//! The head of the log of events: what its readers have in common. It is read once for all of them,
//! at most every 50 ms, so that a thousand readers who wait ask the database no more often than
//! one. What it says of positions is durable.

use crate::{
    db::{Db, sql},
    wire::error::{AppError, not_yet},
};
use payterms_kernel::{Reason, Refusal};
use payterms_proto::common::peers::v1::EventPlace;
use sea_orm::{DbErr, QueryResult, Value};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};
use uuid::Uuid;

/// How old what is shared may be.
const SHARED_FOR: Duration = Duration::from_millis(50);
/// Queries of the log at once. They run on the connections of everything else, and must not hold
/// most of them.
const QUERIES: usize = 3;
/// How often, and how many times, it is looked whether positions are durable. PostgreSQL writes
/// what was committed without an fsync within a fraction of a second.
const DURABLE_EVERY: Duration = Duration::from_millis(20);
const DURABLE_LOOKS: usize = 200;

/// The head of the log.
#[derive(Debug)]
pub(crate) struct Head {
    epoch: Uuid,
    /// Everything up to here may be gone.
    deleted_through: i64,
    /// The last position, and its event if that is kept.
    pub last: i64,
    last_event: Option<Uuid>,
}

impl Head {
    pub(crate) fn place(
        &self,
        position: i64,
        read_count: usize,
        event_id: Option<Uuid>,
    ) -> EventPlace {
        EventPlace {
            epoch: self.epoch.as_bytes().to_vec().into(),
            position,
            read_count: i32::try_from(read_count).unwrap_or(i32::MAX),
            event_id: event_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default().into(),
        }
    }

    /// The place before all that is kept.
    pub(crate) fn begin(&self) -> EventPlace {
        self.place(self.deleted_through, 0, None)
    }

    /// The place after all that has a position.
    pub(crate) fn end(&self) -> EventPlace {
        self.place(self.last, 0, self.last_event)
    }

    /// Checks that a reader's place is one of this log, and that nothing was deleted after it.
    pub(crate) fn check(&self, place: &EventPlace, service: &str) -> Result<(), AppError> {
        if place.epoch != self.epoch.as_bytes().as_slice() || place.position > self.last {
            return Err(other_epoch(service));
        }
        check_event(place, self.last_event.filter(|_| place.position == self.last), service)?;
        check_not_deleted(place, self.deleted_through, service)
    }
}

/// Checks that the event at a reader's place is the one that the reader saw there, if it is kept.
pub(crate) fn check_event(
    place: &EventPlace,
    here: Option<Uuid>,
    service: &str,
) -> Result<(), AppError> {
    let is_same = here.is_none_or(|here| {
        place.event_id.is_empty() || place.event_id == here.as_bytes().as_slice()
    });
    if is_same { Ok(()) } else { Err(other_epoch(service)) }
}

/// Checks that what follows on a reader's place is kept.
pub(crate) fn check_not_deleted(
    place: &EventPlace,
    deleted_through: i64,
    service: &str,
) -> Result<(), AppError> {
    if read_through(place) < deleted_through {
        let message = "What follows on the cursor is not kept any more. Read the resources, and begin without a cursor.";
        return Err(Refusal::precondition(Reason::CURSOR_TOO_OLD, message)
            .with("service", service)
            .into());
    }
    Ok(())
}

fn other_epoch(service: &str) -> AppError {
    let message = "The database was replaced or restored since the cursor was made. Read the resources, and begin without a cursor.";
    Refusal::precondition(Reason::CURSOR_EPOCH_CHANGED, message).with("service", service).into()
}

/// The last position that a reader has read whole.
pub(crate) fn read_through(place: &EventPlace) -> i64 {
    place.position.saturating_sub(i64::from(place.read_count > 0))
}

/// The head that was read last, and when that began.
type Newest = (Instant, Arc<Head>);

/// Reads the head for all readers, and lets a few of their queries run at once.
#[derive(Clone)]
pub(crate) struct LogHead {
    db: Db,
    queries: Arc<Semaphore>,
    /// What was read last. The lock is held while it is read, so that who comes meanwhile shares
    /// it.
    newest: Arc<Mutex<Option<Newest>>>,
}

impl LogHead {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, queries: Arc::new(Semaphore::new(QUERIES)), newest: Arc::default() }
    }

    /// The head as it was at most 50 ms ago, or later if `position` has come since.
    ///
    /// # Errors
    /// UNAVAILABLE if the database does not write what was committed.
    pub(crate) async fn at(&self, position: i64) -> Result<Arc<Head>, AppError> {
        let head = self.not_older_than(SHARED_FOR).await?;
        // Another replica may have told the reader of positions since.
        if position > head.last { self.now().await } else { Ok(head) }
    }

    /// The head as it is now.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub(crate) async fn now(&self) -> Result<Arc<Head>, AppError> {
        self.not_older_than(Duration::ZERO).await
    }

    /// The head that was read last, if that began at most so long before this was asked; else it is
    /// read.
    async fn not_older_than(&self, age: Duration) -> Result<Arc<Head>, AppError> {
        let asked = Instant::now();
        let mut newest = self.newest.lock().await;
        if let Some((_, head)) = newest.as_ref().filter(|(began, _)| *began + age >= asked) {
            return Ok(head.clone());
        }
        let began = Instant::now();
        let durable = newest.as_ref().map(|(_, head)| (head.epoch, head.last));
        let head = Arc::new(self.read(durable).await?);
        *newest = Some((began, head.clone()));
        Ok(head)
    }

    /// Reads the head. `durable` is an epoch with a last position that was seen to be durable.
    async fn read(&self, durable: Option<(Uuid, i64)>) -> Result<Head, AppError> {
        let written =
            if self.db.is_postgres() { "pg_current_wal_insert_lsn()::text" } else { "NULL" };
        let select = format!(
            "SELECT l.epoch, l.deleted_through, c.position AS last, e.event_id AS last_event, {written} AS written \
             FROM event_log l JOIN outbox_cursors c ON c.subscriber = '' LEFT JOIN outbox e ON e.position = c.position WHERE l.id = 1"
        );
        loop {
            let Some(row) = self.all(&select, vec![]).await?.into_iter().next() else {
                self.begin_log().await?;
                continue;
            };
            let head = Head {
                epoch: row.try_get("", "epoch")?,
                deleted_through: row.try_get("", "deleted_through")?,
                last: row.try_get("", "last")?,
                last_event: row.try_get("", "last_event")?,
            };
            // On SQLite every commit is durable.
            let written: Option<String> = row.try_get("", "written")?;
            if let Some(written) = written.filter(|_| durable != Some((head.epoch, head.last))) {
                self.until_durable(&written).await?;
            }
            return Ok(head);
        }
    }

    /// Waits until PostgreSQL has flushed its log up to where it was written.
    async fn until_durable(&self, written: &str) -> Result<(), AppError> {
        for _ in 0..DURABLE_LOOKS {
            let select = "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn AS flushed";
            let rows = self.all(select, vec![written.into()]).await?;
            if rows.first().map(|row| row.try_get("", "flushed")).transpose()? == Some(true) {
                return Ok(());
            }
            tokio::time::sleep(DURABLE_EVERY).await;
        }
        Err(not_yet(Reason::UNAVAILABLE, "The database does not write what was committed. Retry."))
    }

    /// Gives a new database its epoch.
    async fn begin_log(&self) -> Result<(), AppError> {
        let txn = self.db.transaction().await?;
        let epoch = "INSERT INTO event_log (id, epoch, deleted_through) VALUES (1, $1, 0) ON CONFLICT DO NOTHING";
        sql::exec(&txn, epoch, vec![Uuid::from_bytes(rand::random()).into()]).await?;
        sql::exec(&txn, "INSERT INTO outbox_cursors (subscriber, position) VALUES ('', 0) ON CONFLICT DO NOTHING", vec![]).await?;
        Ok(txn.commit().await?)
    }

    /// Runs a query of the log and answers its rows.
    pub(crate) async fn all(
        &self,
        select: &str,
        values: Vec<Value>,
    ) -> Result<Vec<QueryResult>, DbErr> {
        // It is never closed.
        let _place = self.queries.acquire().await;
        sql::all(self.db.system(), select, values).await
    }
}
