//! Whether a service is connected to PostgreSQL as its runtime role, `payterms_<service>`, in its own schema.

use crate::db::{pool::Pool, sql};
use sea_orm::DbErr;

/// The schemas that are searched for an unqualified name: the service's, then temporary tables. PostgreSQL would otherwise
/// search temporary tables first, so that one could shadow a table of the service.
pub(crate) fn search_path(service: &str) -> String {
    format!("{service},pg_temp")
}

/// Refuses a role that bypasses row-level security or owns the tables, and a search path other than the configured one.
///
/// # Errors
/// A sentence that says what to do, or with the database's error.
pub(crate) async fn check(pool: &Pool, service: &str) -> Result<(), String> {
    let role = read(pool, service).await.map_err(|error| error.to_string())?;
    if role.bypasses_row_security {
        return Err(format!("the role sees all tenants; connect as payterms_{service}, no superuser and without BYPASSRLS"));
    }
    // Row-level security is forced on the owner of the tables too, and the policies of the system tables name only the runtime
    // role. An owner would find these tables empty.
    if role.may_create_tables {
        return Err(format!("the role may make tables in schema {service}; connect as payterms_{service}, which owns nothing"));
    }
    // A connection pooler in between may drop the options that a connection sends at its start.
    if role.search_path.replace(' ', "") != search_path(service) {
        return Err(format!(
            "the search path is {}, not {service}: connect to the server itself, or to a pooler that passes options on",
            role.search_path
        ));
    }
    Ok(())
}

/// The role of a connection.
#[derive(Debug, Default)]
struct ConnectedRole {
    search_path: String,
    bypasses_row_security: bool,
    may_create_tables: bool,
}

async fn read(pool: &Pool, service: &str) -> Result<ConnectedRole, DbErr> {
    let select = "SELECT pg_catalog.current_setting('search_path') AS path, rolsuper OR rolbypassrls AS strong, \
                  EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE nspname = $1 AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) AS makes \
                  FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let Some(row) = sql::one(pool, select, vec![service.into()]).await? else { return Ok(ConnectedRole::default()) };
    Ok(ConnectedRole {
        search_path: row.try_get("", "path")?,
        bypasses_row_security: row.try_get("", "strong")?,
        may_create_tables: row.try_get("", "makes")?,
    })
}
