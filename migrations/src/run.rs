//! Runs the migrations of one service, safely when several start at once.

use crate::{credit::Credit, invoicing::Invoicing, plans::Plans, wallet::Wallet};
use sea_orm::{ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, Statement, TransactionTrait};
use sea_orm_migration::MigratorTrait;

/// Brings the embedded database of a service up to date.
///
/// # Errors
/// The database's.
pub async fn migrate_sqlite(db: &DatabaseConnection, service: &str) -> Result<(), DbErr> {
    match service {
        "wallet" => Wallet::up(db, None).await,
        "invoicing" => Invoicing::up(db, None).await,
        "plans" => Plans::up(db, None).await,
        "credit" => Credit::up(db, None).await,
        other => Err(unknown(other)),
    }
}

/// Brings the schema of a service up to date on PostgreSQL, as the owner: makes the schema and
/// the runtime role `payterms_<service>` if they are missing. One of several runs does the work,
/// the others wait for it.
///
/// # Errors
/// The database's.
pub async fn migrate_postgres(db: &DatabaseConnection, service: &str) -> Result<(), DbErr> {
    if !crate::SERVICES.contains(&service) {
        return Err(unknown(service));
    }
    // A statement that fails in this transaction undoes all of it. The names are our own
    // constants, never input.
    #[expect(clippy::disallowed_methods, reason = "the owner's transaction on PostgreSQL, no SQLite involved")]
    let txn = db.begin().await?;
    let lock = Statement::from_sql_and_values(
        txn.get_database_backend(),
        "SELECT pg_advisory_xact_lock(hashtext($1))",
        [format!("payterms/{service}").into()],
    );
    txn.query_one_raw(lock).await?;
    for statement in [
        format!("CREATE SCHEMA IF NOT EXISTS {service}"),
        format!(
            "DO $$ BEGIN CREATE ROLE payterms_{service} LOGIN NOSUPERUSER NOBYPASSRLS; \
             EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        ),
        role_setting(service, "search_path", service),
        // Rows are looked for by their keys alone. While a table is small its pages look cheaper than its index, and a plan
        // that was made then is kept.
        role_setting(service, "enable_seqscan", "off"),
        role_setting(service, "random_page_cost", "1.1"),
        format!("GRANT USAGE ON SCHEMA {service} TO payterms_{service}"),
        format!("SET LOCAL search_path = {service}"),
    ] {
        txn.execute_unprepared(&statement).await?;
    }
    up(&txn, service).await?;
    txn.execute_unprepared(&format!("GRANT SELECT ON {service}.seaql_migrations TO payterms_{service}")).await?;
    txn.commit().await
}

/// Gives the runtime role a setting, where it has it not yet: two runs in two databases would otherwise meet at the role.
fn role_setting(service: &str, name: &str, value: &str) -> String {
    format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = 'payterms_{service}' \
         AND s.setdatabase = 0 AND '{name}={value}' = ANY (s.setconfig)) THEN ALTER ROLE payterms_{service} SET {name} = {value}; END IF; END $$"
    )
}

async fn up(txn: &DatabaseTransaction, service: &str) -> Result<(), DbErr> {
    match service {
        "wallet" => Wallet::up(txn, None).await,
        "plans" => Plans::up(txn, None).await,
        "credit" => Credit::up(txn, None).await,
        _ => Invoicing::up(txn, None).await,
    }
}

fn unknown(service: &str) -> DbErr {
    DbErr::Custom(format!("there is no schema of {service}; there are {}", crate::SERVICES.join(", ")))
}
