//! The connections of a service: what is dropped in the middle leaves no transaction open, what
//! failed is not committed, and who waits too long for one is told so.

use super::batch_calls::{Hand, call};
use payterms_chassis::{AppError, Db, db::DatabaseOptions, sql, tenants};
use payterms_kernel::TenantId;
use payterms_testkit::{postgres, reason, rig::until};
use std::sync::Arc;
use tonic::{Code, Status};
use uuid::Uuid;

/// Lets a future go a little way, and drops it.
async fn drop_after<F: Future>(work: F, polls: usize) {
    let mut work = Box::pin(work);
    for _ in 0..polls {
        if futures::poll!(work.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn what_is_dropped_leaves_nothing_open(db: &Db) {
    let tenant: TenantId = "acme".parse().unwrap();
    tenants::register(db.connection(), &tenant, false, "UTC").await.unwrap();
    for polls in 0..60 {
        drop_after(db.read(&tenant), polls % 30).await;
        drop_after(
            async { db.begin(&call(&tenant, Uuid::from_u128(1), "staff")).await.map(drop) },
            polls % 30,
        )
        .await;
        drop_after(tenants::register(db.connection(), &tenant, false, "UTC"), polls % 30).await;
    }
    // Everything still works, and what is written is there.
    tenants::register(db.connection(), &tenant, true, "UTC").await.unwrap();
    let read = db.read(&tenant).await.unwrap();
    assert!(tenants::state(&read, &tenant).await.unwrap().unwrap().suspended);
}

async fn a_failed_statement_commits_nothing(db: &Db) {
    let tenant: TenantId = "globex".parse().unwrap();
    tenants::register(db.connection(), &tenant, false, "UTC").await.unwrap();
    let tx = db.begin(&call(&tenant, Uuid::from_u128(2), "staff")).await.unwrap();
    tenants::register(tx.conn(), &tenant, true, "UTC").await.unwrap();
    sql::exec(tx.conn(), "INSERT INTO tenant_states (tenant) VALUES (NULL)", vec![])
        .await
        .unwrap_err();
    assert!(
        tx.commit_rows().await.is_err(),
        "the transaction is rolled back, so it is not acknowledged"
    );
    assert!(!tenants::state(db.connection(), &tenant).await.unwrap().unwrap().suspended);
}

async fn who_waits_too_long_is_told(url: &str) {
    let options = DatabaseOptions { connections: 1, wait_seconds: 1, ..DatabaseOptions::default() };
    let db = Db::open_with(url, "wallet", Arc::new(Hand::default()), &options).await.unwrap();
    let tenant: TenantId = "initech".parse().unwrap();
    tenants::register(db.connection(), &tenant, false, "UTC").await.unwrap();
    let held = db.begin(&call(&tenant, Uuid::from_u128(3), "staff")).await.unwrap();
    let status =
        Status::from(db.begin(&call(&tenant, Uuid::from_u128(4), "staff")).await.unwrap_err());
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    drop(held);
    db.begin(&call(&tenant, Uuid::from_u128(4), "staff")).await.unwrap();
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_postgres_are_sound() {
    let Some(place) = postgres::database().await else { return };
    let url = format!("postgres://payterms_wallet@{place}");
    let db = Db::open(&url, "wallet", Arc::new(Hand::default())).await.unwrap();
    what_is_dropped_leaves_nothing_open(&db).await;
    a_failed_statement_commits_nothing(&db).await;
    who_waits_too_long_is_told(&url).await;
    let owner = postgres::owner_of(&place).await;
    let open = async || {
        let select = "SELECT count(*) AS open FROM pg_stat_activity WHERE usename = 'payterms_wallet' AND datname = current_database() \
                      AND state LIKE 'idle in transaction%'";
        let row = sql::one(&owner, select, vec![])
            .await
            .map_err(|error| Status::unavailable(error.to_string()))?;
        row.unwrap().try_get::<i64>("", "open").map_err(|error| Status::internal(error.to_string()))
    };
    until(open, |open| *open == 0).await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_sqlite_are_sound() -> Result<(), AppError> {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("wallet.db").display());
    let db = Db::open(&url, "wallet", Arc::new(Hand::default())).await.unwrap();
    payterms_migrations::migrate_sqlite(&db.schema_connection().await?, "wallet").await?;
    what_is_dropped_leaves_nothing_open(&db).await;
    a_failed_statement_commits_nothing(&db).await;
    db.close().await;
    who_waits_too_long_is_told(&url).await;
    Ok(())
}
