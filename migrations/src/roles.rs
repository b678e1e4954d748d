//! The runtime roles on PostgreSQL: `payterms_<service>` for each service, which owns nothing.
//!
//! PostgreSQL lets every role change its own settings (`ALTER ROLE … SET`, `SET`), the search path
//! among them. So nothing depends on a role's settings: a service sets its search path and planner
//! settings when it connects, functions run with the rights of who calls them, policies name what
//! they call by schema, and no role can make anything beside the tables.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement};

/// Makes the role of a service where it is missing.
pub(crate) async fn ensure(txn: &DatabaseTransaction, service: &str) -> Result<(), DbErr> {
    if missing(txn, &[service]).await?.is_empty() {
        return Ok(());
    }
    let may =
        "SELECT rolname FROM pg_roles WHERE rolname = current_user AND (rolsuper OR rolcreaterole)";
    if txn.query_one_raw(Statement::from_string(txn.get_database_backend(), may)).await?.is_none() {
        let statements: Vec<_> = missing(txn, &crate::SERVICES)
            .await?
            .iter()
            .map(|role| format!("CREATE ROLE {role} LOGIN;"))
            .collect();
        return Err(DbErr::Custom(format!(
            "this role may not create roles, and some are missing: let an administrator run {} and give each a password, then run \
             payterms-migrate again",
            statements.join(" ")
        )));
    }
    // A run in another database of the server may make it at the same moment.
    let create = format!(
        "DO $$ BEGIN CREATE ROLE payterms_{service} LOGIN NOSUPERUSER; \
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    );
    txn.execute_unprepared(&create).await.map(|_| ())
}

/// The roles of these services that are not there.
async fn missing(txn: &DatabaseTransaction, services: &[&str]) -> Result<Vec<String>, DbErr> {
    let mut missing = Vec::new();
    for service in services {
        let role = format!("payterms_{service}");
        let select = "SELECT rolname FROM pg_roles WHERE rolname = $1";
        let found = Statement::from_sql_and_values(
            txn.get_database_backend(),
            select,
            [role.clone().into()],
        );
        if txn.query_one_raw(found).await?.is_none() {
            missing.push(role);
        }
    }
    Ok(missing)
}

/// Gives the role of a service what it needs in its schema, and takes from all others what they do
/// not. Changes, and locks, only what is not so yet.
pub(crate) async fn grant(txn: &DatabaseTransaction, service: &str) -> Result<(), DbErr> {
    for statement in [in_schema(service), search_path(service), OUTSIDE_SCHEMA.to_owned()] {
        txn.execute_unprepared(&statement).await?;
    }
    Ok(())
}

/// PostgreSQL lets everybody call a new function or procedure: here the service's role alone. Who
/// cannot call `payterms_tenants` reads no row of a tenant, with whatever rights on the table.
fn in_schema(service: &str) -> String {
    format!(
        "DO $$ DECLARE routine regprocedure; BEGIN \
           IF NOT has_schema_privilege('payterms_{service}', '{service}', 'USAGE') THEN \
             GRANT USAGE ON SCHEMA {service} TO payterms_{service}; END IF; \
           IF has_schema_privilege('public', '{service}', 'USAGE, CREATE') THEN REVOKE ALL ON SCHEMA {service} FROM PUBLIC; END IF; \
           FOR routine IN SELECT oid FROM pg_proc WHERE pronamespace = '{service}'::regnamespace \
             AND has_function_privilege('public', oid, 'EXECUTE') LOOP \
             EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine); \
             EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO payterms_{service}', routine); \
           END LOOP; \
           IF NOT has_table_privilege('payterms_{service}', '{service}.seaql_migrations', 'SELECT') THEN \
             GRANT SELECT ON {service}.seaql_migrations TO payterms_{service}; END IF; \
         END $$"
    )
}

/// Sets the search path of the role, for people who log in as it; where the owner may not, they set
/// it themselves. Only where it is not set yet: two runs in two databases would otherwise meet at
/// the role.
fn search_path(service: &str) -> String {
    format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = 'payterms_{service}' \
         AND s.setdatabase = 0 AND 'search_path={service}' = ANY (s.setconfig)) THEN ALTER ROLE payterms_{service} SET search_path = {service}; \
         END IF; EXCEPTION WHEN insufficient_privilege THEN NULL; END $$"
    )
}

/// Nobody but the owner makes temporary tables in this database, nor tables in `public` (where a
/// database that came from PostgreSQL 14 lets everybody). Runs for several services may come here
/// at once, hence the lock; it is for who owns the database, others leave it as it is.
const OUTSIDE_SCHEMA: &str = "DO $$ DECLARE \
       place text := current_database(); \
       temporary boolean := has_database_privilege('public', place, 'TEMPORARY') \
         AND EXISTS (SELECT FROM pg_database WHERE datname = place AND pg_has_role(datdba, 'USAGE')); \
       made boolean := EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND has_schema_privilege('public', oid, 'CREATE') \
         AND has_schema_privilege(oid, 'CREATE WITH GRANT OPTION')); \
     BEGIN \
       IF temporary OR made THEN PERFORM pg_advisory_xact_lock(hashtext('payterms/database')); END IF; \
       IF temporary THEN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', place); END IF; \
       IF made THEN REVOKE CREATE ON SCHEMA public FROM PUBLIC; END IF; \
     END $$";
