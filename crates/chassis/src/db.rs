//! The database of one service: SQLite (one writer behind a fair queue, readers apart) or
//! PostgreSQL (a pool, row-level security by tenant). The rest of the suite sees no difference.

use crate::{call::Call, error::AppError, sql, tenants, tx::WriteTx};
use chrono::{DateTime, Utc};
use payterms_kernel::{Clock, IdSource, TenantId, calendar::day_in};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use std::{fs::File, path::Path, sync::Arc, time::Duration};
use tokio::sync::{Mutex, Notify, OwnedMutexGuard};
use uuid::Uuid;

/// A service's database.
#[derive(Clone)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    /// SQLite's one writer, first come first served; PostgreSQL needs no queue.
    queue: Option<Arc<Mutex<()>>>,
    clock: Arc<dyn Clock>,
    service: &'static str,
    /// Wakes the relay after a commit that left events.
    pub committed: Arc<Notify>,
    /// Wakes the recovery after a commit that left a flow to it.
    pub left: Arc<Notify>,
    /// Keeps a second process away from the file.
    lock: Option<Arc<File>>,
    /// Tables besides `requests` whose rows keep the request that wrote them.
    pub(crate) requests_in: &'static [&'static str],
    /// This process among those that write to the database.
    writer_id: Uuid,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Db({})", self.service)
    }
}

/// A pool without a reaper: that of sqlx 0.9 goes over as many idle connections as a counter says, which for
/// a moment may be below zero, and then it takes a worker thread for ever. A dead connection is found out
/// when it is acquired.
pub fn steady(options: &mut ConnectOptions) -> &mut ConnectOptions {
    options.idle_timeout(None).max_lifetime(None)
}

