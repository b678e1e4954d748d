//! Runs the migrations of one service, safely when several start at once and while services are at
//! work.

use crate::{
    credit::Credit,
    indexes::{self, INDEXES},
    invoicing::Invoicing,
    plans::Plans,
    roles,
    wallet::Wallet,
};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr, Statement,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use std::time::Duration;

/// How long a migration waits for a table. Calls queue behind it meanwhile, and it is less than the
/// second after which PostgreSQL looks for deadlocks, so that a migration gives way and never a
/// call.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";
/// How often, and how long after, it begins again where a table was in use for longer: about five
/// minutes in all, more than any call takes.
const ATTEMPTS: usize = 300;
const PAUSE: Duration = Duration::from_millis(500);

/// What a schema is when its migrations have run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schema {
    /// It has the steps of this release.
    UpToDate,
    /// It has all of them, and this one, which this release does not know: a newer release was
    /// here, and nothing was changed.
    Newer(String),
}

/// Brings the embedded database of a service up to date.
///
/// # Errors
/// The error of the statement that failed.
pub async fn migrate_sqlite(db: &DatabaseConnection, service: &str) -> Result<(), DbErr> {
    match service {
        "wallet" => Wallet::up(db, None).await,
        "invoicing" => Invoicing::up(db, None).await,
        "plans" => Plans::up(db, None).await,
        "credit" => Credit::up(db, None).await,
        other => Err(unknown(other)),
    }?;
    indexes::build(db, service, INDEXES, false).await
}

/// Brings the schema of a service up to date on PostgreSQL, as the owner of the database, who needs
/// no other privilege. Makes the schema, and the runtime role `payterms_<service>` where it is
/// missing and the owner may make roles. One of several runs does the work, the others wait for it.
/// All of it is one transaction, which begins again where a table that it changes is in use; a
/// schema that is up to date is not locked. Indexes of tables in use are built after it. A newer
/// release's schema stays as it is, so that one can go back to the programs before.
///
/// # Errors
/// The database's; a sentence with what an administrator has to do first where the owner may not
/// make a role that is missing.
pub async fn migrate_postgres(db: &DatabaseConnection, service: &str) -> Result<Schema, DbErr> {
    if !crate::SERVICES.contains(&service) {
        return Err(unknown(service));
    }
    let mut attempts = 1;
    let schema = loop {
        match migrate_once(db, service).await {
            Err(error) if is_in_use(&error) && attempts < ATTEMPTS => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => break outcome?,
        }
        attempts += 1;
    };
    if schema == Schema::UpToDate {
        indexes::build(db, service, INDEXES, true).await?;
    }
    Ok(schema)
}

async fn migrate_once(db: &DatabaseConnection, service: &str) -> Result<Schema, DbErr> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the owner's transaction on PostgreSQL, no SQLite involved"
    )]
    let txn = db.begin().await?;
    match migrate_in(&txn, service).await {
        Ok(schema) => txn.commit().await.map(|()| schema),
        Err(error) => {
            txn.rollback().await?;
            Err(error)
        }
    }
}

/// The names in these statements are our own constants, never input.
async fn migrate_in(txn: &DatabaseTransaction, service: &str) -> Result<Schema, DbErr> {
    let lock = Statement::from_sql_and_values(
        txn.get_database_backend(),
        "SELECT pg_advisory_xact_lock(hashtext($1))",
        [format!("payterms/{service}").into()],
    );
    txn.query_one_raw(lock).await?;
    txn.execute_unprepared(LOCK_TIMEOUT).await?;
    roles::ensure(txn, service).await?;
    for statement in [
        format!("CREATE SCHEMA IF NOT EXISTS {service}"),
        format!("SET LOCAL search_path = {service}"),
    ] {
        txn.execute_unprepared(&statement).await?;
    }
    if let Some(step) = newer_step(txn, service).await? {
        return Ok(Schema::Newer(step));
    }
    up(txn, service).await?;
    roles::grant(txn, service).await?;
    Ok(Schema::UpToDate)
}

/// The last step of the schema that this release does not know, where the schema has all those that
/// it knows. A schema that lacks some is of another line of releases, and migrating it fails.
async fn newer_step(txn: &DatabaseTransaction, service: &str) -> Result<Option<String>, DbErr> {
    let select = async |sql: &str| {
        txn.query_all_raw(Statement::from_string(txn.get_database_backend(), sql)).await
    };
    if select("SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'seaql_migrations'").await?.is_empty() {
        return Ok(None);
    }
    let rows = select("SELECT version FROM seaql_migrations ORDER BY version").await?;
    let applied =
        rows.iter().map(|row| row.try_get("", "version")).collect::<Result<Vec<String>, _>>()?;
    let released = steps_of(service);
    let has_all = released.iter().all(|step| applied.contains(step));
    Ok(applied.into_iter().rfind(|step| !released.contains(step)).filter(|_| has_all))
}

/// The steps of a service's schema.
fn steps_of(service: &str) -> Vec<String> {
    let steps = match service {
        "wallet" => Wallet::migrations(),
        "plans" => Plans::migrations(),
        "credit" => Credit::migrations(),
        _ => Invoicing::migrations(),
    };
    steps.iter().map(|step| step.name().to_owned()).collect()
}

/// Whether the database gave up because others use what was to be changed: a lock that did not come
/// (55P03), a deadlock (40P01), or two runs in two databases that changed one role.
fn is_in_use(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    error.as_database_error().is_some_and(|said| {
        said.code().is_some_and(|code| code == "55P03" || code == "40P01")
            || said.message() == "tuple concurrently updated"
    })
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
    DbErr::Custom(format!(
        "there is no schema of {service}; there are {}",
        crate::SERVICES.join(", ")
    ))
}
