//! What is given back or withheld agrees with what was taken.

use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// Nothing is reversed beyond what was taken; the use that deposits paid waits for its invoice; what is withheld is what was revoked.
pub(crate) async fn hold(conn: &DatabaseConnection, s: &str) {
    none(
        conn,
        "no more is reversed than was taken",
        format!(
            "SELECT r.transfer_id FROM {s}reversals r WHERE r.transfer_id IS NOT NULL GROUP BY r.tenant, r.transfer_id HAVING sum(r.amount) > \
             (SELECT -sum(e.amount) FROM {s}entries e WHERE e.tenant = r.tenant AND e.transfer_id = r.transfer_id AND e.sequence IS NOT NULL)"
        ),
    )
    .await;
    none(
        conn,
        "no lot and no debt gets more back than it paid",
        format!(
            "SELECT p.taken_by FROM {s}reversal_parts p GROUP BY p.tenant, p.taken_by, p.from_lot_id HAVING sum(p.amount) > \
             (SELECT -sum(e.amount) FROM {s}entries e WHERE e.tenant = p.tenant AND e.transfer_id = p.taken_by AND e.sequence IS NOT NULL \
             AND (e.lot_id = p.from_lot_id OR (e.lot_id IS NULL AND p.from_lot_id IS NULL)))"
        ),
    )
    .await;
    none(
        conn,
        "what deposits paid and no invoice bills yet waits on invoice settlement",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE (SELECT coalesce(sum(j.amount), 0) FROM {s}journal j JOIN {s}transfers t ON t.tenant = j.tenant \
             AND t.id = j.transfer_id WHERE j.tenant = w.tenant AND j.wallet_id = w.id AND j.account = 'INVOICE_SETTLEMENT' \
             AND t.payment_id IS NULL) <> (SELECT coalesce(sum(a.amount), 0) FROM {s}accruals a WHERE a.tenant = w.tenant \
             AND a.wallet_id = w.id AND a.funding = 'DEPOSIT' AND NOT EXISTS (SELECT 1 FROM {s}month_closings c WHERE c.tenant = a.tenant \
             AND c.id = a.closing_id))"
        ),
    )
    .await;
    none(
        conn,
        "what is withheld is what is revoked",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE (SELECT coalesce(sum(j.amount), 0) FROM {s}journal j WHERE j.tenant = w.tenant \
             AND j.wallet_id = w.id AND j.account = 'WITHHELD') <> (SELECT coalesce(sum(r.amount), 0) FROM {s}revocations r \
             WHERE r.tenant = w.tenant AND r.wallet_id = w.id AND r.state = 'REVOKED')"
        ),
    )
    .await;
}

async fn none(conn: &DatabaseConnection, what: &str, sql: String) {
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    assert!(rows.is_empty(), "{what}: {} rows break it", rows.len());
}
