//! The database of one service: SQLite (one writer behind a fair queue, separate readers) or
//! PostgreSQL (a pool, row-level security by tenant). The rest of the suite sees no difference.

mod opening;

use crate::{
    db::{
        file::DatabaseFile,
        health::Health,
        pool::Pool,
        sql,
        tenants::{self, Turn},
        transaction::{Transaction, Witness},
        tx::WriteTx,
    },
    wire::{call::Call, error::AppError},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Clock, IdSource, TenantId, calendar::today};
use sea_orm::{ConnectOptions, ConnectionTrait, DbBackend, DbErr};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// A service's database.
#[derive(Clone)]
pub struct Db {
    /// On SQLite this pool has one connection, so that its waiting callers form the fair queue of
    /// writers.
    writer: Pool,
    reader: Pool,
    /// Confirms the commits of SQLite.
    witness: Option<Arc<Witness>>,
    health: Health,
    clock: Arc<dyn Clock>,
    service: &'static str,
    /// Wakes the relay after a commit that wrote events.
    pub committed: Arc<Notify>,
    /// Wakes the recovery after a commit that enqueued a flow.
    pub flow_enqueued: Arc<Notify>,
    /// The file of an embedded database, locked against a second process.
    file: Option<Arc<DatabaseFile>>,
    /// Tables besides `requests` whose rows store the request that wrote them.
    pub(crate) requests_in: &'static [&'static str],
    /// Identifies this process among the writers of the database.
    writer_id: Uuid,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({})", self.service)
    }
}

/// Turns off the reaper of sqlx's own pool, for tools and tests. In sqlx 0.9 it loops over as many
/// idle connections as a counter says. That counter can be negative for a moment, and the loop then
/// occupies a worker thread for ever.
pub fn steady(options: &mut ConnectOptions) -> &mut ConnectOptions {
    options.idle_timeout(None).max_lifetime(None)
}

