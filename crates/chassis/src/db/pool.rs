//! The connections of a process to one database, and when one may be reused.
//!
//! A connection returns to the pool only if its last operation was answered: a COMMIT, a ROLLBACK,
//! or a single statement outside a transaction. In every other case (the future that used it was
//! dropped in the middle, an answer did not come in time, the disk or the network failed) its
//! transaction state is unknown, so it is closed. Otherwise a call could write into an open
//! transaction of another call, be acknowledged, and then be rolled back with it.

pub(crate) mod lease;

use crate::{
    db::{
        connection::{Connection, Target, is_full},
        health::Health,
    },
    telemetry::metrics,
    wire::deadline::time_left,
};
use lease::{Lease, State};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Histogram},
};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement, sqlx::Error,
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

/// How long opening, closing or pinging a connection may take.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that was idle for longer is pinged before it is used: the network may have dropped
/// it silently.
const CHECKED_AFTER: Duration = Duration::from_secs(5);
/// A connection that was idle for longer is closed, so that the server has the slot for others.
const IDLE_LIMIT: Duration = Duration::from_mins(5);
/// The pause before another attempt at a server that has no free connection slot.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// The number of connections, and how long a wait or an answer may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// How long a call waits for a connection.
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
    /// Permits for connections in use. The semaphore is fair: the caller that has waited longest is
    /// next.
    permits: Arc<Semaphore>,
    /// Sound connections that are not in use; the most recently used is last.
    idle: Mutex<VecDeque<(Connection, Instant)>>,
    health: Health,
    /// When the database last answered a statement.
    answered: Mutex<Instant>,
    /// The pool's name in metrics.
    label: KeyValue,
    waited: Histogram<f64>,
    discarded: Counter<u64>,
    refused: Counter<u64>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pool({:?})", self.0.limits)
    }
}

impl Pool {
    /// A pool with its first connection open; `name` is for metrics.
    pub(crate) async fn open(
        name: String,
        target: Target,
        limits: Limits,
        health: Health,
    ) -> Result<Self, DbErr> {
        let meter = metrics::meter();
        let pool = Self(Arc::new(Inner {
            target,
            limits,
            permits: Arc::new(Semaphore::new(limits.connections)),
            idle: Mutex::default(),
            health,
            answered: Mutex::new(Instant::now()),
            label: KeyValue::new("db.client.connection.pool.name", name),
            waited: metrics::durations(
                "db.client.connection.wait_time",
                "How long calls waited for a database connection.",
            ),
            discarded: meter.u64_counter("payterms.database.connections.discarded").build(),
            refused: meter.u64_counter("payterms.database.waits.refused").build(),
        }));
        pool.observe();
        let permit = pool.permit().await?;
        let first = pool.connect().await?;
        pool.put_back(first, permit);
        Ok(pool)
    }

    /// Lets metrics see how many connections are in use and idle, of how many.
    fn observe(&self) {
        let (counted, limited) = (Arc::downgrade(&self.0), Arc::downgrade(&self.0));
        metrics::observe(
            "db.client.connection.count",
            "{connection}",
            "Database connections, by state.",
            move || {
                let Some(pool) = counted.upgrade() else { return Vec::new() };
                let used = pool.limits.connections.saturating_sub(pool.permits.available_permits());
                let idle = pool.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
                let state = |name, count| {
                    (
                        vec![pool.label.clone(), KeyValue::new("db.client.connection.state", name)],
                        metrics::count(count),
                    )
                };
                vec![state("used", used), state("idle", idle)]
            },
        );
        metrics::observe(
            "db.client.connection.max",
            "{connection}",
            "The most database connections at once.",
            move || {
                let pool = limited.upgrade();
                pool.map(|pool| (vec![pool.label.clone()], metrics::count(pool.limits.connections)))
                    .into_iter()
                    .collect()
            },
        );
    }

    /// Whether a pooler in between runs each transaction on any of its own connections.
    pub(crate) fn is_pooled(&self) -> bool {
        self.0.target.is_pooled()
    }