impl Db {
    /// Opens `sqlite:<file>` (made if missing, locked against a second process) or
    /// `postgres://…`.
    ///
    /// # Errors
    /// A sentence that says what the database said.
    pub async fn open(url: &str, service: &'static str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let opened = match url.strip_prefix("sqlite:") {
            Some(file) => Self::open_sqlite(Path::new(file), service, clock).await,
            None => Self::open_postgres(url, service, clock).await,
        };
        opened.map_err(|error| format!("database of {service}: {error}"))
    }

    async fn open_sqlite(file: &Path, service: &'static str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let lock = File::create(file.with_extension("lock")).map_err(|error| error.to_string())?;
        lock.try_lock().map_err(|_| format!("{} is in use by another process", file.display()))?;
        let options = |connections: u32| {
            let mut options = ConnectOptions::new(format!("sqlite:{}?mode=rwc", file.display()));
            steady(&mut options).max_connections(connections).min_connections(1).sqlx_logging(false).map_sqlx_sqlite_opts(|options| {
                options
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(5))
                    .foreign_keys(true)
            });
            options
        };
        let writer = Database::connect(options(1)).await.map_err(|error| error.to_string())?;
        let reader = Database::connect(options(4)).await.map_err(|error| error.to_string())?;
        let queue = Some(Arc::new(Mutex::new(())));
        Ok(Self { queue, reader, lock: Some(Arc::new(lock)), ..Self::over(writer, service, clock) })
    }

    async fn open_postgres(url: &str, service: &'static str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let mut options = ConnectOptions::new(url);
        steady(&mut options).max_connections(16).min_connections(1).acquire_timeout(Duration::from_secs(10)).sqlx_logging(false);
        let pool = Database::connect(options).await.map_err(|error| error.to_string())?;
        let strong = "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolbypassrls)";
        if sql::one(&pool, strong, vec![]).await.map_err(|error| error.to_string())?.is_some() {
            return Err(format!("the role sees all tenants; connect as payterms_{service}, no superuser and without BYPASSRLS"));
        }
        Ok(Self::over(pool, service, clock))
    }

    fn over(pool: DatabaseConnection, service: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            writer: pool.clone(),
            reader: pool,
            queue: None,
            clock,
            service,
            committed: Arc::default(),
            left: Arc::default(),
            lock: None,
            requests_in: &[],
            writer_id: Uuid::from_bytes(rand::random()),
        }
    }

    /// The same database, in which these tables keep requests too, in the columns `request_id` and `input_hash`.
    #[must_use]
    pub fn with_requests_in(self, requests_in: &'static [&'static str]) -> Self {
        Self { requests_in, ..self }
    }

    /// This process among those that write to the database.
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

    /// Closes all connections, at the end of the process' work.
    pub async fn close(&self) {
        for pool in [&self.writer, &self.reader] {
            if let Err(error) = pool.close_by_ref().await {
                tracing::debug!(%error, "a pool did not close");
            }
        }
        if let Some(Err(error)) = self.lock.as_ref().map(|lock| lock.unlock()) {
            tracing::debug!(%error, "the lock file was not unlocked");
        }
    }

    /// The connection, for migrations at the start of an embedded database.
    #[must_use]
    pub fn connection(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins the write transaction of a call for a tenant that the service knows.
    ///
    /// # Errors
    /// `TENANT_UNKNOWN_YET`, `TENANT_SUSPENDED`, `CLOCK_ADVANCING`, or the database's.
    pub async fn begin(&self, call: &Call) -> Result<WriteTx, AppError> {
        let (txn, turn) = self.transaction().await?;
        let state = tenants::enter(&txn, &call.tenant).await?.ok_or_else(tenants::unknown_yet)?;
        state.admits(call)?;
        let rising = tenants::rising_time(&txn, &call.tenant, &state).await?;
        Ok(self.open_tx(txn, turn, call, (Some(state), rising)))
    }

    /// Begins a write that goes on whatever state the tenant is in: a due row, a step of an open flow,
    /// a change of the register itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_forward(&self, call: &Call) -> Result<WriteTx, AppError> {
        let (txn, turn) = self.transaction().await?;
        let state = tenants::enter(&txn, &call.tenant).await?;
        let rising = match &state {
            Some(state) => tenants::rising_time(&txn, &call.tenant, state).await?,
            None => None,
        };
        Ok(self.open_tx(txn, turn, call, (state, rising)))
    }

    /// Begins a write that goes on in any state, like `begin_forward`, and whose place among a test
    /// clock's other writes differs from run to run: an event's, a driver's that nobody waits for. It
    /// does not count among them, so that the same story gives the same ids.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_apart(&self, call: &Call) -> Result<WriteTx, AppError> {
        let (txn, turn) = self.transaction().await?;
        let mut state = tenants::enter(&txn, &call.tenant).await?;
        if self.is_postgres() && state.as_ref().is_some_and(|state| state.clock_now.is_some()) {
            // As every other write of such a tenant: its row first, then what the use case locks.
            let lock = "SELECT tenant FROM tenant_states WHERE tenant = $1 FOR UPDATE";
            sql::one(&txn, lock, vec![call.tenant.as_str().into()]).await?;
            // The clock may have gone on while it was waited for.
            state = tenants::state(&txn, &call.tenant).await?;
        }
        Ok(self.open_tx(txn, turn, call, (state, None)))
    }

    fn open_tx(
        &self,
        txn: DatabaseTransaction,
        turn: Turn,
        call: &Call,
        (state, rising): (Option<tenants::TenantState>, Option<DateTime<Utc>>),
    ) -> WriteTx {
        let real = self.clock.now();
        let now = state.as_ref().and_then(|state| state.clock_now).unwrap_or(real);
        let seed = state.as_ref().and_then(|state| state.clock_seed.clone()).unwrap_or_else(|| rand::random::<[u8; 16]>().to_vec());
        let ids = IdSource::new(rising.unwrap_or(now), &seed, &format!("{}/{}/{}", call.tenant, self.service, call.request_id));
        let zone = state.as_ref().map_or(chrono_tz::UTC, |state| state.zone);
        WriteTx::new(
            txn,
            turn,
            call.clone(),
            self,
            crate::tx::Time { now, real, zone, tested: state.is_some_and(|s| s.clock_now.is_some()) },
            ids,
        )
    }

    /// A transaction of the chassis itself over its system tables.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn transaction(&self) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let turn = match &self.queue {
            Some(queue) => Some(queue.clone().lock_owned().await),
            None => None,
        };
        let options = TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..Default::default() };
        Ok((self.writer.begin_with_options(options).await?, Turn(turn)))
    }

    /// The same, over one tenant's rows of the chassis' tables.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn transaction_of(&self, tenant: &str) -> Result<(DatabaseTransaction, Turn), DbErr> {
        let (txn, turn) = self.transaction().await?;
        set_tenants(&txn, &[tenant]).await?;
        Ok((txn, turn))
    }

    /// Begins a read within one tenant: all that it reads is of one moment.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(&self, tenant: &TenantId) -> Result<DatabaseTransaction, DbErr> {
        self.read_all(&[tenant.as_str()]).await
    }

    /// The same within several tenants, for the operator.
    ///
    /// # Errors
    /// The database's.
    pub async fn read_all(&self, tenants: &[&str]) -> Result<DatabaseTransaction, DbErr> {
        #[expect(clippy::disallowed_methods, reason = "a read: nothing is written on SQLite")]
        let txn = self.reader.begin().await?;
        if self.is_postgres() {
            txn.execute_unprepared("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        }
        set_tenants(&txn, tenants).await?;
        Ok(txn)
    }

    /// Reads the chassis' own tables.
    pub(crate) fn system(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// The time that it is for a tenant.
    ///
    /// # Errors
    /// The database's.
    pub async fn tenant_now(&self, tenant: &TenantId) -> Result<chrono::DateTime<chrono::Utc>, AppError> {
        let state = tenants::state(&self.reader, tenant).await?;
        Ok(state.and_then(|state| state.clock_now).unwrap_or_else(|| self.clock.now()))
    }

    /// The zone that a tenant's days are counted in.
    ///
    /// # Errors
    /// The database's.
    pub async fn tenant_zone(&self, tenant: &TenantId) -> Result<chrono_tz::Tz, AppError> {
        Ok(tenants::state(&self.reader, tenant).await?.map_or(chrono_tz::UTC, |state| state.zone))
    }

    /// The date that it is for a tenant, in its zone.
    ///
    /// # Errors
    /// The database's.
    pub async fn tenant_today(&self, tenant: &TenantId) -> Result<chrono::NaiveDate, AppError> {
        let state = tenants::state(&self.reader, tenant).await?;
        let zone = state.as_ref().map_or(chrono_tz::UTC, |state| state.zone);
        Ok(day_in(zone, state.and_then(|state| state.clock_now).unwrap_or_else(|| self.clock.now())))
    }
}

/// A turn at the one writer of SQLite; given back when dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, never read")] Option<OwnedMutexGuard<()>>);

/// Tells row-level security which tenants the transaction is for.
async fn set_tenants(txn: &DatabaseTransaction, tenants: &[&str]) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Postgres {
        sql::one(txn, "SELECT set_config('payterms.tenants', $1, true)", vec![tenants.join(",").into()]).await?;
    }
    Ok(())
}
