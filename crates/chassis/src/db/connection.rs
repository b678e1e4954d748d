//! One connection to a database of either kind. Statements of SeaORM run on it directly, not through a pool of the
//! driver, so that the chassis alone decides when a connection is used again ([`crate::db::pool`]).

use sea_orm::{
    DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value, Values,
    sqlx::{
        AssertSqlSafe, Connection as _, Error, PgConnection, Postgres, Sqlite, SqliteConnection, postgres::PgConnectOptions, query::Query,
        query_with, raw_sql, sqlite::SqliteConnectOptions,
    },
};
use sea_query_sqlx::SqlxValues;
use std::sync::Arc;

/// Where connections are made to.
#[derive(Clone)]
pub(crate) enum Target {
    /// A server.
    Postgres(Box<PgConnectOptions>),
    /// A file.
    Sqlite(Box<SqliteConnectOptions>),
}

impl Target {
    pub(crate) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection, Error> {
        match self {
            Self::Postgres(options) => Ok(Connection::Postgres(Box::new(PgConnection::connect_with(options).await?))),
            Self::Sqlite(options) => Ok(Connection::Sqlite(Box::new(SqliteConnection::connect_with(options).await?))),
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) enum Connection {
    Postgres(Box<PgConnection>),
    Sqlite(Box<SqliteConnection>),
}

impl Connection {
    pub(crate) async fn execute(&mut self, statement: Statement) -> Result<ExecResult, Error> {
        match self {
            Self::Postgres(connection) => postgres(statement).execute(connection.as_mut()).await.map(Into::into),
            Self::Sqlite(connection) => sqlite(statement).execute(connection.as_mut()).await.map(Into::into),
        }
    }

    /// Runs a text that is one or more statements without values.
    pub(crate) async fn execute_text(&mut self, text: &str) -> Result<ExecResult, Error> {
        let text = raw_sql(AssertSqlSafe(text.to_owned()));
        match self {
            Self::Postgres(connection) => text.execute(connection.as_mut()).await.map(Into::into),
            Self::Sqlite(connection) => text.execute(connection.as_mut()).await.map(Into::into),
        }
    }

    pub(crate) async fn first_row(&mut self, statement: Statement) -> Result<Option<QueryResult>, Error> {
        match self {
            Self::Postgres(connection) => postgres(statement).fetch_optional(connection.as_mut()).await.map(|row| row.map(Into::into)),
            Self::Sqlite(connection) => sqlite(statement).fetch_optional(connection.as_mut()).await.map(|row| row.map(Into::into)),
        }
    }

    pub(crate) async fn all_rows(&mut self, statement: Statement) -> Result<Vec<QueryResult>, Error> {
        match self {
            Self::Postgres(connection) => {
                let rows = postgres(statement).fetch_all(connection.as_mut()).await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
            Self::Sqlite(connection) => {
                let rows = sqlite(statement).fetch_all(connection.as_mut()).await?;
                Ok(rows.into_iter().map(Into::into).collect())
            }
        }
    }

    /// Asks the other side for a sign of life.
    pub(crate) async fn ping(&mut self) -> Result<(), Error> {
        match self {
            Self::Postgres(connection) => connection.ping().await,
            Self::Sqlite(connection) => connection.ping().await,
        }
    }

    /// Closes without waiting for the other side's word: what it had not committed, it rolls back.
    pub(crate) async fn close(self) {
        let closed = match self {
            Self::Postgres(connection) => connection.close_hard().await,
            // The driver's thread ends its statement first: a new writer then meets no lock of the old one.
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

/// The error of a statement as SeaORM tells it.
pub(crate) fn failed(error: Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Whether the database answered, and what it said is about the statement alone: the connection itself is sound.
pub(crate) fn is_of_statement(error: &Error) -> bool {
    let Error::Database(cause) = error else { return false };
    let code = cause.code().unwrap_or_default();
    match code.parse::<u32>() {
        // SQLite's result codes are numbers; the low byte is the kind. 1 an error in the statement, 5 and 6 a lock,
        // 18 too big, 19 a constraint, 20 a type, 25 a value that does not exist. Of the disk are 7, 10, 11, 13, 14, 26.
        Ok(number) if code.len() < 5 => matches!(number & 0xff, 1 | 5 | 6 | 18 | 19 | 20 | 25),
        // PostgreSQL's have five characters. Classes 08 (connection), 57 (shut down), 58 and XX (its own faults) are not
        // about the statement, save 57014: it took too long or was cancelled, and the connection goes on. Class 25 and 2D
        // say that the connection is in another state of transaction than we think.
        _ => code == "57014" || !["08", "25", "2D", "57", "58", "XX"].iter().any(|class| code.starts_with(class)),
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
        connection.execute_text("CREATE TABLE a (b INTEGER PRIMARY KEY); INSERT INTO a VALUES (1)").await.unwrap();
        for wrong in ["INSERT INTO a VALUES (1)", "SELECT c FROM a", "INSERT INTO a VALUES ('x')"] {
            let error = connection.execute(Statement::from_string(DbBackend::Sqlite, wrong)).await.unwrap_err();
            assert!(is_of_statement(&error), "{wrong}: {error}");
        }
        let row = connection.first_row(Statement::from_string(DbBackend::Sqlite, "SELECT count(*) AS n FROM a")).await.unwrap();
        assert_eq!(row.unwrap().try_get::<i64>("", "n").unwrap(), 1);
        connection.ping().await.unwrap();
        connection.close().await;
    }
}
