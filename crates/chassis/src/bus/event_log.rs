//! `EventLogService`: the public events of one service, read from its outbox in the order of their
//! positions.
//!
//! Only rows with a position are read. The relay assigns positions after the commit, so nothing
//! appears later at a place that a reader has passed. A reader waits until the positions are
//! durable: one that a crash took back would be another event's afterwards, and who had read up to
//! it would miss that event. A reader's place is valid in this database alone (its epoch), as long
//! as what follows is kept. A backup that was restored has the same epoch, but not the event that
//! the reader saw last.

use crate::{
    bus::{
        log_head::{Head, LogHead, check_event, check_not_deleted, read_through},
        public_events::{Hides, Logged, Reader, shown},
        relay::Relay,
    },
    db::Db,
    wire::{
        catalogue::Catalogue,
        deadline::caller_gone,
        error::{AppError, not_yet},
        fields::Fields,
        names,
    },
};
use payterms_kernel::{Reason, TenantId};
use payterms_proto::common::peers::v1::{
    EventPlace, GetEventsRequest, GetEventsResponse, GetPlaceRequest, GetPlaceResponse,
    event_log_service_server::EventLogService, get_events_response::PlacedEvent,
};
use prost::Message;
use std::{collections::HashSet, time::Duration};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use uuid::Uuid;

/// Rows in one query, and queries in one call. The bound keeps a call short when few of the rows
/// are asked for.
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

/// The log of one service.
#[derive(Clone)]
pub(crate) struct EventLog {
    db: Db,
    hides: Option<Hides>,
    head: LogHead,
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

impl EventLog {
    /// The log of the service in whose database the relay assigns positions.
    pub(crate) fn new(
        db: Db,
        relay: &Relay,
        hides: Option<Hides>,
        stop: CancellationToken,
    ) -> Self {
        Self { head: LogHead::new(db.clone()), db, hides, placed: relay.placed(), stop }
    }

    /// The events after a place, up to a head of the log.
    async fn read(
        &self,
        query: &Query,
        head: &Head,
        after: &EventPlace,
    ) -> Result<GetEventsResponse, AppError> {
        head.check(after, self.db.service())?;
        if after.position == head.last && after.read_count == 0 {
            return Ok(GetEventsResponse {
                events: Vec::new(),
                place: Some(after.clone()),
                more: false,
            });
        }
        self.scan(query, head, after).await
    }

    async fn scan(
        &self,
        query: &Query,
        head: &Head,
        start: &EventPlace,
    ) -> Result<GetEventsResponse, AppError> {
        // One statement, so that the rows and what is said of the log beside them are of one
        // moment: what was deleted before it is noted there. There is a row without an event where
        // no event follows.
        let select = "SELECT l.deleted_through, p.event_id AS here, o.* FROM event_log l LEFT JOIN outbox p ON p.position = $5 \
                      LEFT JOIN (SELECT event_id, event_type, version, data, snapshot, occurred_at, position FROM outbox \
                      WHERE tenant = $1 AND position > $2 AND position <= $3 ORDER BY position LIMIT $4) o ON TRUE \
                      WHERE l.id = 1 ORDER BY o.position";
        let mut place = start.clone();
        let (mut events, mut bytes) = (Vec::new(), 0_usize);
        for _ in 0..QUERIES {
            let limit = i64::try_from(ROWS).unwrap_or_default();
            let (tenant, through) = (query.tenant.as_str(), read_through(&place));
            let values = vec![
                tenant.into(),
                through.into(),
                head.last.into(),
                limit.into(),
                place.position.into(),
            ];
            let mut rows = self.head.all(select, values).await?;
            if let Some(row) = rows.first() {
                check_not_deleted(&place, row.try_get("", "deleted_through")?, self.db.service())?;
                check_event(&place, row.try_get("", "here")?, self.db.service())?;
                if row.try_get::<Option<i64>>("", "position")?.is_none() {
                    rows.clear();
                }
            }
            for row in &rows {
                let (position, event_id): (i64, Uuid) =
                    (row.try_get("", "position")?, row.try_get("", "event_id")?);
                let already_read = if position == place.position {
                    usize::try_from(place.read_count).unwrap_or_default()
                } else {
                    0
                };
                let kind: String = row.try_get("", "event_type")?;
                // A snapshot repeats a state for a new subscriber: nothing happened.
                let is_snapshot: bool = row.try_get("", "snapshot")?;
                let public = Catalogue::shared()
                    .get(&kind)
                    .filter(|_| !is_snapshot && query.types.contains(&kind));
                let items = match public {
                    Some(public) => shown(public, &logged(row, &query.tenant)?, &query.reader),
                    None => Vec::new(),
                };
                let count = items.len();
                for (index, item) in (1..).zip(items).skip(already_read) {
                    let Some(event) = item else { continue };
                    if events.len() >= query.limit
                        || (bytes > 0 && bytes.saturating_add(event.encoded_len()) > MOST_BYTES)
                    {
                        return Ok(GetEventsResponse { events, place: Some(place), more: true });
                    }
                    place = head.place(
                        position,
                        if index == count { 0 } else { index },
                        Some(event_id),
                    );
                    bytes = bytes.saturating_add(event.encoded_len());
                    events.push(PlacedEvent { event: Some(event), place: Some(place.clone()) });
                }
                place = head.place(position, 0, Some(event_id));
            }
            if rows.len() < ROWS {
                // The rest up to the last position is of other tenants.
                return Ok(GetEventsResponse { events, place: Some(head.end()), more: false });
            }
        }
        Ok(GetEventsResponse { events, place: Some(place), more: true })
    }

