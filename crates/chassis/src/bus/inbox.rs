//! The inbox: each event is applied once, in the order of its aggregate, with its effect in the
//! same transaction. An event that arrives before its predecessor is stored and applied later; a
//! snapshot closes a gap.
//!
//! An event that fails five times becomes a dead letter: its aggregate waits for the operator, the
//! others continue.

use crate::{
    bus::operations,
    db::{Db, sql, tx::WriteTx},
    kill, telemetry,
    wire::{call::Call, error::AppError, fields::Fields},
};
use futures::future::BoxFuture;
use payterms_kernel::{Reason, Refusal, TenantId};
use payterms_proto::common::{
    peers::v1::{DeliverRequest, DeliverResponse, inbox_service_server::InboxService},
    v1::{DeadLetter, Event},
};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend};
use std::{collections::HashMap, sync::Arc};
use tonic::{Request, Response, Status};
use tracing::Instrument;
use uuid::Uuid;

/// Attempts before an event becomes a dead letter. A lasting error would otherwise be retried for
/// ever.
pub(crate) const MOST_ATTEMPTS: i64 = 5;
/// Why a dead letter can neither be applied nor passed over.
const BEFORE_IT: &str =
    "an event before it has not come yet; let its publisher publish the aggregate again";
/// Events in one delivery.
pub(crate) const MOST_EVENTS: u16 = 200;

/// Applies one event within the inbox's transaction.
pub type Apply = for<'a> fn(&'a mut WriteTx, &'a Event) -> BoxFuture<'a, Result<(), AppError>>;

/// The handlers of the events that a service subscribes to, by full type name. An event without a
/// handler is only recorded as applied.
#[derive(Clone, Default)]
pub struct Consumers(HashMap<String, Apply>);

impl std::fmt::Debug for Consumers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Consumers {
    /// Adds the handler of events of type `E`.
    #[must_use]
    pub fn with<E: prost::Name>(mut self, apply: Apply) -> Self {
        self.0.insert(E::full_name(), apply);
        self
    }
}

/// The outcome of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    /// Its effect is committed.
    Applied,
    /// It waits for its predecessor, or is a dead letter.
    Waiting,
    /// It was applied before.
    Duplicate,
}

/// Whether an event may be applied although it is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Not any more after [`MOST_ATTEMPTS`].
    Limited,
    /// The operator asked for another attempt.
    Forced,
}

/// The inbox of one service.
#[derive(Debug, Clone)]
pub struct Inbox {
    db: Db,
    consumers: Arc<Consumers>,
}

impl Inbox {
    pub(crate) fn new(db: Db, consumers: Consumers) -> Self {
        Self { db, consumers: Arc::new(consumers) }
    }

