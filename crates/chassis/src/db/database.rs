//! The database of one service: SQLite (one writer behind a fair queue, separate readers) or
//! PostgreSQL (a pool, row-level security by tenant). The rest of the suite sees no difference.

use crate::{
    db::{
        connection::Target,
        file::DatabaseFile,
        health::Health,
        options::DatabaseOptions,
        pool::{Limits, Pool},
        server_checks, sql,
        tenants::{self, Turn},
        transaction::{Transaction, Witness},
        tx::WriteTx,
    },
    wire::{call::Call, error::AppError},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Clock, IdSource, TenantId, calendar::today};
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

/// Connections that read a SQLite file. There is one more that writes, since SQLite allows a single
/// writer.
const SQLITE_READERS: usize = 4;

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
    /// Opens `sqlite:<file>` (made if missing, locked against a second process) or
    /// `postgres://…`, with the usual limits.
    ///
    /// # Errors
    /// A sentence with the database's error.
    pub async fn open(
        url: &str,
        service: &'static str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, String> {
        Self::open_with(url, service, clock, &DatabaseOptions::default()).await
    }

    /// As [`Self::open`], with other limits.
    ///
    /// # Errors
    /// A sentence with the database's error.
    pub async fn open_with(
        url: &str,
        service: &'static str,
        clock: Arc<dyn Clock>,
        options: &DatabaseOptions,
    ) -> Result<Self, String> {
        let opened = match url.strip_prefix("sqlite:") {
            Some(file) => Self::open_sqlite(Path::new(file), service, clock, options).await,
            None => Self::open_postgres(url, service, clock, options).await,
        };
        opened.map_err(|error| {
            // A pooler says so to whoever takes it for the server itself.
            let is_pooler = error.contains("unsupported startup parameter");
            let advice = if is_pooler {
                "; set --database-pooled where the address is a pooler's"
            } else {
                ""
            };
            format!("database of {service}: {error}{advice}")
        })
    }

    async fn open_sqlite(
        file: &Path,
        service: &'static str,
        clock: Arc<dyn Clock>,
        options: &DatabaseOptions,
    ) -> Result<Self, String> {
        let locked_file = DatabaseFile::lock(file, service)?;
        let health = Health::default();
        let target = Target::Sqlite(Box::new(sqlite_options(file)));
        let limits = |connections| options.limits(connections);
        let writer = Pool::open(service.to_owned(), target.clone(), limits(1), health.clone())
            .await
            .map_err(|error| error.to_string())?;
        locked_file.check_owner(&writer).await?;
        // One reader more, because the witness keeps its connection for good.
        let reader = Pool::open(
            format!("{service}-readers"),
            target,
            limits(SQLITE_READERS + 1),
            health.clone(),
        )
        .await
        .map_err(|error| error.to_string())?;
        let witness = Some(Arc::new(Witness::new(reader.clone())));
        Ok(Self {
            reader,
            witness,
            file: Some(Arc::new(locked_file)),
            ..Self::over(writer, health, service, clock)
        })
    }

    async fn open_postgres(
        url: &str,
        service: &'static str,
        clock: Arc<dyn Clock>,
        options: &DatabaseOptions,
    ) -> Result<Self, String> {
        let server: PgConnectOptions = url.parse().map_err(|_| {
            "the address is none: write postgres://role@host:port/database".to_owned()
        })?;
        let millis = |time: Duration| time.as_millis().to_string();
        let Limits { answer, .. } = options.limits(options.connections);
        // The server cancels a statement a second before this side gives the connection up, so that
        // its error can still arrive.
        let statement = millis(answer.saturating_sub(Duration::from_secs(1)));
        let server =
            server.application_name(&format!("payterms-{service}")).disable_statement_logging();
        let settings = [
            ("statement_timeout", statement.clone()),
            ("lock_timeout", statement),
            ("idle_in_transaction_session_timeout", millis(Duration::from_mins(1))),
            // Set on each connection: a role may change the settings that are stored with it.
            ("search_path", server_checks::search_path(service)),
            // All lookups are by key. While a table is small a sequential scan looks cheaper than
            // its index, and PostgreSQL would go on using a plan that it cached then.
            ("enable_seqscan", "off".to_owned()),
            ("random_page_cost", "1.1".to_owned()),
        ];
        // A pooler passes no settings on; it sets them itself, and what is missing is named below.
        // It knows no digits of floats either.
        let server =
            if options.pooled { server.extra_float_digits(None) } else { server.options(settings) };
        let health = Health::default();
        let limits = options.limits(options.connections);
        let pool = Pool::open(
            service.to_owned(),
            Target::Postgres { server: Box::new(server), pooled: options.pooled },
            limits,
            health.clone(),
        )
        .await
        .map_err(|error| error.to_string())?;
        server_checks::check(&pool, service, options.must_be_durable).await?;
        let db = Self::over(pool, health, service, clock);
        if !options.pooled {
            db.compare_with_server_limit(options).await.map_err(|error| error.to_string())?;
        }
        Ok(db)
    }

    /// Warns if the server's connection limit is too low for all the processes that share it.
    async fn compare_with_server_limit(&self, options: &DatabaseOptions) -> Result<(), DbErr> {
        let select = "SELECT current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint AS room";
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

    /// A connection of SeaORM to an embedded database, for its migrations at the start.
    ///
    /// # Errors
    /// `Custom` if the database is not embedded.
    pub async fn schema_connection(&self) -> Result<DatabaseConnection, DbErr> {
        let Some(file) = &self.file else {
            return Err(DbErr::Custom(
                "payterms-migrate brings a server's schema up to date".to_owned(),
            ));
        };
        let options =
            SqlitePoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let pool = options
            .connect_with(sqlite_options(file.path()))
            .await
            .map_err(crate::db::connection::failed)?;
        Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
    }

    /// Records beside an embedded database that it was created. If its file is missing one day, the
    /// start fails instead of silently creating an empty one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn note_made(&self) -> Result<(), String> {
        self.file.as_ref().map_or(Ok(()), |file| file.note_made(self.service))
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
            tenants::take_turn(&txn, (&call.tenant, Turn::of(call)), state).await?;
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
        let (state, id_time) = tenants::take_turn(&txn, (&call.tenant, turn), state).await?;
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
