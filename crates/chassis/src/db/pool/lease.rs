//! A connection in use by one caller: the state of its transaction, and what becomes of it when the
//! caller is done.

use super::{CONNECTION_TIMEOUT, Pool};
use crate::db::connection::{Connection, failed, is_of_statement};
use sea_orm::{DbErr, sqlx::Error};
use std::sync::PoisonError;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout},
};

/// The transaction state of a connection in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// No transaction is open on it.
    Idle,
    /// A transaction is open, and each of its statements succeeded.
    Open,
    /// A transaction is open in which a statement failed: it can only be rolled back.
    Failed,
    /// An answer is outstanding or the connection failed: the state is unknown.
    Doubt,
}

/// A connection in use by one caller. When dropped it returns to the pool if it is idle. An open
/// transaction is first rolled back, in a task of its own because `drop` cannot wait. A connection
/// in an unknown state is closed.
pub(crate) struct Lease {
    /// The pool to which it returns.
    pub(super) pool: Pool,
    /// The connection; gone once it is dropped.
    pub(super) connection: Option<Connection>,
    /// The permit to use it.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// The state of its transaction.
    pub(super) state: State,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({:?})", self.state)
    }
}

impl Lease {
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Whether the transaction can be committed: it is open and none of its statements failed.
    pub(crate) fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Runs an operation on the connection. The state is `Doubt` until the answer has come, so that
    /// a caller that is dropped in between leaves it in doubt, and the connection is closed.
    async fn answered<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Option<Error>> {
        let before = std::mem::replace(&mut self.state, State::Doubt);
        let Some(connection) = self.connection.as_mut().filter(|_| before != State::Doubt) else {
            return Err(None);
        };
        match timeout(self.pool.0.limits.answer, work(connection)).await {
            Ok(Ok(value)) => {
                self.state = before;
                *self.pool.0.answered.lock().unwrap_or_else(PoisonError::into_inner) =
                    Instant::now();
                Ok(value)
            }
            Ok(Err(error)) => {
                if is_of_statement(&error) {
                    self.state = if before == State::Idle { State::Idle } else { State::Failed };
                }
                Err(Some(error))
            }
            Err(_) => Err(None),
        }
    }

    /// Runs a statement, within the transaction if one is open.
    pub(crate) async fn statement<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, DbErr> {
        match self.answered(work).await {
            Ok(value) => Ok(value),
            Err(Some(error)) if self.state == State::Doubt => Err(self.pool.broken(error)),
            Err(Some(error)) => Err(failed(error)),
            Err(None) => Err(self.pool.silent("a statement ran")),
        }
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self, text: &str) -> Result<(), DbErr> {
        self.boundary(text, State::Open).await
    }

    /// Ends the transaction with COMMIT or ROLLBACK. Only an answered COMMIT counts as a commit.
    pub(crate) async fn end(&mut self, text: &'static str) -> Result<(), DbErr> {
        self.boundary(text, State::Idle).await
    }

    /// Runs BEGIN, COMMIT or ROLLBACK. After any error of these the state is unknown: SQLite may
    /// have rolled back by itself or not.
    async fn boundary(&mut self, text: &str, after: State) -> Result<(), DbErr> {
        let done =
            self.answered(async |connection| connection.execute_text(text).await.map(|_| ())).await;
        self.state = if done.is_ok() { after } else { State::Doubt };
        match done {
            Ok(()) => Ok(()),
            Err(Some(error)) if is_of_statement(&error) => Err(failed(error)),
            Err(Some(error)) => Err(self.pool.broken(error)),
            Err(None) => Err(self.pool.silent("a transaction began or ended")),
        }
    }

    /// Marks the state as unknown, so that the connection is closed and not reused.
    pub(crate) fn doubt(&mut self) {
        self.state = State::Doubt;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let Some(permit) = self.permit.take() else { return };
        let runtime = tokio::runtime::Handle::try_current().ok();
        match (self.state, runtime) {
            (State::Idle, _) => self.pool.put_back(connection, permit),
            (State::Open | State::Failed, Some(runtime)) => {
                let pool = self.pool.clone();
                let state = self.state;
                runtime.spawn(async move {
                    // Built inside the task: a runtime that is shutting down drops the task
                    // unpolled, which closes the connection.
                    let mut lease = Self { pool, connection: Some(connection), permit: Some(permit), state };
                    if let Err(error) = lease.end("ROLLBACK").await {
                        tracing::debug!(%error, "a transaction was not rolled back in order; its connection is closed");
                    }
                });
            }
            (_, Some(runtime)) => {
                self.pool.count_discarded("in doubt");
                // The permit is freed after the close, so that there are never more connections
                // than the limit.
                runtime.spawn(async move {
                    let _ = timeout(CONNECTION_TIMEOUT, connection.close()).await;
                    drop(permit);
                });
            }
            // Without a runtime nothing can be awaited; dropping the connection closes it.
            (_, None) => {}
        }
    }
}