impl Db {
    /// Adds tables that store requests too, in the columns `request_id` and `input_hash`.
    #[must_use]
    pub fn with_requests_in(self, requests_in: &'static [&'static str]) -> Self {
        Self { requests_in, ..self }
    }

    /// Identifies this process among the writers of the database.
    #[must_use]
    pub fn writer_id(&self) -> Uuid {
        self.writer_id
    }

    /// The name of the service.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The machine's clock: for leases, tokens and deadlines, never for a tenant's business.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whether the database is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Postgres
    }

    /// Closes all connections when the process ends. The witness is released first: the last
    /// connection to close merges the WAL.
    pub async fn close(&self) {
        if let Some(witness) = &self.witness {
            witness.release().await;
        }
        self.writer.close().await;
        self.reader.close().await;
        if let Some(file) = &self.file {
            file.release();
        }
    }

    /// Whether the database works, and the fault if it does not.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Whether the database has answered a statement within this time.
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.writer.answered_within(time) || self.reader.answered_within(time)
    }

    /// Reports that the database does not answer.
    pub(crate) fn silent(&self, at: &str) {
        for pool in [&self.writer, &self.reader] {
            let _ = pool.silent(at);
        }
    }

    /// Runs single statements, each in a transaction of its own and without a tenant for row-level
    /// security.
    #[must_use]
    pub fn connection(&self) -> &Pool {
        &self.writer
    }

    /// Begins the write transaction of a call.
    ///
    /// # Errors
    /// `TENANT_UNKNOWN_YET`, `TENANT_SUSPENDED`, `CLOCK_ADVANCING`, or `Store` if the database
    /// fails.
    pub async fn begin(&self, call: &Call) -> Result<WriteTx, AppError> {
        let txn = self.transaction().await?;
        let state = tenants::enter(&txn, &call.tenant).await?.ok_or_else(tenants::unknown_yet)?;
        state.admits(call)?;
        let (state, id_time) =
            tenants::take_turn(&txn, &call.tenant, Turn::of(call), state).await?;
        Ok(self.open_tx(txn, call, Some(state), id_time))
    }

    /// Begins a write that is allowed in any state of the tenant: a due row, a step of an open
    /// flow, a change of the register itself. A refusal would leave such work half done.
    pub async fn begin_forward(&self, call: &Call) -> Result<WriteTx, AppError> {
        self.begin_in_any_state(call, Turn::of(call)).await
    }

    /// Begins a write that is allowed in any state, like [`Self::begin_forward`], but whose order
    /// among a test clock's other writes differs from run to run: an event's, or a driver's that
    /// nobody waits for. A request id may make ids once at an instant.
    pub async fn begin_apart(&self, call: &Call) -> Result<WriteTx, AppError> {
        self.begin_in_any_state(call, Turn::with_cause(call)).await
    }

    async fn begin_in_any_state(&self, call: &Call, turn: Turn) -> Result<WriteTx, AppError> {
        let txn = self.transaction().await?;
        let Some(state) = tenants::enter(&txn, &call.tenant).await? else {
            return Ok(self.open_tx(txn, call, None, None));
        };
        let (state, id_time) = tenants::take_turn(&txn, &call.tenant, turn, state).await?;
        Ok(self.open_tx(txn, call, Some(state), id_time))
    }

    fn open_tx(
        &self,
        txn: Transaction,
        call: &Call,
        state: Option<tenants::TenantState>,
        id_time: Option<DateTime<Utc>>,
    ) -> WriteTx {
        let real = self.clock.now();
        let now = state.as_ref().and_then(|state| state.clock_now).unwrap_or(real);
        let seed = state
            .as_ref()
            .and_then(|state| state.clock_seed.clone())
            .unwrap_or_else(|| rand::random::<[u8; 16]>().to_vec());
        let ids = IdSource::new(
            id_time.unwrap_or(now),
            &seed,
            &format!("{}/{}/{}", call.tenant, self.service, call.request_id),
        );
        let zone = state.as_ref().map_or(chrono_tz::UTC, |state| state.zone);
        WriteTx::new(
            txn,
            call.clone(),
            self,
            crate::db::tx::Time {
                now,
                real,
                zone,
                reached: state.as_ref().and_then(|s| s.reached),
                tested: state.is_some_and(|s| s.clock_now.is_some()),
            },
            ids,
        )
    }

    /// A transaction over the chassis' own tables.
    pub(crate) async fn transaction(&self) -> Result<Transaction, DbErr> {
        // IMMEDIATE locks at the start. A deferred transaction locks at its first write, and fails
        // there if another wrote meanwhile.
        let begin = if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
        Transaction::begin(&self.writer, begin, self.witness.clone()).await
    }

    /// As [`Self::transaction`], over one tenant's rows of the chassis' tables.
    pub(crate) async fn transaction_of(&self, tenant: &str) -> Result<Transaction, DbErr> {
        let txn = self.transaction().await?;
        set_tenants(&txn, &[tenant]).await?;
        Ok(txn)
    }

    /// Begins a read of one tenant's rows. All its queries see the same snapshot.
    pub async fn read(&self, tenant: &TenantId) -> Result<Transaction, DbErr> {
        self.read_all(&[tenant.as_str()]).await
    }

    /// As [`Self::read`], over several tenants' rows, for the operator.
    pub async fn read_all(&self, tenants: &[&str]) -> Result<Transaction, DbErr> {
        let begin = if self.is_postgres() {
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        } else {
            "BEGIN"
        };
        let txn = Transaction::begin(&self.reader, begin, None).await?;
        set_tenants(&txn, tenants).await?;
        Ok(txn)
    }

    /// Reads the chassis' own tables.
    pub(crate) fn system(&self) -> &Pool {
        &self.reader
    }

    /// A tenant's time: its test clock's if it has one.
    pub async fn tenant_now(
        &self,
        tenant: &TenantId,
    ) -> Result<chrono::DateTime<chrono::Utc>, AppError> {
        let state = tenants::state(&self.reader, tenant).await?;
        Ok(state.and_then(|state| state.clock_now).unwrap_or_else(|| self.clock.now()))
    }

    /// Whether the ids of a tenant's rows begin with the instant of their writing: those of a test
    /// clock run ahead of it.
    pub async fn ids_have_the_time(&self, tenant: &TenantId) -> Result<bool, AppError> {
        Ok(tenants::state(&self.reader, tenant)
            .await?
            .is_none_or(|state| state.clock_now.is_none()))
    }

    /// The time zone in which a tenant's days begin and end.
    pub async fn tenant_zone(&self, tenant: &TenantId) -> Result<chrono_tz::Tz, AppError> {
        Ok(tenants::state(&self.reader, tenant).await?.map_or(chrono_tz::UTC, |state| state.zone))
    }

    /// A tenant's current date, in its time zone.
    pub async fn tenant_today(&self, tenant: &TenantId) -> Result<chrono::NaiveDate, AppError> {
        let state = tenants::state(&self.reader, tenant).await?;
        let zone = state.as_ref().map_or(chrono_tz::UTC, |state| state.zone);
        let reached = state.as_ref().and_then(|state| state.reached);
        Ok(today(
            zone,
            state.and_then(|state| state.clock_now).unwrap_or_else(|| self.clock.now()),
            reached,
        ))
    }
}

/// Sets the tenants whose rows row-level security shows to the transaction.
async fn set_tenants(txn: &Transaction, tenants: &[&str]) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Postgres {
        sql::one(
            txn,
            "SELECT set_config('payterms.tenants', $1, true)",
            vec![tenants.join(",").into()],
        )
        .await?;
    }
    Ok(())
}
