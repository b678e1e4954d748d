//! The invariants that can be read from the rows, asserted after a test has done its worst.

use payterms_testkit::{World, postgres::owner_of};
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};
use std::path::Path;

async fn wallet_rows(data: &Path, postgres: Option<&str>) -> (DatabaseConnection, &'static str) {
    if let Some(place) = postgres {
        (owner_of(place).await, "wallet.")
    } else {
        let file = data.join("wallet.db");
        (Database::connect(format!("sqlite:{}", file.display())).await.unwrap(), "")
    }
}

async fn none(conn: &DatabaseConnection, what: &str, sql: String) {
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    assert!(rows.is_empty(), "{what}: {} rows break it", rows.len());
}

/// What holds in a world.
pub async fn hold(world: &World) {
    hold_in(world.folder.path(), world.postgres.as_deref()).await;
}

/// Every transfer sums to zero; balances, lots and holds are what the entries say; sequences
/// have no gap; nothing is done twice.
pub async fn hold_in(data: &Path, postgres: Option<&str>) {
    let (conn, s) = wallet_rows(data, postgres).await;
    none(
        &conn,
        "I1 transfers sum to zero",
        format!("SELECT transfer_id FROM {s}entries GROUP BY tenant, transfer_id, currency HAVING sum(amount) <> 0"),
    )
    .await;
    none(
        &conn,
        "I2 posted is the sum of entries",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE w.posted <> (SELECT coalesce(sum(e.amount), 0) FROM {s}entries e \
             WHERE e.tenant = w.tenant AND e.wallet_id = w.id AND e.sequence IS NOT NULL)"
        ),
    )
    .await;
    none(
        &conn,
        "I2 sequences have no gap",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE w.sequence <> (SELECT count(*) FROM {s}entries e \
             WHERE e.tenant = w.tenant AND e.wallet_id = w.id AND e.sequence IS NOT NULL)"
        ),
    )
    .await;
    none(
        &conn,
        "I2 balance-after runs",
        format!(
            "SELECT e.transfer_id FROM {s}entries e LEFT JOIN {s}entries p ON p.tenant = e.tenant AND p.wallet_id = e.wallet_id \
             AND p.sequence = e.sequence - 1 WHERE e.sequence IS NOT NULL AND e.balance_after <> e.amount + coalesce(p.balance_after, 0)"
        ),
    )
    .await;
    none(
        &conn,
        "I3 posted is what lots hold less what is owed",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE w.posted <> (SELECT coalesce(sum(l.remaining), 0) FROM {s}lots l \
             WHERE l.tenant = w.tenant AND l.wallet_id = w.id) - w.owed"
        ),
    )
    .await;
    none(
        &conn,
        "I5 pins are those of active holds",
        format!(
            "SELECT l.id FROM {s}lots l WHERE l.pinned <> (SELECT coalesce(sum(p.amount), 0) FROM {s}hold_pins p \
             JOIN {s}holds h ON h.tenant = p.tenant AND h.id = p.hold_id AND h.state = 'ACTIVE' WHERE p.tenant = l.tenant AND p.lot_id = l.id)"
        ),
    )
    .await;
    none(
        &conn,
        "I24 versions of an aggregate have no gap",
        format!(
            "SELECT aggregate_id FROM {s}outbox WHERE NOT snapshot GROUP BY tenant, aggregate_type, aggregate_id HAVING count(*) <> max(version)"
        ),
    )
    .await;
    none(
        &conn,
        "I32 one audit row per change",
        format!("SELECT o.event_id FROM {s}outbox o LEFT JOIN {s}audit a ON a.tenant = o.tenant AND a.id = o.event_id WHERE a.id IS NULL AND NOT o.snapshot"),
    )
    .await;
    conn.close().await.unwrap();
}

/// No wallet, entry or hold beyond the one wallet that the scenario opened.
pub async fn nothing_written(world: &World) {
    let (conn, s) = wallet_rows(world.folder.path(), world.postgres.as_deref()).await;
    for table in ["entries", "holds", "lots", "top_ups", "usage_records", "payment_methods"] {
        none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}{table}")).await;
    }
    none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}wallets WHERE version <> 1")).await;
}

/// What stands on each account, in whole units, by account.
pub async fn booked(world: &World) -> Vec<(String, i64)> {
    let (conn, s) = wallet_rows(world.folder.path(), world.postgres.as_deref()).await;
    let sql = format!("SELECT account, CAST(sum(amount) AS bigint) AS stands FROM {s}entries GROUP BY account ORDER BY account");
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    let booked =
        rows.iter().map(|row| (row.try_get("", "account").unwrap(), row.try_get::<i64>("", "stands").unwrap() / 1_000_000)).collect();
    conn.close().await.unwrap();
    booked
}
