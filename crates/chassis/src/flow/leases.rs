//! Leases: the right to execute the next steps of a flow, or a task that only one replica may run.
//!
//! The lease has a fencing number, which rises with each takeover. Every step's transaction checks
//! it ([`hold`]), so a driver that was believed dead and wakes up again cannot write.

use crate::{
    db::{Db, sql, tx::WriteTx},
    wire::error::AppError,
};
use chrono::TimeDelta;
use payterms_kernel::{Kind, Reason, Refusal, TenantId};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a lease lasts without renewal, and how often its driver renews it: often enough that
/// three renewals may fail.
pub(super) const LEASE_SECONDS: i64 = 8;
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// The right to execute a flow's next steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind of flow.
    pub flow: &'static str,
    /// The intent.
    pub intent: Uuid,
    /// The fencing number. It rises with each takeover and each reopening.
    pub fence: i64,
    /// Whether the flow was taken over from another driver, which may have executed any of the
    /// steps.
    pub taken_over: bool,
}

/// The leases that this process holds, under one owner id.
#[derive(Debug, Clone)]
pub struct Leases {
    /// The database that stores them.
    pub(super) db: Db,
    /// The owner that they name.
    pub(super) owner: Uuid,
}

impl Leases {
    pub(crate) fn new(db: Db) -> Self {
        Self { db, owner: Uuid::from_bytes(rand::random()) }
    }

    /// Ends all leases when an embedded database is opened: its file is locked, so no other process
    /// can hold one.
    pub(crate) async fn release_all(&self) -> Result<(), DbErr> {
        let txn = self.db.transaction().await?;
        sql::exec(
            &txn,
            "UPDATE intent_lease SET expires_at = $1",
            vec![chrono::DateTime::UNIX_EPOCH.into()],
        )
        .await?;
        txn.commit().await?;
        Ok(())
    }

    /// Acquires or renews the lease of a task that only one replica may run. Returns whether this
    /// process holds it.
    pub(crate) async fn hold_singleton(&self, task: &str) -> Result<bool, DbErr> {
        let now = self.db.clock().now();
        let txn = self.db.transaction().await?;
        let upsert = "INSERT INTO intent_lease (tenant, flow, intent_id, owner, fence, expires_at) VALUES ('', $1, $2, $3, 1, $4) \
                      ON CONFLICT (tenant, flow, intent_id) DO UPDATE SET owner = excluded.owner, fence = intent_lease.fence + 1, \
                      expires_at = excluded.expires_at WHERE intent_lease.owner = excluded.owner OR intent_lease.expires_at < $5";
        let until = now + TimeDelta::seconds(LEASE_SECONDS);
        let written = sql::exec(
            &txn,
            upsert,
            vec![task.into(), Uuid::nil().into(), self.owner.into(), until.into(), now.into()],
        )
        .await?;
        txn.commit().await?;
        Ok(written == 1)
    }

    /// Releases the lease of a task, so that another replica need not wait until it lapses.
    pub(crate) async fn release_singleton(&self, task: &str) -> Result<(), DbErr> {
        let txn = self.db.transaction().await?;
        let update = "UPDATE intent_lease SET expires_at = $1 WHERE tenant = '' AND flow = $2 AND owner = $3";
        sql::exec(
            &txn,
            update,
            vec![chrono::DateTime::UNIX_EPOCH.into(), task.into(), self.owner.into()],
        )
        .await?;
        txn.commit().await?;
        Ok(())
    }

    /// Renews a lease until its driver is done.
    pub(super) async fn renew_until(self, lease: Lease, done: CancellationToken) {
        while tokio::time::timeout(RENEW_EVERY, done.cancelled()).await.is_err() {
            if let Err(error) = self.renew(&lease).await {
                tracing::debug!(%error, "a lease was not renewed");
            }
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<(), DbErr> {
        let until = self.db.clock().now() + TimeDelta::seconds(LEASE_SECONDS);
        let txn = self.db.transaction().await?;
        let update = "UPDATE intent_lease SET expires_at = $1 WHERE tenant = $2 AND flow = $3 AND intent_id = $4 AND fence = $5";
        sql::exec(
            &txn,
            update,
            [vec![until.into()], key(lease), vec![lease.fence.into()]].concat(),
        )
        .await?;
        txn.commit().await?;
        Ok(())
    }
}

/// The columns that name a lease, as values.
pub(super) fn key(lease: &Lease) -> Vec<sea_orm::Value> {
    vec![lease.tenant.as_str().into(), lease.flow.into(), lease.intent.into()]
}

/// Checks that the driver still has the lease, and locks its row until the commit, so that nobody
/// can take the flow over between this check and the step's writes.
///
/// # Errors
/// `CONCURRENT_UPDATE` if another driver has taken the flow over or the flow has closed.
pub async fn hold(tx: &WriteTx, lease: &Lease) -> Result<(), AppError> {
    let lock =
        if tx.conn().get_database_backend() == DbBackend::Postgres { " FOR UPDATE" } else { "" };
    let select = format!(
        "SELECT fence FROM intent_lease WHERE tenant = $1 AND flow = $2 AND intent_id = $3{lock}"
    );
    let row = sql::one(tx.conn(), &select, key(lease)).await?;
    let fence: Option<i64> = row.map(|row| row.try_get("", "fence")).transpose()?;
    if fence == Some(lease.fence) {
        return Ok(());
    }
    Err(Refusal::new(
        Kind::Conflict,
        Reason::CONCURRENT_UPDATE,
        "Another driver has taken the flow over.",
    )
    .into())
}

/// Ends the lease in the transaction that closes the flow.
pub async fn close(tx: &WriteTx, lease: &Lease) -> Result<(), DbErr> {
    let delete = "DELETE FROM intent_lease WHERE tenant = $1 AND flow = $2 AND intent_id = $3";
    sql::exec(tx.conn(), delete, key(lease)).await.map(|_| ())
}