    /// Applies an event and those stored events that it was holding up; returns how many were
    /// applied.
    pub(crate) async fn apply_with_successors(&self, event: Event) -> Result<i32, AppError> {
        let mut applied = 0;
        let mut next = Some(event);
        while let Some(event) = next {
            let span = tracing::info_span!("inbox", r#type = %event.r#type, otel.kind = "consumer");
            telemetry::adopt_trace_parent(&span, &event.trace_parent);
            match self.apply(&event, Attempt::Limited).instrument(span).await {
                Ok(Delivery::Waiting) => break,
                Ok(Delivery::Applied) => applied += 1,
                Ok(Delivery::Duplicate) => {}
                Err(error)
                    if error.is_lasting()
                        && self.record_failure(&event, &error).await? >= MOST_ATTEMPTS =>
                {
                    tracing::error!(event = %event.id, r#type = %event.r#type, "an event is a dead letter now");
                    break;
                }
                Err(error) => return Err(error),
            }
            next = self.stored_successor(&event).await?;
        }
        Ok(applied)
    }

    /// Applies one event if its predecessor has been applied; otherwise stores it until then.
    async fn apply(&self, event: &Event, attempt: Attempt) -> Result<Delivery, AppError> {
        let fault = |what: &str| AppError::Fault(format!("event {}: {what}", event.id));
        let tenant: TenantId = event.tenant.parse().map_err(|_| fault("no tenant"))?;
        let id = Uuid::try_parse(&event.id).map_err(|_| fault("no id"))?;
        let call = Call::internal(self.db.service(), &tenant, &event.r#type, id, None);
        let mut tx = self.db.begin_apart(&call).await?;
        let head = head(&tx, event).await?;
        if event.version <= head {
            // Applied before. The caller still looks for a stored successor: a crash may have come
            // between the two.
            return Ok(Delivery::Duplicate);
        }
        if attempt == Attempt::Limited && attempts(&tx, id).await? >= MOST_ATTEMPTS {
            return Ok(Delivery::Waiting);
        }
        // A snapshot holds the whole state, so it need not wait for its predecessors.
        let in_turn = event.snapshot || event.version == head.saturating_add(1);
        if in_turn {
            kill::point("inbox.before_apply");
            if let Some(apply) = self.consumers.0.get(&event.r#type) {
                apply(&mut tx, event).await?;
            }
            pass(&tx, event).await?;
        }
        let stored_event = (!in_turn).then(|| event.encode_to_vec());
        record(&tx, event, id, stored_event).await?;
        tx.commit_rows().await?;
        kill::point("inbox.after_apply");
        Ok(if in_turn { Delivery::Applied } else { Delivery::Waiting })
    }

    /// Records that an event could not be applied; returns the number of failed attempts.
    async fn record_failure(&self, event: &Event, error: &AppError) -> Result<i64, AppError> {
        let (Ok(tenant), Ok(id)) = (event.tenant.parse(), Uuid::try_parse(&event.id)) else {
            return Ok(0);
        };
        let tx = self
            .db
            .begin_apart(&Call::internal(self.db.service(), &tenant, &event.r#type, id, None))
            .await?;
        head(&tx, event).await?;
        record(&tx, event, id, Some(event.encode_to_vec())).await?;
        let count = "UPDATE inbox SET attempts = attempts + 1, failure = $2 WHERE event_id = $1";
        sql::exec(
            tx.conn(),
            count,
            vec![id.into(), error.to_string().chars().take(500).collect::<String>().into()],
        )
        .await?;
        let failed = attempts(&tx, id).await?;
        tx.commit_rows().await?;
        Ok(failed)
    }

    /// The stored event of a dead letter; none if it was applied or passed over meanwhile.
    async fn dead_letter(&self, tenant: &TenantId, id: Uuid) -> Result<Option<Event>, AppError> {
        let select =
            "SELECT held FROM inbox WHERE event_id = $1 AND tenant = $2 AND attempts >= $3";
        let row = sql::one(
            self.db.system(),
            select,
            vec![id.into(), tenant.as_str().into(), MOST_ATTEMPTS.into()],
        )
        .await?;
        let stored: Option<Vec<u8>> = row.ok_or_else(Refusal::not_found)?.try_get("", "held")?;
        Ok(stored.map(|stored| Event::decode(stored.as_slice())).transpose()?)
    }

    /// Retries a dead letter and then the stored events behind it; returns the failure if there was
    /// one.
    pub(crate) async fn retry(
        &self,
        tenant: &TenantId,
        id: Uuid,
    ) -> Result<Option<String>, AppError> {
        let Some(event) = self.dead_letter(tenant, id).await? else { return Ok(None) };
        match self.apply(&event, Attempt::Forced).await {
            Ok(Delivery::Waiting) => return Ok(Some(BEFORE_IT.to_owned())),
            Ok(_) => {}
            Err(error) if error.is_lasting() => {
                self.record_failure(&event, &error).await?;
                return Ok(Some(error.to_string()));
            }
            Err(error) => return Err(error),
        }
        self.apply_successors(&event).await.map(|()| None)
    }

    /// Passes over a dead letter, and then applies the stored events behind it; returns what stands
    /// in the way.
    pub(crate) async fn dismiss(
        &self,
        tenant: &TenantId,
        id: Uuid,
    ) -> Result<Option<String>, AppError> {
        let Some(event) = self.dead_letter(tenant, id).await? else { return Ok(None) };
        let tx = self
            .db
            .begin_apart(&Call::internal(self.db.service(), tenant, &event.r#type, id, None))
            .await?;
        let head = head(&tx, &event).await?;
        if event.version > head.saturating_add(1) {
            return Ok(Some(BEFORE_IT.to_owned()));
        }
        let stands = event.version > head;
        if stands {
            pass(&tx, &event).await?;
        }
        // Also where another caller has passed it over: what is behind it is applied in
        // transactions of its own, and an embedded database has one at a time.
        tx.commit_rows().await?;
        if stands {
            tracing::warn!(event = %event.id, r#type = %event.r#type, "a dead letter is passed over by the operator");
        }
        self.apply_successors(&event).await.map(|()| None)
    }

    async fn apply_successors(&self, event: &Event) -> Result<(), AppError> {
        if let Some(next) = self.stored_successor(event).await? {
            self.apply_with_successors(next).await?;
        }
        Ok(())
    }

    /// Dead letters whose event id is greater than `after`, in the order of ids.
    pub(crate) async fn dead_letters(
        &self,
        after: Uuid,
        limit: u64,
    ) -> Result<Vec<DeadLetter>, AppError> {
        let select = "SELECT event_id, source, tenant, aggregate_type, aggregate_id, version, held, attempts, failure, recorded_at \
                      FROM inbox WHERE held IS NOT NULL AND attempts >= $1 AND event_id > $2 ORDER BY event_id LIMIT $3";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sql::all(
            self.db.system(),
            select,
            vec![MOST_ATTEMPTS.into(), after.into(), limit.into()],
        )
        .await?;
        let letter = |row: &sea_orm::QueryResult| {
            let stored: Vec<u8> = row.try_get("", "held")?;
            operations::dead_letter(row, &Event::decode(stored.as_slice())?.r#type)
        };
        rows.iter().map(letter).collect()
    }

    async fn stored_successor(&self, event: &Event) -> Result<Option<Event>, AppError> {
        let select = "SELECT held FROM inbox WHERE source = $1 AND tenant = $2 AND aggregate_type = $3 AND aggregate_id = $4 \
                      AND version = $5 AND held IS NOT NULL";
        let mut values = aggregate(event);
        values.push(event.version.saturating_add(1).into());
        let row = sql::one(self.db.system(), select, values).await?;
        let stored: Option<Vec<u8>> = row.map(|row| row.try_get("", "held")).transpose()?;
        Ok(stored.map(|bytes| Event::decode(bytes.as_slice())).transpose()?)
    }
}

async fn attempts(tx: &WriteTx, id: Uuid) -> Result<i64, AppError> {
    let row =
        sql::one(tx.conn(), "SELECT attempts FROM inbox WHERE event_id = $1", vec![id.into()])
            .await?;
    Ok(row.map(|row| row.try_get("", "attempts")).transpose()?.unwrap_or_default())
}

/// Records an event. `stored_event` holds its bytes while it is not applied.
async fn record(
    tx: &WriteTx,
    event: &Event,
    id: Uuid,
    stored_event: Option<Vec<u8>>,
) -> Result<(), AppError> {
    let upsert = "INSERT INTO inbox (event_id, source, tenant, aggregate_type, aggregate_id, version, held, attempts, failure, recorded_at) \
                VALUES ($1, $2, $3, $4, $5, $6, $7, 0, '', $8) \
                ON CONFLICT (event_id) DO UPDATE SET held = excluded.held, recorded_at = excluded.recorded_at";
    let values = [
        vec![id.into()],
        aggregate(event),
        vec![event.version.into(), stored_event.into(), tx.time().real.into()],
    ]
    .concat();
    sql::exec(tx.conn(), upsert, values).await?;
    Ok(())
}

/// Notes that everything up to an event's version is applied or passed over. Its head is locked.
async fn pass(tx: &WriteTx, event: &Event) -> Result<(), AppError> {
    let advance = "UPDATE inbox_heads SET version = $1 WHERE source = $2 AND tenant = $3 AND aggregate_type = $4 AND aggregate_id = $5";
    let passed = "UPDATE inbox SET held = NULL WHERE version <= $1 AND source = $2 AND tenant = $3 AND aggregate_type = $4 \
                  AND aggregate_id = $5 AND held IS NOT NULL";
    for statement in [advance, passed] {
        sql::exec(tx.conn(), statement, [vec![event.version.into()], aggregate(event)].concat())
            .await?;
    }
    Ok(())
}

fn aggregate(event: &Event) -> Vec<sea_orm::Value> {
    vec![
        event.source.clone().into(),
        event.tenant.clone().into(),
        event.aggregate_type.clone().into(),
        event.aggregate_id.clone().into(),
    ]
}

/// The version up to which the aggregate's events are applied. Its row is locked until the commit,
/// so that two deliveries of one aggregate at once cannot both apply the same event.
async fn head(tx: &WriteTx, event: &Event) -> Result<i64, AppError> {
    let insert = "INSERT INTO inbox_heads (source, tenant, aggregate_type, aggregate_id, version) VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING";
    sql::exec(tx.conn(), insert, aggregate(event)).await?;
    let lock =
        if tx.conn().get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let select = format!(
        "SELECT version FROM inbox_heads WHERE source = $1 AND tenant = $2 AND aggregate_type = $3 AND aggregate_id = $4{lock}"
    );
    let row = sql::one(tx.conn(), &select, aggregate(event)).await?;
    Ok(row.map(|row| row.try_get("", "version")).transpose()?.unwrap_or_default())
}

#[tonic::async_trait]
impl InboxService for Inbox {
    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        let (mut fields, message) = Fields::open(request)?;
        let issuer = fields.scope().issuer.clone();
        if message.events.iter().any(|event| event.source != issuer) {
            fields.wrong(
                "events.source",
                Reason::SOURCE_NOT_CALLER,
                "Deliver your own events only.",
            );
        }
        if message.events.len() > usize::from(MOST_EVENTS) {
            fields.wrong("events", Reason::TOO_MANY_ITEMS, "Deliver at most 200 events.");
        }
        fields.finish()?;
        let mut applied_count = 0;
        for event in message.events {
            applied_count += self.apply_with_successors(event).await?;
        }
        Ok(Response::new(DeliverResponse { applied_count }))
    }
}
