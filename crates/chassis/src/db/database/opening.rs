//! Opens a service's database: an embedded file, locked, or a pool of connections to PostgreSQL,
//! whose server is checked; and what an embedded one needs at the start.

use super::Db;
use crate::db::{
    connection::Target,
    file::DatabaseFile,
    health::Health,
    options::DatabaseOptions,
    pool::{Limits, Pool},
    server_checks, sql,
    transaction::Witness,
};
use payterms_kernel::Clock;
use sea_orm::{
    DatabaseConnection, DbErr, SqlxSqliteConnector,
    sqlx::{
        ConnectOptions as _,
        postgres::PgConnectOptions,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
    },
};
use std::{path::Path, sync::Arc, time::Duration};
use uuid::Uuid;

/// Connections that read a SQLite file. There is one more that writes, since SQLite allows a single
/// writer.
const SQLITE_READERS: usize = 4;

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
