//! The connections of a process to one database, and when one may be used again.
//!
//! A connection goes back to the pool only if the last thing on it was answered: a COMMIT, a ROLLBACK, or a single
//! statement outside a transaction. In every other case (the future that used it was dropped in the middle, an answer
//! did not come in time, the disk or the line failed) nobody can know what is open on it, so it is closed. This is what
//! keeps work of one call out of the transaction of another, which would be rolled back after it was acknowledged.

use crate::{
    db::{
        connection::{Connection, Target, failed, is_of_statement},
        health::Health,
    },
    wire::deadline::time_left,
};
use opentelemetry::{KeyValue, global, metrics::Counter};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement,
    sqlx::{Error, error::DatabaseError},
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

/// How long opening a connection, closing it, or a sign of life may take.
const MOMENT: Duration = Duration::from_secs(3);
/// A connection that lay idle for longer is asked for a sign of life before it is used: the line may be gone.
const CHECKED_AFTER: Duration = Duration::from_secs(5);
/// A connection that lay idle for longer is closed: the server can use the slot for others.
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// How long to wait before a server that has no room for one more connection is asked again.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// How many connections, and how long each thing may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a call waits for one.
    pub wait: Duration,
    /// How long the answer to one statement may take.
    pub answer: Duration,
}

/// The connections of one process to a database.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    target: Target,
    limits: Limits,
    /// Permits for connections in use. Fair: who waits longest is next.
    permits: Arc<Semaphore>,
    /// Sound connections without a user, the one that was used last at the end.
    idle: Mutex<VecDeque<(Connection, Instant)>>,
    health: Health,
    /// When the database last answered a statement.
    answered: Mutex<Instant>,
    discarded: Counter<u64>,
    refused: Counter<u64>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({:?})", self.0.limits)
    }
}

impl Pool {
    /// A pool with its first connection open.
    pub(crate) async fn open(target: Target, limits: Limits, health: Health) -> Result<Self, DbErr> {
        let meter = global::meter("payterms");
        let pool = Self(Arc::new(Inner {
            target,
            limits,
            permits: Arc::new(Semaphore::new(limits.connections)),
            idle: Mutex::default(),
            health,
            answered: Mutex::new(Instant::now()),
            discarded: meter.u64_counter("payterms.database.connections.discarded").build(),
            refused: meter.u64_counter("payterms.database.waits.refused").build(),
        }));
        let permit = pool.permit().await?;
        let first = pool.connect().await?;
        pool.put_back(first, permit);
        Ok(pool)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<(Connection, Instant)>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    /// Whether the database answered a statement lately.
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.0.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < time
    }

    /// The permit to hold a connection. A call whose deadline has passed begins nothing, so it gets none.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let wait = time_left().map_or(self.0.limits.wait, |left| left.min(self.0.limits.wait));
        let permit = if wait.is_zero() { None } else { timeout(wait, self.0.permits.clone().acquire_owned()).await.ok() };
        match permit {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            None => {
                self.0.refused.add(1, &[]);
                Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
            }
        }
    }

    /// A sound connection for one user.
    pub(crate) async fn lease(&self) -> Result<Lease, DbErr> {
        let permit = self.permit().await?;
        loop {
            let last = self.idle().pop_back();
            let Some((mut connection, since)) = last else { break };
            // Who waits for a sign of life may be dropped meanwhile; the connection then goes too.
            if since.elapsed() < CHECKED_AFTER || matches!(timeout(MOMENT, connection.ping()).await, Ok(Ok(()))) {
                return Ok(Lease { pool: self.clone(), connection: Some(connection), permit: Some(permit), state: State::Idle });
            }
            self.count_discarded("no sign of life");
            // Those that lay idle for longer hang on the same line.
            self.idle().retain(|(_, idle_since)| *idle_since > since);
        }
        let connection = self.connect().await?;
        Ok(Lease { pool: self.clone(), connection: Some(connection), permit: Some(permit), state: State::Idle })
    }

    /// Opens a connection; where the server has no room it is asked again for as long as a call may wait.
    async fn connect(&self) -> Result<Connection, DbErr> {
        let until = Instant::now() + self.0.limits.wait;
        loop {
            match timeout(MOMENT, self.0.target.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if is_full(&error) => {
                    if Instant::now() + ROOM_PAUSE > until {
                        self.0.refused.add(1, &[]);
                        tracing::warn!("the database server takes no more connections; lower --database-connections or raise its limit");
                        return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
                    }
                    tokio::time::sleep(ROOM_PAUSE).await;
                }
                Ok(Err(error)) => return Err(self.broken(error)),
                Err(_) => return Err(self.silent("connecting")),
            }
        }
    }

    /// Notes that the database itself failed, not one statement.
    fn broken(&self, error: Error) -> DbErr {
        self.0.health.report(&error.to_string());
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
    }

    /// Notes that an answer did not come. Connections that were used before may hang on the same line, so none of them is
    /// used again.
    pub(crate) fn silent(&self, at: &str) -> DbErr {
        self.idle().clear();
        let text = format!("no answer in time while {at}");
        self.0.health.report(&text);
        DbErr::Conn(RuntimeErr::Internal(text))
    }

    fn put_back(&self, connection: Connection, permit: OwnedSemaphorePermit) {
        let mut idle = self.idle();
        if !self.0.permits.is_closed() {
            idle.push_back((connection, Instant::now()));
        }
        // The first has been idle for longest.
        if idle.front().is_some_and(|(_, since)| since.elapsed() > IDLE_LIMIT) {
            idle.pop_front();
        }
        drop(idle);
        drop(permit);
    }

    fn count_discarded(&self, why: &'static str) {
        tracing::info!(why, "a database connection is closed, not used again");
        self.0.discarded.add(1, &[KeyValue::new("why", why)]);
    }

    /// Closes idle connections, and those in use when their users are done.
    pub(crate) async fn close(&self) {
        self.0.permits.close();
        let idle: Vec<_> = self.idle().drain(..).collect();
        for (connection, _) in idle {
            let _ = timeout(MOMENT, connection.close()).await;
        }
    }
}