    /// Runs one statement on any connection. What a statement is bound to is told to the server
    /// before its values: behind a pooler both reach the same connection only within a transaction.
    async fn alone<T>(
        &self,
        work: impl AsyncFnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, DbErr> {
        let mut lease = self.lease().await?;
        if !self.is_pooled() {
            return lease.statement(work).await;
        }
        lease.begin("BEGIN").await?;
        let value = lease.statement(work).await?;
        lease.end("COMMIT").await?;
        Ok(value)
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<(Connection, Instant)>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn health(&self) -> &Health {
        &self.0.health
    }

    /// Whether the database has answered a statement within this time.
    pub(crate) fn answered_within(&self, time: Duration) -> bool {
        self.0.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < time
    }

    /// Waits for the permit to use a connection, at most until the caller's deadline: afterwards
    /// nobody would get the result.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, DbErr> {
        let wait = time_left().map_or(self.0.limits.wait, |left| left.min(self.0.limits.wait));
        let since = Instant::now();
        let permit = if wait.is_zero() {
            None
        } else {
            timeout(wait, self.0.permits.clone().acquire_owned()).await.ok()
        };
        self.0.waited.record(since.elapsed().as_secs_f64(), std::slice::from_ref(&self.0.label));
        match permit {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) => Err(DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)),
            None => {
                self.0.refused.add(1, &[]);
                Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))
            }
        }
    }

    /// A sound connection, from the pool or a new one.
    pub(crate) async fn lease(&self) -> Result<Lease, DbErr> {
        let permit = self.permit().await?;
        loop {
            let last = self.idle().pop_back();
            let Some((mut connection, since)) = last else { break };
            // If this future is dropped during the ping, the connection is dropped with it, not
            // returned in an unknown state.
            if since.elapsed() < CHECKED_AFTER
                || matches!(timeout(CONNECTION_TIMEOUT, connection.ping()).await, Ok(Ok(())))
            {
                return Ok(Lease {
                    pool: self.clone(),
                    connection: Some(connection),
                    permit: Some(permit),
                    state: State::Idle,
                });
            }
            self.count_discarded("no sign of life");
            // Connections that were idle for longer were probably dropped by the network together
            // with this one.
            self.idle().retain(|(_, idle_since)| *idle_since > since);
        }
        let connection = self.connect().await?;
        Ok(Lease {
            pool: self.clone(),
            connection: Some(connection),
            permit: Some(permit),
            state: State::Idle,
        })
    }

    /// Opens a connection. If the server has no free slot, it retries for as long as a call may
    /// wait for a connection.
    async fn connect(&self) -> Result<Connection, DbErr> {
        let until = Instant::now() + self.0.limits.wait;
        loop {
            match timeout(CONNECTION_TIMEOUT, self.0.target.connect()).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) if is_full(&error) => {
                    if Instant::now() + ROOM_PAUSE > until {
                        self.0.refused.add(1, &[]);
                        tracing::warn!(
                            "the database server takes no more connections; lower --database-connections or raise its limit"
                        );
                        return Err(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout));
                    }
                    tokio::time::sleep(ROOM_PAUSE).await;
                }
                Ok(Err(error)) => return Err(self.broken(error)),
                Err(_) => return Err(self.silent("connecting")),
            }
        }
    }

    /// Reports that the database itself failed, and not only a statement.
    fn broken(&self, error: Error) -> DbErr {
        self.0.health.report(&error.to_string());
        DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
    }

    /// Reports that an answer did not come. Idle connections may hang in the same way, so all of
    /// them are closed.
    pub(crate) fn silent(&self, activity: &str) -> DbErr {
        self.idle().clear();
        let text = format!("no answer in time while {activity}");
        self.0.health.report(&text);
        DbErr::Conn(RuntimeErr::Internal(text))
    }

    fn put_back(&self, connection: Connection, permit: OwnedSemaphorePermit) {
        let mut idle = self.idle();
        if !self.0.permits.is_closed() {
            idle.push_back((connection, Instant::now()));
        }
        // One per return is enough: the first has been idle for longest.
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

    /// Closes idle connections now, and those in use when their users are done.
    pub(crate) async fn close(&self) {
        self.0.permits.close();
        let idle: Vec<_> = self.idle().drain(..).collect();
        for (connection, _) in idle {
            let _ = timeout(CONNECTION_TIMEOUT, connection.close()).await;
        }
    }
}

/// Runs single statements, each on any connection and in a transaction of its own.
#[async_trait::async_trait]
impl ConnectionTrait for Pool {
    fn get_database_backend(&self) -> DbBackend {
        self.0.target.backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.alone(async |connection| connection.execute(statement).await).await
    }

    async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        self.lease().await?.statement(async |connection| connection.execute_text(text).await).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.alone(async |connection| connection.first_row(statement).await).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.alone(async |connection| connection.all_rows(statement).await).await
    }
}
