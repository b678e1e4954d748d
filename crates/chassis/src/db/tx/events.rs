//! The events of a transaction: an aggregate's next version, the row of the outbox, and the audit
//! row of the change.

use super::WriteTx;
use crate::{db::sql, wire::error::AppError};
use prost::{Message, Name};
use sea_orm::DbErr;
use sha2::{Digest, Sha256};
use uuid::Uuid;

impl WriteTx {
    /// Writes an event of an aggregate and the audit row of its change.
    pub async fn emit<E: Message + Name>(
        &mut self,
        aggregate: &str,
        id: &str,
        event: &E,
    ) -> Result<(), AppError> {
        self.emit_bytes(aggregate, id, &E::full_name(), event.encode_to_vec()).await.map(|_| ())
    }

    /// As [`Self::emit`], for an encoded event. Returns the aggregate's new version.
    pub async fn emit_bytes(
        &mut self,
        aggregate: &str,
        id: &str,
        kind: &str,
        data: Vec<u8>,
    ) -> Result<i64, AppError> {
        let tenant = self.call.tenant.to_string();
        let Head { version, before, hash } = self.next_head(aggregate, id, &data).await?;
        let event_id = self.ids.make::<Self>().uuid();
        self.put_event(
            event_id,
            AggregateVersion { kind: aggregate, id, version },
            kind,
            data,
            EventKind::Change,
        )
        .await?;
        let audit = "INSERT INTO audit (id, tenant, request_id, method, actor, aggregate_type, aggregate_id, version, before_hash, after_hash, \
                     recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = vec![
            event_id.into(),
            tenant.into(),
            self.call.request_id.into(),
            self.call.method.clone().into(),
            self.call.caller.subject.clone().into(),
            aggregate.into(),
            id.into(),
            version.into(),
            before.into(),
            hash.into(),
            self.time.now.into(),
        ];
        sql::exec(&self.txn, audit, values).await?;
        self.versions.push(format!("{aggregate}/{id}@{version}"));
        Ok(version)
    }

    /// Writes an event without an audit row, for changes that write their audit rows themselves.
    pub async fn emit_without_audit<E: Message + Name>(
        &mut self,
        aggregate: &str,
        id: &str,
        event: &E,
    ) -> Result<(), AppError> {
        let data = event.encode_to_vec();
        let Head { version, .. } = self.next_head(aggregate, id, &data).await?;
        let event_id = self.ids.make::<Self>().uuid();
        let version = AggregateVersion { kind: aggregate, id, version };
        self.put_event(event_id, version, &E::full_name(), data, EventKind::Change).await?;
        Ok(())
    }

    /// Raises an aggregate's version by one and stores the hash of its new state.
    async fn next_head(&self, aggregate: &str, id: &str, data: &[u8]) -> Result<Head, AppError> {
        let hash = Sha256::digest(data).to_vec();
        let head = "INSERT INTO aggregate_heads (tenant, aggregate_type, aggregate_id, version, state_hash) VALUES ($1, $2, $3, 1, $4) \
                    ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + 1, \
                    before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash RETURNING version, before_hash";
        let values = vec![
            self.call.tenant.as_str().into(),
            aggregate.into(),
            id.into(),
            hash.clone().into(),
        ];
        let row = sql::one(&self.txn, head, values).await?;
        let row = row.ok_or_else(|| AppError::Fault("no head came back".to_owned()))?;
        Ok(Head {
            version: row.try_get("", "version")?,
            before: row.try_get("", "before_hash")?,
            hash,
        })
    }

    /// Writes a row of the outbox.
    pub(crate) async fn put_event(
        &self,
        event_id: Uuid,
        aggregate: AggregateVersion<'_>,
        event_type: &str,
        data: Vec<u8>,
        kind: EventKind,
    ) -> Result<(), DbErr> {
        let insert = "INSERT INTO outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, \
                      occurred_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = vec![
            event_id.into(),
            self.call.tenant.as_str().into(),
            aggregate.kind.into(),
            aggregate.id.into(),
            aggregate.version.into(),
            event_type.into(),
            data.into(),
            crate::telemetry::trace_parent().into(),
            (kind == EventKind::Snapshot).into(),
            self.time.now.into(),
            self.time.real.into(),
        ];
        sql::exec(&self.txn, insert, values).await.map(|_| ())
    }
}

/// An aggregate at one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AggregateVersion<'a> {
    /// The type of the aggregate.
    pub kind: &'a str,
    /// Its id.
    pub id: &'a str,
    /// Its version.
    pub version: i64,
}

/// What an event stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    /// A change that led to a new version.
    Change,
    /// The state at the present version, published again.
    Snapshot,
}

/// An aggregate after a change: its new version, and the hashes of its state before and after.
struct Head {
    version: i64,
    before: Option<Vec<u8>>,
    hash: Vec<u8>,
}
