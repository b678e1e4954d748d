//! The database of one service: SQLite (one writer behind a fair queue, readers apart) or
//! PostgreSQL (a pool, row-level security by tenant). The rest of the suite sees no difference.

use crate::{
    db::{
        connection::Target,
        file::DatabaseFile,
        health::Health,
        options::DatabaseOptions,
        pool::{Limits, Pool},
        runtime_role, sql, tenants,
        transaction::{Transaction, Witness},
        tx::WriteTx,
    },
    wire::{call::Call, error::AppError},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Clock, IdSource, TenantId, calendar::day_in};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqlxSqliteConnector,
    sqlx::{
        ConnectOptions as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// Readers of a SQLite file. It has one writer.
const SQLITE_READERS: usize = 4;

/// A service's database.
#[derive(Clone)]
pub struct Db {
    /// On SQLite a pool of one connection, whose waiting callers are the queue of writers.
    writer: Pool,
    reader: Pool,
    /// Confirms the commits of SQLite.
    witness: Option<Arc<Witness>>,
    health: Health,
    clock: Arc<dyn Clock>,
    service: &'static str,
    /// Wakes the relay after a commit that left events.
    pub committed: Arc<Notify>,
    /// Wakes the recovery after a commit that enqueued a flow.
    pub flow_enqueued: Arc<Notify>,
    /// The file of an embedded database, which no second process uses.
    file: Option<Arc<DatabaseFile>>,
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

/// A pool of the driver without a reaper, for tools and tests: that of sqlx 0.9 goes over as many idle connections as a
/// counter says, which for a moment may be below zero, and then it takes a worker thread for ever.
pub fn steady(options: &mut ConnectOptions) -> &mut ConnectOptions {
    options.idle_timeout(None).max_lifetime(None)
}

impl Db {
    /// Opens `sqlite:<file>` (made if missing, locked against a second process) or
    /// `postgres://…`, with the usual limits.
    ///
    /// # Errors
    /// A sentence that says what the database said.
    pub async fn open(url: &str, service: &'static str, clock: Arc<dyn Clock>) -> Result<Self, String> {
        Self::open_with(url, service, clock, &DatabaseOptions::default()).await
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// A sentence that says what the database said.
    pub async fn open_with(url: &str, service: &'static str, clock: Arc<dyn Clock>, options: &DatabaseOptions) -> Result<Self, String> {
        let opened = match url.strip_prefix("sqlite:") {
            Some(file) => Self::open_sqlite(Path::new(file), service, clock, options).await,
            None => Self::open_postgres(url, service, clock, options).await,
        };
        opened.map_err(|error| format!("database of {service}: {error}"))
    }

    async fn open_sqlite(file: &Path, service: &'static str, clock: Arc<dyn Clock>, options: &DatabaseOptions) -> Result<Self, String> {
        let held = DatabaseFile::hold(file, service)?;
        let health = Health::default();
        let target = Target::Sqlite(Box::new(sqlite_options(file)));
        let limits = |connections| options.limits(connections);
        let writer = Pool::open(target.clone(), limits(1), health.clone()).await.map_err(|error| error.to_string())?;
        held.recognise(&writer).await?;
        // One reader more: the witness keeps its connection.
        let reader = Pool::open(target, limits(SQLITE_READERS + 1), health.clone()).await.map_err(|error| error.to_string())?;
        let witness = Some(Arc::new(Witness::new(reader.clone())));
        Ok(Self { reader, witness, file: Some(Arc::new(held)), ..Self::over(writer, health, service, clock) })
    }

    async fn open_postgres(url: &str, service: &'static str, clock: Arc<dyn Clock>, options: &DatabaseOptions) -> Result<Self, String> {
        let server: PgConnectOptions =
            url.parse().map_err(|_| "the address is none: write postgres://role@host:port/database".to_owned())?;
        let millis = |time: Duration| time.as_millis().to_string();
        let Limits { answer, .. } = options.limits(options.connections);
        // The server ends a statement a moment before we give its connection up, so that its error is told.
        let statement = millis(answer.saturating_sub(Duration::from_secs(1)));
        let server = server.application_name(&format!("payterms-{service}")).disable_statement_logging().options([
            ("statement_timeout", statement.clone()),
            ("lock_timeout", statement),
            ("idle_in_transaction_session_timeout", millis(Duration::from_mins(1))),
            // A role may change its own settings, so what is set on it is not relied on.
            ("search_path", runtime_role::search_path(service)),
            // Rows are looked for by their keys alone. While a table is small its pages look cheaper than its index, and a
            // plan that was made then is kept.
            ("enable_seqscan", "off".to_owned()),
            ("random_page_cost", "1.1".to_owned()),
        ]);
        let health = Health::default();
        let limits = options.limits(options.connections);
        let pool = Pool::open(Target::Postgres(Box::new(server)), limits, health.clone()).await.map_err(|error| error.to_string())?;
        runtime_role::check(&pool, service).await?;
        let db = Self::over(pool, health, service, clock);
        db.compare_with_server_limit(options).await.map_err(|error| error.to_string())?;
        Ok(db)
    }

    /// Warns where the server does not take the connections of all the processes that share it.
    async fn compare_with_server_limit(&self, options: &DatabaseOptions) -> Result<(), DbErr> {
        let select =
            "SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint AS room";
        let row = sql::one(self.system(), select, vec![]).await?;
        let room: i64 = row.map(|row| row.try_get("", "room")).transpose()?.unwrap_or_default();
        if let Some(warning) = options.warning(usize::try_from(room).unwrap_or_default()) {
            tracing::warn!(service = self.service, "{warning}");
        }
        Ok(())
    }

    fn over(pool: Pool, health: Health, service: &'static str, clock: Arc<dyn Clock>) -> Self {
        Self {
            writer: pool.clone(),
            reader: pool,
            witness: None,
            health,
            clock,
            service,
            committed: Arc::default(),
            flow_enqueued: Arc::default(),
            file: None,
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
        if let Some(witness) = &self.witness {
            witness.release().await;
        }
        self.writer.close().await;
        self.reader.close().await;
        if let Some(file) = &self.file {
            file.release();
        }
    }

    /// Whether the database works, and what is wrong where it does not.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Whether the database answered a statement lately.
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.writer.answered_within(time) || self.reader.answered_within(time)
    }

    /// Notes that the database does not answer.
    pub(crate) fn silent(&self, at: &str) {
        for pool in [&self.writer, &self.reader] {
            let _ = pool.silent(at);
        }
    }

    /// Single statements outside row-level security's tenants, each a transaction by itself.
    #[must_use]
    pub fn connection(&self) -> &Pool {
        &self.writer
    }

    /// A connection of SeaORM to an embedded database, for its migrations at the start.
    ///
    /// # Errors
    /// The database's; a sentence where the database is not embedded.
    pub async fn schema_connection(&self) -> Result<DatabaseConnection, DbErr> {
        let Some(file) = &self.file else { return Err(DbErr::Custom("payterms-migrate brings a server's schema up to date".to_owned())) };
        let options = SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = options.connect_with(sqlite_options(file.path())).await.map_err(crate::db::connection::failed)?;
        Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
    }

    /// Notes beside an embedded database that it was made: should it be missing one day, that is said, and no empty one
    /// takes its place.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn note_made(&self) -> Result<(), String> {
        self.file.as_ref().map_or(Ok(()), |file| file.note_made(self.service))
    }

    /// Begins the write transaction of a call for a tenant that the service knows.
    ///
    /// # Errors
    /// `TENANT_UNKNOWN_YET`, `TENANT_SUSPENDED`, `CLOCK_ADVANCING`, or the database's.
    pub async fn begin(&self, call: &Call) -> Result<WriteTx, AppError> {
        let txn = self.transaction().await?;
        let state = tenants::enter(&txn, &call.tenant).await?.ok_or_else(tenants::unknown_yet)?;
        state.admits(call)?;
        let rising = tenants::rising_time(&txn, &call.tenant, &state).await?;
        Ok(self.open_tx(txn, call, (Some(state), rising)))
    }

    /// Begins a write that goes on whatever state the tenant is in: a due row, a step of an open flow,
    /// a change of the register itself.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_forward(&self, call: &Call) -> Result<WriteTx, AppError> {
        let txn = self.transaction().await?;
        let state = tenants::enter(&txn, &call.tenant).await?;
        let rising = match &state {
            Some(state) => tenants::rising_time(&txn, &call.tenant, state).await?,
            None => None,
        };
        Ok(self.open_tx(txn, call, (state, rising)))
    }

    /// Begins a write that goes on in any state, like `begin_forward`, and whose place among a test
    /// clock's other writes differs from run to run: an event's, a driver's that nobody waits for. It
    /// does not count among them, so that the same story gives the same ids.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_apart(&self, call: &Call) -> Result<WriteTx, AppError> {
        let txn = self.transaction().await?;
        let mut state = tenants::enter(&txn, &call.tenant).await?;
        if self.is_postgres() && state.as_ref().is_some_and(|state| state.clock_now.is_some()) {
            // As every other write of such a tenant: its row first, then what the use case locks.
            let lock = "SELECT tenant FROM tenant_states WHERE tenant = $1 FOR UPDATE";
            sql::one(&txn, lock, vec![call.tenant.as_str().into()]).await?;
            // The clock may have gone on while it was waited for.
            state = tenants::state(&txn, &call.tenant).await?;
        }
        Ok(self.open_tx(txn, call, (state, None)))
    }

    fn open_tx(&self, txn: Transaction, call: &Call, (state, rising): (Option<tenants::TenantState>, Option<DateTime<Utc>>)) -> WriteTx {
        let real = self.clock.now();
        let now = state.as_ref().and_then(|state| state.clock_now).unwrap_or(real);
        let seed = state.as_ref().and_then(|state| state.clock_seed.clone()).unwrap_or_else(|| rand::random::<[u8; 16]>().to_vec());
        let ids = IdSource::new(rising.unwrap_or(now), &seed, &format!("{}/{}/{}", call.tenant, self.service, call.request_id));
        let zone = state.as_ref().map_or(chrono_tz::UTC, |state| state.zone);
        WriteTx::new(
            txn,
            call.clone(),
            self,
            crate::db::tx::Time { now, real, zone, tested: state.is_some_and(|s| s.clock_now.is_some()) },
            ids,
        )
    }

    /// A transaction of the chassis itself over its system tables.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn transaction(&self) -> Result<Transaction, DbErr> {
        // On SQLite the lock is taken at the start: a deferred BEGIN would fail at its first write under load.
        let begin = if self.is_postgres() { "BEGIN" } else { "BEGIN IMMEDIATE" };
        Transaction::begin(&self.writer, begin, self.witness.clone()).await
    }

    /// The same, over one tenant's rows of the chassis' tables.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn transaction_of(&self, tenant: &str) -> Result<Transaction, DbErr> {
        let txn = self.transaction().await?;
        set_tenants(&txn, &[tenant]).await?;
        Ok(txn)
    }

    /// Begins a read within one tenant: all that it reads is of one moment.
    ///
    /// # Errors
    /// The database's.
    pub async fn read(&self, tenant: &TenantId) -> Result<Transaction, DbErr> {
        self.read_all(&[tenant.as_str()]).await
    }

    /// The same within several tenants, for the operator.
    ///
    /// # Errors
    /// The database's.
    pub async fn read_all(&self, tenants: &[&str]) -> Result<Transaction, DbErr> {
        let begin = if self.is_postgres() { "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY" } else { "BEGIN" };
        let txn = Transaction::begin(&self.reader, begin, None).await?;
        set_tenants(&txn, tenants).await?;
        Ok(txn)
    }

    /// Reads the chassis' own tables.
    pub(crate) fn system(&self) -> &Pool {
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

fn sqlite_options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .disable_statement_logging()
}

/// Tells row-level security which tenants the transaction is for.
async fn set_tenants(txn: &Transaction, tenants: &[&str]) -> Result<(), DbErr> {
    if txn.get_database_backend() == DbBackend::Postgres {
        sql::one(txn, "SELECT set_config('payterms.tenants', $1, true)", vec![tenants.join(",").into()]).await?;
    }
    Ok(())
}
