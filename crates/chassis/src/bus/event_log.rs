//! `EventLogService`: the public events of one service, read from its outbox in the order of their positions.
//!
//! Only rows with a position are read. The relay assigns positions after the commit, so nothing appears later at a place that a
//! reader has passed. A reader waits until the positions are durable: one that a crash took back would be another event's
//! afterwards, and who had read up to it would miss that event. A reader's place is valid in this database alone (its epoch), as long as what follows is kept. A backup
//! that was restored has the same epoch, but not the event that the reader saw last.

use crate::{
    bus::{
        public_events::{Hides, Logged, Reader, shown},
        relay::Relay,
    },
    db::{Db, sql},
    wire::{
        catalogue::Catalogue,
        error::{AppError, not_yet},
        fields::Fields,
        names,
    },
};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::common::peers::v1::{
    EventPlace, GetEventsRequest, GetEventsResponse, GetPlaceRequest, GetPlaceResponse, event_log_service_server::EventLogService,
    get_events_response::PlacedEvent,
};
use prost::Message;
use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Rows in one query, and queries in one call. The bound keeps a call short when few of the rows are asked for.
const ROWS: usize = 200;
const QUERIES: usize = 10;
/// Bytes of events in one answer. A single larger event goes by itself.
const MOST_BYTES: usize = 1 << 20;
/// Events in one answer: where nothing is said, and at most.
const USUAL_EVENTS: i32 = 100;
const MOST_EVENTS: i32 = 500;
/// Types in one request.
const MOST_TYPES: usize = 200;
/// How long a call may wait for an event.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// How often a waiting call looks by itself, since another replica may have assigned positions.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A waiting call looks no sooner after an assignment, so that many small ones are read at once.
const GATHERS: Duration = Duration::from_millis(50);

/// How often, and how many times, it is looked whether positions are durable. PostgreSQL writes what was committed without an fsync
/// within a fraction of a second.
const DURABLE_EVERY: Duration = Duration::from_millis(20);
const DURABLE_LOOKS: usize = 200;

/// The log of one service.
#[derive(Clone)]
pub(crate) struct EventLog {
    db: Db,
    hides: Option<Hides>,
    /// The last position that was seen to be durable.
    durable: Arc<AtomicI64>,
    placed: watch::Receiver<i64>,
    stop: CancellationToken,
}

/// What is read.
struct Query {
    tenant: TenantId,
    types: HashSet<String>,
    reader: Reader,
    limit: usize,
}

/// The state of the log.
struct State {
    epoch: Uuid,
    /// Everything up to here may be gone.
    deleted_through: i64,
    /// The last position, and its event if that is kept.
    last: i64,
    last_event: Option<Uuid>,
    /// The event at the reader's position, if it is kept.
    event_at_place: Option<Uuid>,
    /// Up to where PostgreSQL had written its log when this was read.
    written: Option<String>,
}

impl State {
    fn place(&self, position: i64, read_count: usize, event_id: Option<Uuid>) -> EventPlace {
        EventPlace {
            epoch: self.epoch.as_bytes().to_vec().into(),
            position,
            read_count: i32::try_from(read_count).unwrap_or(i32::MAX),
            event_id: event_id.map(|id| id.as_bytes().to_vec()).unwrap_or_default().into(),
        }
    }

    /// The place after all that has a position.
    fn end(&self) -> EventPlace {
        self.place(self.last, 0, self.last_event)
    }

    /// Checks that nothing is missing between a reader's place and what can be read.
    fn check(&self, place: &EventPlace, service: &str) -> Result<(), AppError> {
        let is_same = self.event_at_place.is_none_or(|here| place.event_id.is_empty() || place.event_id == here.as_bytes().as_slice());
        if place.epoch != self.epoch.as_bytes().as_slice() || place.position > self.last || !is_same {
            let message =
                "The database was replaced or restored since the cursor was made. Read the resources, and begin without a cursor.";
            return Err(Refusal::precondition("CURSOR_EPOCH_CHANGED", message).with("service", service).into());
        }
        if read_through(place) < self.deleted_through {
            let message = "What follows on the cursor is not kept any more. Read the resources, and begin without a cursor.";
            return Err(Refusal::precondition("CURSOR_TOO_OLD", message).with("service", service).into());
        }
        Ok(())
    }
}

/// The last position that a reader has read whole.
fn read_through(place: &EventPlace) -> i64 {
    place.position.saturating_sub(i64::from(place.read_count > 0))
}

impl EventLog {
    /// The log of the service in whose database the relay assigns positions.
    pub(crate) fn new(db: Db, relay: &Relay, hides: Option<Hides>, stop: CancellationToken) -> Self {
        Self { db, hides, durable: Arc::default(), placed: relay.placed(), stop }
    }

