//! Why the database gave no answer, as the code of its error says it. Texts of errors are for
//! people: nothing is decided by them.

use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr, sqlx::error::DatabaseError};
use std::fmt::{self, Display, Formatter};
use uuid::Uuid;

/// The reason why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another transaction was first. The same transaction finds its rows if it is run again at
    /// once.
    #[error("lost a race: {0}")]
    Raced(String),
    /// No connection became free in time, or there are none any more.
    #[error("no connection: {0}")]
    NoConnection(ConnAcquireErr),
    /// The database does not answer, or cannot work.
    #[error("{0}")]
    Unavailable(String),
    /// The database refused a statement, perhaps because of the values in it.
    #[error("{0}")]
    Statement(DbErr),
    /// A row is not as the suite writes it: a bug, or somebody else wrote it.
    #[error("{0}")]
    Corrupt(Corrupt),
}

/// A row that is not as the suite writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrupt {
    /// What is wrong with it.
    pub what: String,
    /// Its table and id, where the reader of the row says them.
    pub row: Option<(&'static str, Uuid)>,
}

impl Display for Corrupt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.row {
            Some((table, id)) => write!(f, "the row {id} of {table} has {}", self.what),
            None => write!(f, "a row has {}", self.what),
        }
    }
}

impl StoreError {
    /// Whether the database, or what it holds, objects to this statement, and would answer another
    /// one.
    #[must_use]
    pub fn is_of_statement(&self) -> bool {
        match self {
            Self::Raced(_) | Self::Statement(_) | Self::Corrupt(_) => true,
            Self::NoConnection(_) | Self::Unavailable(_) => false,
        }
    }

    /// Whether the same statement fails whenever it is run: a row that it names does not exist, or
    /// one that it reads is corrupt.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            Self::Statement(error) => {
                matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_)))
            }
            Self::Corrupt(_) => true,
            Self::Raced(_) | Self::NoConnection(_) | Self::Unavailable(_) => false,
        }
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        let said = match &error {
            DbErr::ConnectionAcquire(cause) => return Self::NoConnection(*cause),
            DbErr::Custom(_) | DbErr::Type(_) => return Self::Statement(error),
            DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause))
            | DbErr::Conn(RuntimeErr::SqlxError(cause)) => cause.as_database_error(),
            _ => None,
        };
        match said.map(Said::of) {
            Some(Said::Raced) => Self::Raced(error.to_string()),
            Some(Said::Refused) if !matches!(error, DbErr::Conn(_)) => Self::Statement(error),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// What a database says of a statement that failed.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Raced,
    Refused,
    Away,
}

impl Said {
    fn of(error: &(dyn DatabaseError + 'static)) -> Self {
        let code = error.code().unwrap_or_default();
        if error.is_unique_violation() || is_race(&code) {
            return Self::Raced;
        }
        // Classes 08, 53 and 57 are not about the statement: no connection, no resources, shutdown.
        let is_about_server = ["08", "53", "57"].iter().any(|class| code.starts_with(class));
        if is_about_server { Self::Away } else { Self::Refused }
    }
}

/// Whether a code says that two transactions were in each other's way. PostgreSQL: a serialization
/// failure or a deadlock. SQLite, whose codes have the kind in their low byte: 5, the database is
/// locked by another connection, and 6, a table is.
fn is_race(code: &str) -> bool {
    match code {
        "40001" | "40P01" => true,
        // PostgreSQL's codes have five characters.
        _ if code.len() == 5 => false,
        _ => code.parse::<u32>().is_ok_and(|number| matches!(number & 0xff, 5 | 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::{StoreError, is_race};
    use sea_orm::{ConnectionTrait, Database, DbErr};

    #[test]
    fn races_are_known_by_their_codes() {
        for (code, race) in [
            ("40001", true),
            ("40P01", true),
            ("5", true),
            ("517", true),
            ("262", true),
            ("23505", false),
            ("10005", false),
        ] {
            assert_eq!(is_race(code), race, "{code}");
        }
        assert!(!is_race("1555") && !is_race(""));
    }

    #[tokio::test]
    async fn an_error_of_the_database_is_what_its_code_says() {
        let db = Database::connect("sqlite::memory:").await.unwrap();
        db.execute_unprepared("PRAGMA foreign_keys = ON").await.unwrap();
        db.execute_unprepared("CREATE TABLE a (b INTEGER PRIMARY KEY, c INTEGER REFERENCES a (b))")
            .await
            .unwrap();
        db.execute_unprepared("INSERT INTO a VALUES (1, NULL)").await.unwrap();
        let error = async |statement: &str| {
            StoreError::from(db.execute_unprepared(statement).await.unwrap_err())
        };
        assert!(matches!(error("INSERT INTO a VALUES (1, NULL)").await, StoreError::Raced(_)));
        let missing = error("INSERT INTO a VALUES (2, 7)").await;
        assert!(missing.is_lasting() && missing.is_of_statement(), "{missing}");
        let wrong = error("SELECT 40001 FROM deadlock").await;
        assert!(matches!(wrong, StoreError::Statement(_)) && !wrong.is_lasting(), "{wrong}");
        assert!(matches!(
            StoreError::from(DbErr::Custom("40001: database is locked".to_owned())),
            StoreError::Statement(_)
        ));
        assert!(
            !StoreError::from(DbErr::ConnectionAcquire(sea_orm::ConnAcquireErr::Timeout))
                .is_of_statement()
        );
    }
}
