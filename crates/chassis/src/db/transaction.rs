//! A transaction, with a connection of its own from BEGIN to COMMIT or ROLLBACK.

use crate::db::pool::{Pool, lease::Lease};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use std::sync::Arc;
use tokio::sync::Mutex;

/// An open transaction. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    backend: DbBackend,
    lease: Mutex<Lease>,
    /// Confirms a commit of SQLite.
    witness: Option<Arc<Witness>>,
}

impl Transaction {
    pub(crate) async fn begin(
        pool: &Pool,
        text: &str,
        witness: Option<Arc<Witness>>,
    ) -> Result<Self, DbErr> {
        let mut lease = pool.lease().await?;
        lease.begin(text).await?;
        Ok(Self { backend: pool.get_database_backend(), lease: Mutex::new(lease), witness })
    }

    /// Commits. Only an answered COMMIT counts. On SQLite a second connection also confirms it: the
    /// rows of a transaction that is still open are visible to the writer, so the writer itself
    /// could not notice.
    ///
    /// # Errors
    /// A failed statement or COMMIT: then nothing was committed, or the answer was lost. A retry
    /// with the same request id finds out which.
    pub async fn commit(self) -> Result<(), DbErr> {
        let mut lease = self.lease.into_inner();
        if !lease.is_open() {
            // PostgreSQL answers the COMMIT of a failed transaction with success although it rolls
            // back, so it is not sent.
            return Err(DbErr::Custom(
                "a statement of the transaction failed, so it is rolled back".to_owned(),
            ));
        }
        lease.end("COMMIT").await?;
        match self.witness {
            Some(witness) => witness.confirm(&mut lease).await,
            None => Ok(()),
        }
    }

    /// Rolls back.
    ///
    /// # Errors
    /// A failed ROLLBACK. The connection is then closed, which rolls back too.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.lease.into_inner().end("ROLLBACK").await
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.lease
            .lock()
            .await
            .statement(async |connection| connection.execute(statement).await)
            .await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        self.lease
            .lock()
            .await
            .statement(async |connection| connection.execute_text(text).await)
            .await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.lease
            .lock()
            .await
            .statement(async |connection| connection.first_row(statement).await)
            .await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.lease
            .lock()
            .await
            .statement(async |connection| connection.all_rows(statement).await)
            .await
    }
}

/// A second connection to a SQLite file. It sees only what the writer has committed.
#[derive(Debug)]
pub(crate) struct Witness {
    readers: Pool,
    /// The connection and the data version that it read last.
    last_version: Mutex<Option<(Lease, i64)>>,
}

impl Witness {
    pub(crate) fn new(readers: Pool) -> Self {
        Self { readers, last_version: Mutex::default() }
    }

    /// Returns its connection when the process ends: SQLite merges the WAL into the file when the
    /// last connection closes.
    pub(crate) async fn release(&self) {
        self.last_version.lock().await.take();
    }

    /// Confirms a commit if the data that other connections see has changed. If it has not, either
    /// the transaction wrote nothing new or it is still open. In the second case BEGIN fails on its
    /// connection, which tells the two apart.
    async fn confirm(&self, writer: &mut Lease) -> Result<(), DbErr> {
        let confirmed = match self.data_changed().await {
            Ok(true) => return Ok(()),
            Ok(false) => match writer.begin("BEGIN").await {
                Ok(()) => writer.end("ROLLBACK").await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        confirmed.inspect_err(|error| {
            writer.doubt();
            writer.pool().health().report(&format!("a commit is not confirmed: {error}"));
        })
    }

    /// Whether the data has changed since the previous call.
    async fn data_changed(&self) -> Result<bool, DbErr> {
        let mut last_version = self.last_version.lock().await;
        let (mut lease, before) = match last_version.take() {
            Some((lease, before)) => (lease, Some(before)),
            None => (self.readers.lease().await?, None),
        };
        let row = lease.statement(async |connection| {
            connection
                .first_row(Statement::from_string(DbBackend::Sqlite, "PRAGMA data_version"))
                .await
        });
        let now: i64 = match row.await? {
            Some(row) => row.try_get("", "data_version")?,
            None => {
                return Err(DbErr::Custom("the database tells no version of its data".to_owned()));
            }
        };
        *last_version = Some((lease, now));
        // `data_version` is only comparable on one connection, so the first value of a connection
        // says nothing.
        Ok(before.is_some_and(|before| before != now))
    }
}
