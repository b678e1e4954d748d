//! Turns rows of the outbox into deliveries. Each endpoint has a position of its own: one that is
//! disabled or slow stays behind, as far as events are kept, and nobody waits for it.
//!
//! Only rows with a position are read, as readers of the event log do. The transaction that stores
//! deliveries is durable, and with it the positions that it has read: PostgreSQL writes its log in
//! order.

use crate::{
    bus::public_events::{Logged, Reader, shown},
    db::{
        Db,
        rows::{Kind, Rows},
        sql,
    },
    edge::access::{Access, AccessTable},
    kill,
    webhooks::{
        replays,
        targets::{self, Target},
    },
    wire::{catalogue::Catalogue, error::AppError, names},
};
use chrono::{DateTime, Utc};
use payterms_proto::common::v1::PublicEvent;
use sea_orm::{ConnectionTrait, Value};
use std::collections::HashSet;
use uuid::Uuid;

/// The role whose rights an endpoint has: who may create one.
const ROLE: &str = "ADMIN";
/// Deliveries of an endpoint that wait at once. What follows stays in the outbox until there is
/// room.
const WINDOW: i64 = 1_000;
/// Rows of the outbox in one transaction.
pub(crate) const ROWS: i64 = 200;
/// Endpoints in one pass.
const TARGETS: i64 = 500;

/// A row of the outbox.
pub(crate) struct OutboxRow {
    pub kind: String,
    pub position: i64,
    pub logged: Logged,
}

impl OutboxRow {
    /// The columns of a row.
    pub(crate) const COLUMNS: &str = "event_id, event_type, version, data, occurred_at, position";

    pub(crate) fn read(row: &sea_orm::QueryResult, tenant: &str) -> Result<Self, AppError> {
        Ok(Self {
            kind: row.try_get("", "event_type")?,
            position: row.try_get("", "position")?,
            logged: Logged {
                event_id: row.try_get("", "event_id")?,
                tenant: tenant.to_owned(),
                version: row.try_get("", "version")?,
                occurred_at: row.try_get("", "occurred_at")?,
                data: row.try_get("", "data")?,
            },
        })
    }

    /// The public events of the row; none in the place of an item that is not shown.
    pub(crate) fn events(&self) -> Vec<Option<PublicEvent>> {
        Catalogue::shared()
            .get(&self.kind)
            .map(|kind| shown(kind, &self.logged, &Reader::default()))
            .unwrap_or_default()
    }
}

/// The types of events that go to endpoints: those that their owner may see.
#[must_use]
pub fn deliverable(access: &AccessTable) -> HashSet<String> {
    let roles = [ROLE.to_owned()];
    let visible = Catalogue::shared()
        .iter()
        .filter(|(_, kind)| matches!(access.decide(&kind.read_by, &roles), Access::Granted(_)));
    visible.map(|(name, _)| name.to_owned()).collect()
}

/// Makes the deliveries of a service's events.
#[derive(Debug, Clone)]
pub(crate) struct FanOut {
    pub db: Db,
    pub types: std::sync::Arc<HashSet<String>>,
}

impl FanOut {
    /// Makes what is missing. Returns whether there is more to make.
    pub(crate) async fn run_once(&self) -> Result<bool, AppError> {
        let select = format!(
            "SELECT t.tenant, t.endpoint_id FROM webhook_targets t WHERE {} \
             AND EXISTS (SELECT 1 FROM outbox o WHERE o.tenant = t.tenant AND o.position > t.position) LIMIT {TARGETS}",
            targets::IS_SERVED
        );
        let mut more = false;
        for row in sql::all(self.db.system(), &select, vec![]).await? {
            let (tenant, endpoint): (String, Uuid) =
                (row.try_get("", "tenant")?, row.try_get("", "endpoint_id")?);
            more |= self.serve(&tenant, endpoint).await?;
        }
        more |= replays::run_once(self).await?;
        Ok(more)
    }

