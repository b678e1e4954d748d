//! What a service asks of a PostgreSQL server when it starts: that it is connected as its runtime
//! role, `payterms_<service>`, in its own schema, and in production that what the server confirms
//! is on its disk.

use crate::db::{pool::Pool, sql};
use sea_orm::DbErr;

/// The schemas that are searched for an unqualified name: the service's, then temporary tables.
/// PostgreSQL would otherwise search temporary tables first, so that one could shadow a table of
/// the service.
pub(crate) fn search_path(service: &str) -> String {
    format!("{service},pg_temp")
}

/// Refuses a role that bypasses row-level security or owns the tables, a search path other than the
/// configured one, and with `must_be_durable` a server that may lose what it has confirmed.
///
/// # Errors
/// All that is wrong, each with what to do, or the database's error.
pub(crate) async fn check(pool: &Pool, service: &str, must_be_durable: bool) -> Result<(), String> {
    let server = read(pool, service).await.map_err(|error| error.to_string())?;
    let mut wrong = server.faults_of_role(service);
    if must_be_durable {
        wrong.extend(server.faults_of_durability());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

/// What a connection shows of its server.
#[derive(Debug, Default)]
struct Server {
    search_path: String,
    bypasses_row_security: bool,
    owns_tables: bool,
    may_create_tables: bool,
    /// Limits of time that its connections do not have.
    without_limits: Vec<String>,
    /// Settings without which a crash loses what was confirmed, and that are off.
    off: Vec<String>,
}

impl Server {
    fn faults_of_role(&self, service: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.bypasses_row_security {
            wrong.push(format!("the role sees all tenants; connect as payterms_{service}, no superuser and without BYPASSRLS"));
        }
        // Row-level security is forced on the owner of the tables too, and the policies of the
        // system tables name only the runtime role. An owner would find these tables empty, and
        // could take the policies away.
        if self.owns_tables {
            wrong.push(format!("the role owns tables in schema {service}, or is a member of who does; connect as payterms_{service}"));
        }
        if self.may_create_tables {
            wrong.push(format!("the role may make tables in schema {service}; connect as payterms_{service}, which owns nothing"));
        }
        // A connection pooler in between may drop the options that a connection sends at its start.
        if self.search_path.replace(' ', "") != search_path(service) {
            wrong.push(format!(
                "the search path is {}, not {service}: connect to the server itself, or give a pooler the connect_query of \
                 docs/runbooks/postgres.md",
                self.search_path
            ));
        }
        if !self.without_limits.is_empty() {
            let limits = self.without_limits.join(", ");
            wrong.push(format!("connections have no {limits}: give the pooler the connect_query of docs/runbooks/postgres.md"));
        }
        wrong
    }

    fn faults_of_durability(&self) -> Option<String> {
        let off = self.off.join(", ");
        (!off.is_empty()).then(|| {
            format!(
                "a crash of the server may lose what it has confirmed; switch on its settings {off}"
            )
        })
    }
}

async fn read(pool: &Pool, service: &str) -> Result<Server, DbErr> {
    let select = "SELECT pg_catalog.current_setting('search_path') AS path, rolsuper OR rolbypassrls AS strong, \
                  EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                          WHERE n.nspname = $1 AND pg_catalog.pg_has_role(c.relowner, 'MEMBER')) AS owns, \
                  EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE nspname = $1 AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) AS makes, \
                  (SELECT coalesce(pg_catalog.string_agg(name, ',' ORDER BY name), '') FROM pg_catalog.pg_settings \
                   WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off') AS off, \
                  (SELECT coalesce(pg_catalog.string_agg(name, ',' ORDER BY name), '') FROM pg_catalog.pg_settings \
                   WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') AND setting = '0') AS limits \
                  FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let Some(row) = sql::one(pool, select, vec![service.into()]).await? else {
        return Ok(Server::default());
    };
    let names = |column: &str| {
        let names: String = row.try_get("", column)?;
        Ok::<_, DbErr>(
            names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        )
    };
    Ok(Server {
        search_path: row.try_get("", "path")?,
        bypasses_row_security: row.try_get("", "strong")?,
        owns_tables: row.try_get("", "owns")?,
        may_create_tables: row.try_get("", "makes")?,
        without_limits: names("limits")?,
        off: names("off")?,
    })
}
