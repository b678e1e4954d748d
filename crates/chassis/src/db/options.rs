//! Options of the database: the number of connections, and how long a call waits for one and for an
//! answer.

use crate::db::pool::Limits;
use clap::Args;
use std::time::Duration;

/// Options of the database.
#[derive(Debug, Clone, Args)]
pub struct DatabaseOptions {
    /// Connections to PostgreSQL at once. SQLite has one writer and a few readers, whatever this
    /// says.
    #[arg(long = "database-connections", env = "PAYTERMS_DATABASE_CONNECTIONS", default_value_t = 12, value_parser = positive)]
    pub connections: usize,
    /// Processes that share the server, for the warning at the start where it does not take them
    /// all: four services with two replicas each, unless told otherwise.
    #[arg(long = "database-processes", env = "PAYTERMS_DATABASE_PROCESSES", default_value_t = 8, value_parser = positive)]
    pub processes: usize,
    /// Seconds that a call waits for a connection before it is refused with OVERLOADED.
    #[arg(long = "database-wait-seconds", env = "PAYTERMS_DATABASE_WAIT_SECONDS", default_value_t = 10, value_parser = positive)]
    pub wait_seconds: usize,
    /// Seconds that one statement may take before it is ended and its connection closed.
    #[arg(long = "database-statement-seconds", env = "PAYTERMS_DATABASE_STATEMENT_SECONDS", default_value_t = 8, value_parser = positive)]
    pub statement_seconds: usize,
    /// The address is that of a pooler in transaction mode, such as `PgBouncer`, which runs each
    /// transaction on any of its connections: nothing is prepared, and the pooler sets what each
    /// connection needs (docs/runbooks/postgres.md).
    #[arg(long = "database-pooled", env = "PAYTERMS_DATABASE_POOLED")]
    pub pooled: bool,
    /// Whether a server that may lose what it has confirmed is refused, as in production.
    #[arg(skip)]
    pub must_be_durable: bool,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| "write a number from 1 to 10000".to_owned())
}

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            connections: 12,
            processes: 8,
            wait_seconds: 10,
            statement_seconds: 8,
            pooled: false,
            must_be_durable: false,
        }
    }
}

impl DatabaseOptions {
    pub(crate) fn limits(&self, connections: usize) -> Limits {
        let seconds = |number: usize| Duration::from_secs(number as u64);
        // One second more than the server's own statement timeout, so that the server's error
        // arrives before this side gives up.
        Limits {
            connections,
            wait: seconds(self.wait_seconds),
            answer: seconds(self.statement_seconds) + Duration::from_secs(1),
        }
    }

    /// A warning if a server with `room` connections is too small for all the processes that share
    /// it.
    pub(crate) fn warning(&self, room: usize) -> Option<String> {
        let all = self.connections.saturating_mul(self.processes);
        let fits = room.checked_div(self.processes).unwrap_or_default().max(1);
        (all > room).then(|| {
            format!(
                "{} processes with {} connections each need {all}; the server takes {room}. Set --database-connections={fits}, \
                 raise the server's max_connections, or say by --database-processes how many processes share it.",
                self.processes, self.connections
            )
        })
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_server_that_is_too_small_is_named_with_what_fits() {
        let options = super::DatabaseOptions::default();
        assert_eq!(options.warning(97), None, "the defaults fit the default of PostgreSQL");
        let warning = super::DatabaseOptions { connections: 16, ..options }.warning(97).unwrap();
        assert!(
            warning.contains("need 128") && warning.contains("--database-connections=12"),
            "{warning}"
        );
    }
}
