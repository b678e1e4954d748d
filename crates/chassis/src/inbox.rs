//! The inbox: each event is applied once, in the order of its aggregate, with its effect in the
//! same transaction. What comes before its predecessor is held back; a snapshot fills a gap.

use crate::{call::Call, db::Db, error::AppError, fields::Fields, kill, sql, telemetry, tx::WriteTx};
use futures::future::BoxFuture;
use payterms_kernel::TenantId;
use payterms_proto::common::v1::{DeliverRequest, DeliverResponse, Event, inbox_service_server::InboxService};
use prost::Message;
use sea_orm::{ConnectionTrait, DbBackend};
use std::{collections::HashMap, sync::Arc};
use tonic::{Request, Response, Status};
use tracing::Instrument;
use uuid::Uuid;

/// Applies one event within the inbox's transaction.
pub type Apply = for<'a> fn(&'a mut WriteTx, &'a Event) -> BoxFuture<'a, Result<(), AppError>>;

/// What a service does with the events that it hears, by their full type name. An event of a
/// type that is not here is marked as seen.
#[derive(Clone, Default)]
pub struct Consumers(HashMap<String, Apply>);

impl std::fmt::Debug for Consumers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Consumers {
    /// Adds what is done with events of type `E`.
    #[must_use]
    pub fn with<E: prost::Name>(mut self, apply: Apply) -> Self {
        self.0.insert(E::full_name(), apply);
        self
    }
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

    async fn take(&self, event: Event) -> Result<i32, AppError> {
        let mut applied = 0;
        let mut next = Some(event);
        while let Some(event) = next {
            let span = tracing::info_span!("inbox", r#type = %event.r#type, otel.kind = "consumer");
            telemetry::adopt_trace_parent(&span, &event.trace_parent);
            match self.take_one(&event).instrument(span).await? {
                Some(false) => break,
                Some(true) => applied += 1,
                None => {}
            }
            next = self.held_after(&event).await?;
        }
        Ok(applied)
    }

    /// Applies one event if its turn has come; false if it is held back, none if it was applied
    /// before.
    async fn take_one(&self, event: &Event) -> Result<Option<bool>, AppError> {
        let fault = |what: &str| AppError::Fault(format!("event {}: {what}", event.id));
        let tenant: TenantId = event.tenant.parse().map_err(|_| fault("no tenant"))?;
        let id = Uuid::try_parse(&event.id).map_err(|_| fault("no id"))?;
        let call = Call::own(self.db.service(), &tenant, &event.r#type, id, None);
        let mut tx = self.db.begin_forward(&call).await?;
        let head = head(&tx, event).await?;
        if event.version <= head {
            // Applied before; what was held back behind it may have been left by a crash.
            return Ok(None);
        }
        let in_turn = event.snapshot || event.version == head.saturating_add(1);
        if in_turn {
            kill::point("inbox.before_apply");
            if let Some(apply) = self.consumers.0.get(&event.r#type) {
                apply(&mut tx, event).await?;
            }
            let advance =
                "UPDATE inbox_heads SET version = $1 WHERE source = $2 AND tenant = $3 AND aggregate_type = $4 AND aggregate_id = $5";
            let mut values = vec![event.version.into()];
            values.extend(aggregate(event));
            sql::exec(tx.conn(), advance, values).await?;
        }
        let held = (!in_turn).then(|| event.encode_to_vec());
        let note = "INSERT INTO inbox (event_id, source, tenant, aggregate_type, aggregate_id, version, held) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                    ON CONFLICT (event_id) DO UPDATE SET held = excluded.held";
        let mut values = vec![id.into()];
        values.extend(aggregate(event));
        values.extend([event.version.into(), held.into()]);
        sql::exec(tx.conn(), note, values).await?;
        tx.commit_rows().await?;
        kill::point("inbox.after_apply");
        Ok(Some(in_turn))
    }

    async fn held_after(&self, event: &Event) -> Result<Option<Event>, AppError> {
        let select = "SELECT held FROM inbox WHERE source = $1 AND tenant = $2 AND aggregate_type = $3 AND aggregate_id = $4 \
                      AND version = $5 AND held IS NOT NULL";
        let mut values = aggregate(event);
        values.push(event.version.saturating_add(1).into());
        let row = sql::one(self.db.system(), select, values).await?;
        let held: Option<Vec<u8>> = row.map(|row| row.try_get("", "held")).transpose()?;
        Ok(held.map(|bytes| Event::decode(bytes.as_slice())).transpose()?)
    }
}

fn aggregate(event: &Event) -> Vec<sea_orm::Value> {
    vec![event.source.clone().into(), event.tenant.clone().into(), event.aggregate_type.clone().into(), event.aggregate_id.clone().into()]
}

/// The version that the aggregate has here, its row locked.
async fn head(tx: &WriteTx, event: &Event) -> Result<i64, AppError> {
    let insert =
        "INSERT INTO inbox_heads (source, tenant, aggregate_type, aggregate_id, version) VALUES ($1, $2, $3, $4, 0) ON CONFLICT DO NOTHING";
    sql::exec(tx.conn(), insert, aggregate(event)).await?;
    let lock = if tx.conn().get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let select =
        format!("SELECT version FROM inbox_heads WHERE source = $1 AND tenant = $2 AND aggregate_type = $3 AND aggregate_id = $4{lock}");
    let row = sql::one(tx.conn(), &select, aggregate(event)).await?;
    Ok(row.map(|row| row.try_get("", "version")).transpose()?.unwrap_or_default())
}

#[tonic::async_trait]
impl InboxService for Inbox {
    async fn deliver(&self, request: Request<DeliverRequest>) -> Result<Response<DeliverResponse>, Status> {
        let (fields, message) = Fields::open(request)?;
        fields.finish()?;
        let mut applied_count = 0;
        for event in message.events {
            applied_count += self.take(event).await?;
        }
        Ok(Response::new(DeliverResponse { applied_count }))
    }
}