    /// The state of the log, as it is for a reader at a position. What it says of positions is durable.
    ///
    /// # Errors
    /// UNAVAILABLE if the database does not write what was committed.
    async fn state(&self, position: i64) -> Result<State, AppError> {
        let written = if self.db.is_postgres() { "pg_current_wal_insert_lsn()::text" } else { "NULL" };
        let select = format!(
            "SELECT l.epoch, l.deleted_through, c.position AS last, e.event_id AS last_event, p.event_id AS event_at_place, \
             {written} AS written FROM event_log l JOIN outbox_cursors c ON c.subscriber = '' \
             LEFT JOIN outbox e ON e.position = c.position LEFT JOIN outbox p ON p.position = $1 WHERE l.id = 1"
        );
        loop {
            if let Some(row) = sql::one(self.db.system(), &select, vec![position.into()]).await? {
                let state = State {
                    epoch: row.try_get("", "epoch")?,
                    deleted_through: row.try_get("", "deleted_through")?,
                    last: row.try_get("", "last")?,
                    last_event: row.try_get("", "last_event")?,
                    event_at_place: row.try_get("", "event_at_place")?,
                    written: row.try_get("", "written")?,
                };
                return self.until_durable(&state).await.map(|()| state);
            }
            self.begin_log().await?;
        }
    }

    async fn until_durable(&self, state: &State) -> Result<(), AppError> {
        // On SQLite every commit is durable.
        let Some(written) = state.written.as_ref().filter(|_| self.durable.load(Ordering::Relaxed) != state.last) else { return Ok(()) };
        for _ in 0..DURABLE_LOOKS {
            let select = "SELECT pg_current_wal_flush_lsn() >= $1::text::pg_lsn AS flushed";
            let row = sql::one(self.db.system(), select, vec![written.as_str().into()]).await?;
            if row.map(|row| row.try_get("", "flushed")).transpose()? == Some(true) {
                self.durable.store(state.last, Ordering::Relaxed);
                return Ok(());
            }
            tokio::time::sleep(DURABLE_EVERY).await;
        }
        Err(not_yet("UNAVAILABLE", "The database does not write what was committed. Retry."))
    }

    /// Gives a new database its epoch.
    async fn begin_log(&self) -> Result<(), AppError> {
        let txn = self.db.transaction().await?;
        let epoch = "INSERT INTO event_log (id, epoch, deleted_through) VALUES (1, $1, 0) ON CONFLICT DO NOTHING";
        sql::exec(&txn, epoch, vec![Uuid::from_bytes(rand::random()).into()]).await?;
        sql::exec(&txn, "INSERT INTO outbox_cursors (subscriber, position) VALUES ('', 0) ON CONFLICT DO NOTHING", vec![]).await?;
        Ok(txn.commit().await?)
    }

    /// The events after a place.
    async fn read(&self, query: &Query, after: &EventPlace) -> Result<GetEventsResponse, AppError> {
        let state = self.state(after.position).await?;
        state.check(after, self.db.service())?;
        if after.position == state.last && after.read_count == 0 {
            return Ok(GetEventsResponse { events: Vec::new(), place: Some(after.clone()), more: false });
        }
        let page = self.scan(query, &state, after).await?;
        // Once more after the rows were read: what was deleted meanwhile may be missing in them.
        self.state(after.position).await?.check(after, self.db.service())?;
        Ok(page)
    }