    /// Makes deliveries for one endpoint. Returns whether there is more to make at once.
    async fn serve(&self, tenant: &str, endpoint: Uuid) -> Result<bool, AppError> {
        let txn = self.db.transaction().await?;
        // One that another replica serves at the moment is passed over.
        let lock = if self.db.is_postgres() { " FOR UPDATE SKIP LOCKED" } else { "" };
        let Some(target) = targets::find(&txn, (tenant, endpoint), lock).await? else {
            return Ok(false);
        };
        if !has_room(&txn, &target).await? {
            return Ok(false);
        }
        // A snapshot repeats a state for a new subscriber: nothing happened.
        let select = format!(
            "SELECT {}, snapshot FROM outbox WHERE tenant = $1 AND position > $2 ORDER BY position LIMIT {ROWS}",
            OutboxRow::COLUMNS
        );
        let rows = sql::all(&txn, &select, vec![tenant.into(), target.position.into()]).await?;
        let now = self.db.clock().now();
        let (mut deliveries, mut last) = (Deliveries::new(&target, now), target.position);
        for row in &rows {
            let is_snapshot: bool = row.try_get("", "snapshot")?;
            let row = OutboxRow::read(row, tenant)?;
            last = row.position;
            if !is_snapshot && self.types.contains(&row.kind) {
                deliveries.add(&row);
            }
        }
        if last == target.position {
            return Ok(false);
        }
        let made = deliveries.insert(&txn).await?;
        targets::advance(&txn, &target, last).await?;
        if made > 0 {
            kill::point("webhooks.before_deliveries");
        }
        txn.commit().await?;
        if made > 0 {
            kill::point("webhooks.after_deliveries");
        }
        Ok(i64::try_from(rows.len()) == Ok(ROWS))
    }
}

/// Whether more deliveries of an endpoint may wait.
pub(crate) async fn has_room<C: ConnectionTrait>(
    conn: &C,
    target: &Target,
) -> Result<bool, AppError> {
    let select = format!(
        "SELECT count(*) AS many FROM (SELECT 1 FROM webhook_deliveries WHERE tenant = $1 AND endpoint_id = $2 \
         AND state = 'PENDING' LIMIT {WINDOW}) waiting"
    );
    let row = sql::one(conn, &select, vec![target.tenant.as_str().into(), target.endpoint.into()])
        .await?;
    Ok(row.map(|row| row.try_get::<i64>("", "many")).transpose()?.unwrap_or_default() < WINDOW)
}

/// The deliveries to one endpoint.
pub(crate) struct Deliveries<'a> {
    target: &'a Target,
    name: String,
    now: DateTime<Utc>,
    rows: Rows<11>,
}

impl<'a> Deliveries<'a> {
    pub(crate) fn new(target: &'a Target, now: DateTime<Utc>) -> Self {
        let rows = Rows::new([
            ("tenant", Kind::Text),
            ("endpoint_id", Kind::Id),
            ("event_id", Kind::Id),
            ("position", Kind::Number),
            ("item", Kind::Number),
            ("event_type", Kind::Text),
            ("subject", Kind::Text),
            ("state", Kind::Text),
            ("due_at", Kind::Time),
            ("created_at", Kind::Time),
            ("updated_at", Kind::Time),
        ]);
        Self { target, name: target.name(), now, rows }
    }

    /// Adds the events of a row that go to the endpoint.
    pub(crate) fn add(&mut self, row: &OutboxRow) {
        for (item, event) in (0_i64..).zip(row.events()) {
            let Some((event, id)) = event
                .and_then(|event| names::uuid(&event.id).map(|id| (event, id)))
                .filter(|(event, _)| self.takes(event))
            else {
                continue;
            };
            let text = |text: &str| Value::from(text);
            self.rows.push([
                text(self.target.tenant.as_str()),
                self.target.endpoint.into(),
                id.into(),
                row.position.into(),
                item.into(),
                text(&row.kind),
                text(&event.subject),
                text("PENDING"),
                self.now.into(),
                self.now.into(),
                self.now.into(),
            ]);
        }
    }

    /// Events about an endpoint are sent to that endpoint only, whatever event types it subscribes
    /// to.
    fn takes(&self, event: &PublicEvent) -> bool {
        let is_about_endpoint = event
            .subject
            .strip_prefix(&event.tenant)
            .is_some_and(|rest| rest.starts_with("/webhookEndpoints/"));
        if is_about_endpoint {
            return event.subject == self.name;
        }
        self.target.types.is_empty() || self.target.types.contains(&event.r#type)
    }

    /// Stores them; what is there already stays as it is.
    pub(crate) async fn insert<C: ConnectionTrait>(self, conn: &C) -> Result<u64, AppError> {
        Ok(self.rows.insert(conn, "webhook_deliveries", "ON CONFLICT DO NOTHING").await?)
    }

    /// Stores them; what was through begins anew, and what waits goes on waiting.
    pub(crate) async fn insert_or_reset<C: ConnectionTrait>(
        self,
        conn: &C,
    ) -> Result<u64, AppError> {
        let reset = "ON CONFLICT (tenant, endpoint_id, event_id) DO UPDATE SET state = 'PENDING', attempts = 0, \
                     claim = webhook_deliveries.claim + 1, due_at = excluded.due_at, first_attempt_at = NULL, updated_at = excluded.updated_at \
                     WHERE webhook_deliveries.state <> 'PENDING'";
        Ok(self.rows.insert(conn, "webhook_deliveries", reset).await?)
    }
}
