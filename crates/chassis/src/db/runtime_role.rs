//! Whether a service is connected to PostgreSQL as its runtime role, `payterms_<service>`, in its own schema.

use crate::db::{pool::Pool, sql};
use sea_orm::DbErr;

/// Where names without a schema are looked for: in the service's schema, and last among temporary tables, which would
/// otherwise come first.
pub(crate) fn search_path(service: &str) -> String {
    format!("{service},pg_temp")
}

/// Refuses a role to which row-level security means nothing or everything, and another search path than was asked for.
///
/// # Errors
/// A sentence that says what to do, or what the database said.
pub(crate) async fn check(pool: &Pool, service: &str) -> Result<(), String> {
    let (path, strong, makes) = read(pool, service).await.map_err(|error| error.to_string())?;
    if strong {
        return Err(format!("the role sees all tenants; connect as payterms_{service}, no superuser and without BYPASSRLS"));
    }
    // The owner of the tables is under row-level security too, and would find the service's own tables empty.
    if makes {
        return Err(format!("the role may make tables in schema {service}; connect as payterms_{service}, which owns nothing"));
    }
    // A pooler between may drop what a connection asks for at its start.
    if path.replace(' ', "") != search_path(service) {
        return Err(format!(
            "the search path is {path}, not {service}: connect to the server itself, or to a pooler that passes options on"
        ));
    }
    Ok(())
}

async fn read(pool: &Pool, service: &str) -> Result<(String, bool, bool), DbErr> {
    let select = "SELECT pg_catalog.current_setting('search_path') AS path, rolsuper OR rolbypassrls AS strong, \
                  EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE nspname = $1 AND pg_catalog.has_schema_privilege(n.oid, 'CREATE')) AS makes \
                  FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let Some(row) = sql::one(pool, select, vec![service.into()]).await? else { return Ok(Default::default()) };
    Ok((row.try_get("", "path")?, row.try_get("", "strong")?, row.try_get("", "makes")?))
}
