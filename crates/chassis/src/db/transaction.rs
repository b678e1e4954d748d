//! A transaction: begun and ended on one connection, which nobody else has meanwhile.

use crate::db::pool::{Lease, Pool};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use std::sync::Arc;
use tokio::sync::Mutex;

/// An open transaction. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub struct Transaction {
    backend: DbBackend,
    lease: Mutex<Lease>,
    /// Where a commit of SQLite is confirmed.
    witness: Option<Arc<Witness>>,
}

impl Transaction {
    pub(crate) async fn begin(pool: &Pool, text: &str, witness: Option<Arc<Witness>>) -> Result<Self, DbErr> {
        let mut lease = pool.lease().await?;
        lease.begin(text).await?;
        Ok(Self { backend: pool.get_database_backend(), lease: Mutex::new(lease), witness })
    }

    /// Commits. Only an answer to COMMIT counts; SQLite's is confirmed by a second connection, because a transaction
    /// that was never ended would show its rows to the writer alone.
    ///
    /// # Errors
    /// The database's. Then nothing was committed, or the answer was lost: whoever asks again by the request id finds
    /// out.
    pub async fn commit(self) -> Result<(), DbErr> {
        let mut lease = self.lease.into_inner();
        if !lease.is_open() {
            // PostgreSQL answers COMMIT of a failed transaction with success, having rolled back.
            return Err(DbErr::Custom("a statement of the transaction failed, so it is rolled back".to_owned()));
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
    /// The database's; the connection is closed then, which rolls back too.
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
        self.lease.lock().await.statement(async |connection| connection.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        self.lease.lock().await.statement(async |connection| connection.execute_text(text).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.lease.lock().await.statement(async |connection| connection.first_row(statement).await).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.lease.lock().await.statement(async |connection| connection.all_rows(statement).await).await
    }
}

/// A second connection to a SQLite file, which sees what the one writer has committed and nothing else.
#[derive(Debug)]
pub(crate) struct Witness {
    readers: Pool,
    /// The connection, and the version of the data that it saw last.
    seen: Mutex<Option<(Lease, i64)>>,
}

impl Witness {
    pub(crate) fn new(readers: Pool) -> Self {
        Self { readers, seen: Mutex::default() }
    }

    /// Gives its connection back, at the end: the last one that is closed moves the log into the database.
    pub(crate) async fn release(&self) {
        self.seen.lock().await.take();
    }

    /// Believes a commit if the data that others see has changed. Where it has not, the transaction wrote nothing new,
    /// or it is still open: then another one cannot begin on its connection.
    async fn confirm(&self, writer: &mut Lease) -> Result<(), DbErr> {
        let moved = self.moved().await;
        let confirmed = match moved {
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

    /// Whether the data has changed since this was last asked.
    async fn moved(&self) -> Result<bool, DbErr> {
        let mut seen = self.seen.lock().await;
        let (mut lease, before) = match seen.take() {
            Some((lease, before)) => (lease, Some(before)),
            None => (self.readers.lease().await?, None),
        };
        let row = lease
            .statement(async |connection| connection.first_row(Statement::from_string(DbBackend::Sqlite, "PRAGMA data_version")).await);
        let now: i64 = match row.await? {
            Some(row) => row.try_get("", "data_version")?,
            None => return Err(DbErr::Custom("the database tells no version of its data".to_owned())),
        };
        *seen = Some((lease, now));
        // A connection that looks for the first time has nothing to compare with.
        Ok(before.is_some_and(|before| before != now))
    }
}