    async fn scan(&self, query: &Query, state: &State, start: &EventPlace) -> Result<GetEventsResponse, AppError> {
        let select = "SELECT event_id, event_type, version, data, snapshot, occurred_at, position FROM outbox \
                      WHERE tenant = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4";
        let mut place = start.clone();
        let (mut events, mut bytes) = (Vec::new(), 0_usize);
        for _ in 0..QUERIES {
            let limit = i64::try_from(ROWS).unwrap_or_default();
            let values = vec![query.tenant.as_str().into(), read_through(&place).into(), state.last.into(), limit.into()];
            let rows = sql::all(self.db.system(), select, values).await?;
            for row in &rows {
                let (position, event_id): (i64, Uuid) = (row.try_get("", "position")?, row.try_get("", "event_id")?);
                let already_read = if position == place.position { usize::try_from(place.read_count).unwrap_or_default() } else { 0 };
                let kind: String = row.try_get("", "event_type")?;
                // A snapshot repeats a state for a new subscriber: nothing happened.
                let is_snapshot: bool = row.try_get("", "snapshot")?;
                let public = Catalogue::shared().get(&kind).filter(|_| !is_snapshot && query.types.contains(&kind));
                let items = match public {
                    Some(public) => shown(public, &logged(row, &query.tenant)?, &query.reader),
                    None => Vec::new(),
                };
                let count = items.len();
                for (index, item) in (1..).zip(items).skip(already_read) {
                    let Some(event) = item else { continue };
                    if events.len() >= query.limit || (bytes > 0 && bytes.saturating_add(event.encoded_len()) > MOST_BYTES) {
                        return Ok(GetEventsResponse { events, place: Some(place), more: true });
                    }
                    place = state.place(position, if index == count { 0 } else { index }, Some(event_id));
                    bytes = bytes.saturating_add(event.encoded_len());
                    events.push(PlacedEvent { event: Some(event), place: Some(place.clone()) });
                }
                place = state.place(position, 0, Some(event_id));
            }
            if rows.len() < ROWS {
                // The rest up to the last position is of other tenants.
                return Ok(GetEventsResponse { events, place: Some(state.end()), more: false });
            }
        }
        Ok(GetEventsResponse { events, place: Some(place), more: true })
    }

    async fn read_or_wait(&self, query: &Query, mut after: EventPlace, wait: Duration) -> Result<GetEventsResponse, AppError> {
        let until = Instant::now() + wait;
        let mut placed = self.placed.clone();
        loop {
            placed.mark_unchanged();
            let page = self.read(query, &after).await?;
            let now = Instant::now();
            if !page.events.is_empty() || page.more || now >= until || self.stop.is_cancelled() {
                return Ok(page);
            }
            if let Some(place) = &page.place {
                after.clone_from(place);
            }
            tokio::select! {
                () = self.stop.cancelled() => return Ok(page),
                () = tokio::time::sleep_until(until.min(now + LOOK_EVERY)) => {}
                Ok(()) = placed.changed() => tokio::time::sleep(GATHERS).await,
            }
        }
    }
}

fn logged(row: &sea_orm::QueryResult, tenant: &TenantId) -> Result<Logged, AppError> {
    Ok(Logged {
        event_id: row.try_get("", "event_id")?,
        tenant: tenant.to_string(),
        version: row.try_get("", "version")?,
        occurred_at: row.try_get("", "occurred_at")?,
        data: row.try_get("", "data")?,
    })
}

#[tonic::async_trait]
impl EventLogService for EventLog {
    async fn get_place(&self, request: Request<GetPlaceRequest>) -> Result<Response<GetPlaceResponse>, Status> {
        let (fields, message) = Fields::open(request)?;
        fields.finish()?;
        let state = self.state(0).await?;
        let place = if message.from_now { state.end() } else { state.place(state.deleted_through, 0, None) };
        Ok(Response::new(GetPlaceResponse { place: Some(place) }))
    }

    async fn get_events(&self, request: Request<GetEventsRequest>) -> Result<Response<GetEventsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.scope().tenant()?;
        let after = message.after.unwrap_or_default();
        if after.epoch.len() != 16 || after.position < 0 || after.read_count < 0 || !matches!(after.event_id.len(), 0 | 16) {
            fields.wrong("after", "CURSOR_INVALID", "Send a place as an answer had it.");
        }
        if message.types.is_empty() {
            fields.wrong("types", "FIELD_REQUIRED", "Name the types of events.");
        }
        if message.types.len() > MOST_TYPES {
            fields.wrong("types", "TOO_MANY_ITEMS", "Name at most 200 types.");
        }
        let customer = names::uuid(&message.customer);
        if customer.is_none() && (!message.customer.is_empty() || message.as_customer) {
            fields.wrong("customer", "RESOURCE_NAME_INVALID", "Send the id of a customer.");
        }
        if message.limit < 0 {
            fields.wrong("limit", "FIELD_OUT_OF_RANGE", "Use 0 for the default, or a positive number.");
        }
        fields.finish()?;
        let hides = match self.hides.filter(|_| message.as_customer) {
            Some(hides) => hides(&self.db, &tenant).await?,
            None => false,
        };
        let limit = if message.limit == 0 { USUAL_EVENTS } else { message.limit.min(MOST_EVENTS) };
        let query = Query {
            tenant,
            types: message.types.into_iter().collect(),
            reader: Reader { customer, as_customer: message.as_customer, hides },
            limit: usize::try_from(limit).unwrap_or_default(),
        };
        let wait = message.wait.and_then(|wait| Duration::try_from(wait).ok()).unwrap_or_default().min(LONGEST_WAIT);
        Ok(Response::new(self.read_or_wait(&query, after, wait).await?))
    }
}