/// Whether a server has no room for one more connection.
fn is_full(error: &Error) -> bool {
    error.as_database_error().and_then(DatabaseError::code).is_some_and(|code| code == "53300")
}

/// What is known of a connection in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No transaction is open on it.
    Idle,
    /// A transaction is open, and each of its statements succeeded.
    Open,
    /// A transaction is open in which a statement failed: it can only be rolled back.
    Failed,
    /// An answer is outstanding, or the connection failed: nothing is known.
    Doubt,
}

/// A connection in the hands of one user. Dropped, it goes back if it is idle; an open transaction is rolled back
/// first, in a task of its own; in doubt it is closed.
pub(crate) struct Lease {
    pool: Pool,
    connection: Option<Connection>,
    permit: Option<OwnedSemaphorePermit>,
    state: State,
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

    /// Runs something on the connection. Until it is answered the connection is in doubt, so a user who is dropped
    /// meanwhile leaves it so.
    async fn answered<T>(&mut self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, Option<Error>> {
        let before = std::mem::replace(&mut self.state, State::Doubt);
        let Some(connection) = self.connection.as_mut().filter(|_| before != State::Doubt) else { return Err(None) };
        match timeout(self.pool.0.limits.answer, work(connection)).await {
            Ok(Ok(value)) => {
                self.state = before;
                *self.pool.0.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
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

    /// Runs a statement of the open transaction, or a single one.
    pub(crate) async fn statement<T>(&mut self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>) -> Result<T, DbErr> {
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

    /// Ends the transaction. Only an answered COMMIT is one.
    pub(crate) async fn end(&mut self, text: &'static str) -> Result<(), DbErr> {
        self.boundary(text, State::Idle).await
    }

    /// After any error of BEGIN, COMMIT or ROLLBACK the connection is in doubt: SQLite may have rolled back by itself,
    /// or not.
    async fn boundary(&mut self, text: &str, after: State) -> Result<(), DbErr> {
        let done = self.answered(async |connection| connection.execute_text(text).await.map(|_| ())).await;
        self.state = if done.is_ok() { after } else { State::Doubt };
        match done {
            Ok(()) => Ok(()),
            Err(Some(error)) if is_of_statement(&error) => Err(failed(error)),
            Err(Some(error)) => Err(self.pool.broken(error)),
            Err(None) => Err(self.pool.silent("a transaction began or ended")),
        }
    }

    /// Says that nothing is known of the connection.
    pub(crate) fn doubt(&mut self) {
        self.state = State::Doubt;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (Some(connection), Some(permit)) = (self.connection.take(), self.permit.take()) else { return };
        let runtime = tokio::runtime::Handle::try_current().ok();
        match (self.state, runtime) {
            (State::Idle, _) => self.pool.put_back(connection, permit),
            (State::Open | State::Failed, Some(runtime)) => {
                let (pool, state) = (self.pool.clone(), self.state);
                runtime.spawn(async move {
                    // Made in the task: a runtime that has ended drops the task, and with it the connection, unused.
                    let mut rest = Self { pool, connection: Some(connection), permit: Some(permit), state };
                    if let Err(error) = rest.end("ROLLBACK").await {
                        tracing::debug!(%error, "a transaction was not rolled back in order; its connection is closed");
                    }
                });
            }
            (_, Some(runtime)) => {
                self.pool.count_discarded("in doubt");
                // The permit is free once the connection is closed: a pool never holds more than its limit.
                runtime.spawn(async move {
                    let _ = timeout(MOMENT, connection.close()).await;
                    drop(permit);
                });
            }
            // The runtime has ended: dropping closes.
            (_, None) => {}
        }
    }
}

/// Single statements, each on a connection of its own and a transaction by itself.
#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.0.target.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.lease().await?.statement(async |connection| connection.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        self.lease().await?.statement(async |connection| connection.execute_text(text).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.lease().await?.statement(async |connection| connection.first_row(statement).await).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.lease().await?.statement(async |connection| connection.all_rows(statement).await).await
    }
}