    async fn read_or_wait(
        &self,
        query: &Query,
        mut after: EventPlace,
        wait: Duration,
    ) -> Result<GetEventsResponse, AppError> {
        let until = Instant::now() + wait;
        let mut placed = self.placed.clone();
        loop {
            let head = if wait.is_zero() {
                self.head.now().await?
            } else {
                self.head.at(after.position).await?
            };
            let page = self.read(query, &head, &after).await?;
            let now = Instant::now();
            if !page.events.is_empty() || page.more || now >= until || self.stop.is_cancelled() {
                return Ok(page);
            }
            if let Some(place) = &page.place {
                after.clone_from(place);
            }
            // The head may be a little older than the last assignment: then this call looks again
            // soon.
            let is_behind = *placed.borrow_and_update() > after.position;
            let assigned = async {
                if !is_behind && placed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(GATHERS).await;
            };
            tokio::select! {
                () = self.stop.cancelled() => return Ok(page),
                () = caller_gone() => return Ok(page),
                () = tokio::time::sleep_until(until.min(now + LOOK_EVERY)) => {}
                () = assigned => {}
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
    async fn get_place(
        &self,
        request: Request<GetPlaceRequest>,
    ) -> Result<Response<GetPlaceResponse>, Status> {
        let (fields, message) = Fields::open(request)?;
        fields.finish()?;
        let head = self.head.now().await?;
        let place = if message.from_now { head.end() } else { head.begin() };
        Ok(Response::new(GetPlaceResponse { place: Some(place) }))
    }

    async fn get_events(
        &self,
        request: Request<GetEventsRequest>,
    ) -> Result<Response<GetEventsResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let tenant = fields.scope().tenant()?;
        let after = message.after.unwrap_or_default();
        if after.epoch.len() != 16
            || after.position < 0
            || after.read_count < 0
            || !matches!(after.event_id.len(), 0 | 16)
        {
            fields.wrong("after", Reason::CURSOR_INVALID, "Send a place as an answer had it.");
        }
        if message.types.is_empty() {
            fields.wrong("types", Reason::FIELD_REQUIRED, "Name the types of events.");
        }
        if message.types.len() > MOST_TYPES {
            fields.wrong("types", Reason::TOO_MANY_ITEMS, "Name at most 200 types.");
        }
        let customer = names::uuid(&message.customer);
        if customer.is_none() && (!message.customer.is_empty() || message.as_customer) {
            fields.wrong("customer", Reason::RESOURCE_NAME_INVALID, "Send the id of a customer.");
        }
        if message.limit < 0 {
            fields.wrong(
                "limit",
                Reason::FIELD_OUT_OF_RANGE,
                "Use 0 for the default, or a positive number.",
            );
        }
        fields.finish()?;
        // A newer gateway asks for what a newer replica has written. Passed over, it would be lost
        // to the reader.
        if let Some(kind) =
            message.types.iter().find(|kind| Catalogue::shared().get(kind).is_none())
        {
            return Err(not_yet(
                Reason::UNAVAILABLE,
                &format!("Events {kind} are not known to this replica yet. Retry."),
            )
            .into());
        }
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
        let wait = message
            .wait
            .and_then(|wait| Duration::try_from(wait).ok())
            .unwrap_or_default()
            .min(LONGEST_WAIT);
        Ok(Response::new(self.read_or_wait(&query, after, wait).await?))
    }
}
