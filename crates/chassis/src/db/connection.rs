//! One connection to PostgreSQL or SQLite. SeaORM's statements run on it directly and not through a
//! pool of the driver, so that only the chassis decides when a connection may be reused
//! ([`crate::db::pool`]).

use sea_orm::{
    DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value, Values,
    sqlx::{
        AssertSqlSafe, Connection as _, Error, PgConnection, Postgres, Sqlite, SqliteConnection,
        postgres::PgConnectOptions, query::Query, query_with, raw_sql,
        sqlite::SqliteConnectOptions,
    },
};
use sea_query_sqlx::SqlxValues;
use std::sync::Arc;

/// The database to connect to.
#[derive(Clone)]
pub(crate) enum Target {
    /// A server, or a pooler in transaction mode before it.
    Postgres { server: Box<PgConnectOptions>, pooled: bool },
    /// A file.
    Sqlite(Box<SqliteConnectOptions>),
}

impl Target {
    pub(crate) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres { .. } => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// Whether a pooler in between runs each transaction on any of its own connections.
    pub(crate) fn is_pooled(&self) -> bool {
        matches!(self, Self::Postgres { pooled: true, .. })
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        match self {
            Self::Postgres { server, pooled } => Ok(Connection::Postgres {
                connection: Box::new(PgConnection::connect_with(server).await?),
                prepares: !pooled,
            }),
            Self::Sqlite(options) => {
                Ok(Connection::Sqlite(Box::new(SqliteConnection::connect_with(options).await?)))
            }
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Postgres {
        connection: Box<PgConnection>,
        /// Whether statements are prepared once for later ones of the same text. Behind a pooler
        /// they might have been on another connection.
        prepares: bool,
    },
    Sqlite(Box<SqliteConnection>),
}

impl Connection {
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, Error> {
        match self {
            Self::Postgres { connection, prepares } => postgres(statement)
                .persistent(*prepares)
                .execute(connection.as_mut())
                .await
                .map(Into::into),
            Self::Sqlite(connection) => {
                sqlite(statement).execute(connection.as_mut()).await.map(Into::into)
            }
        }
    }

    /// Runs a text that is one or more statements without values.
    pub(crate) async fn execute_text(&mut self, text: &str) -> Result<ExecResult, Error> {
        let text = raw_sql(AssertSqlSafe(text.to_owned()));
        match self {
            Self::Postgres { connection, .. } => {
                text.execute(connection.as_mut()).await.map(Into::into)
            }
            Self::Sqlite(connection) => text.execute(connection.as_mut()).await.map(Into::into),
        }
    }

    pub(crate) async fn first_row(
        &mut self,
        statement: Statement,
    ) -> Result<Option<QueryResult>, Error> {
        match self {
            Self::Postgres { connection, prepares } => postgres(statement)
                .persistent(*prepares)
                .fetch_optional(connection.as_mut())
                .await
                .map(|row| row.map(Into::into)),
            Self::Sqlite(connection) => sqlite(statement)
                .fetch_optional(connection.as_mut())
                .await
                .map(|row| row.map(Into::into)),
        }
    }

    pub(crate) async fn all_rows(
        &mut self,
        statement: Statement,
    ) -> Result<Vec<QueryResult>, Error> {
        match self {
            Self::Postgres { connection, prepares } => {
                let rows = postgres(statement)
                    .persistent(*prepares)
                    .fetch_all(connection.as_mut())
                    .await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(connection) => {
                let rows = sqlite(statement).fetch_all(connection.as_mut()).await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Checks that the other side still answers.
    pub(crate) async fn ping(&mut self) -> Result<(), Error> {
        match self {
            Self::Postgres { connection, .. } => connection.ping().await,
            Self::Sqlite(connection) => connection.ping().await,
        }
    }

    /// Closes without a farewell to the server, which may no longer answer. It rolls back what was
    /// not committed.
    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Postgres { connection, .. } => connection.close_hard().await,
            // Waits until the driver's thread has ended its statement, so that the next writer
            // finds no lock of this one.
            Self::Sqlite(connection) => connection.close().await,
        };
        if let Err(error) = closed {
            tracing::debug!(%error, "a connection did not close in order");
        }
    }
}

fn values(values: Option<Values>) -> SqlxValues {
    SqlxValues(values.unwrap_or_else(|| Values(Vec::<Value>::new())))
}

fn postgres(statement: Statement) -> Query<'static, Postgres, SqlxValues> {
    query_with(AssertSqlSafe(statement.sql), values(statement.values))
}

fn sqlite(statement: Statement) -> Query<'static, Sqlite, SqlxValues> {
    query_with(AssertSqlSafe(statement.sql), values(statement.values))
}

/// The error of a statement in SeaORM's form.
pub(crate) fn failed(error: Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Whether a server has no free connection slot (SQLSTATE 53300, `too_many_connections`).
pub(crate) fn is_full(error: &Error) -> bool {
    error.as_database_error().is_some_and(|cause| cause.code().is_some_and(|code| code == "53300"))
}

/// Whether the database answered with an error that concerns only the statement, so that the
/// connection itself is sound.
pub(crate) fn is_of_statement(error: &Error) -> bool {
    let Error::Database(cause) = error else { return false };
    let code = cause.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite's result codes are numbers whose low byte is the kind. 1: an error in the
        // statement; 5 and 6: a lock; 18: too big; 19: a constraint; 20: a type; 25: a value that
        // does not exist. Not among them: 7, 10, 11, 13, 14 and 26, which are about memory and the
        // disk.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 1 | 5 | 6 | 18 | 19 | 20 | 25),
        // PostgreSQL's codes have five characters. Not about the statement are the classes 08
        // (connection), 57 (shutdown), 58 and XX (internal errors), and 25 and 2D, which say that
        // the connection is in another transaction state than we think. The exception is 57014: the
        // statement was cancelled or timed out, and the connection is still sound.
        _ => {
            code == "57014"
                || !["08", "25", "2D", "57", "58", "XX"].iter().any(|class| code.starts_with(class))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, is_of_statement};
    use sea_orm::{DbBackend, Statement, sqlx::sqlite::SqliteConnectOptions};

    #[tokio::test]
    async fn what_is_wrong_with_a_statement_leaves_the_connection_sound() {
        let options = SqliteConnectOptions::new().in_memory(true);
        let mut connection = Target::Sqlite(Box::new(options)).connect().await.unwrap();
        connection
            .execute_text("CREATE TABLE a (b INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)")
            .await
            .unwrap();
        for wrong in ["INSERT INTO a VALUES (1)", "SELECT c FROM a", "INSERT INTO a VALUES ('x')"] {
            let error = connection
                .execute(Statement::from_string(DbBackend::Sqlite, wrong))
                .await
                .unwrap_err();
            assert!(is_of_statement(&error), "{wrong}: {error}");
        }
        let row = connection
            .first_row(Statement::from_string(DbBackend::Sqlite, "SELECT count(*) AS n FROM a"))
            .await
            .unwrap();
        assert_eq!(row.unwrap().try_get::<i64>("", "n").unwrap(), 1);
        connection.ping().await.unwrap();
        connection.close().await;
    }
}
