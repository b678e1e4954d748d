//! What is read is of one moment, however many statements it takes.

use super::{batch_calls::Hand, mixes::on_postgres};
use payterms_chassis::{Db, sql, tenants, transaction::Transaction};
use payterms_kernel::TenantId;
use std::sync::Arc;

async fn suspended(read: &Transaction) -> bool {
    let row = sql::one(read, "SELECT suspended FROM tenant_states WHERE tenant = 'acme'", vec![])
        .await
        .unwrap();
    row.unwrap().try_get("", "suspended").unwrap()
}

async fn what_is_read_is_of_one_moment(db: Db) {
    let tenant: TenantId = "acme".parse().unwrap();
    tenants::register(db.connection(), &tenant, false, "UTC").await.unwrap();
    let read = db.read(&tenant).await.unwrap();
    assert!(!suspended(&read).await);
    tenants::register(db.connection(), &tenant, true, "UTC").await.unwrap();
    assert!(!suspended(&read).await, "what came meanwhile is of a later moment");
    read.rollback().await.unwrap();
    assert!(suspended(&db.read(&tenant).await.unwrap()).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_of_one_moment_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("wallet.db").display());
    let db = Db::open(&url, "wallet", Arc::new(Hand::default())).await.unwrap();
    payterms_migrations::migrate_sqlite(&db.schema_connection().await.unwrap(), "wallet")
        .await
        .unwrap();
    what_is_read_is_of_one_moment(db).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_of_one_moment_on_postgres() {
    let Some(db) = on_postgres(&Hand::default()).await else { return };
    what_is_read_is_of_one_moment(db).await;
}
