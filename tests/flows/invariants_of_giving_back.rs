//! What is given back or withheld agrees with what was taken.

use crate::invariants::told;
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

/// Each transfer back that is to be made, with what it reserves. No payment has more sent back than it had brought, each that was
/// made of bought credit has its credit note, and each that ended says when.
pub(crate) async fn transfers_to_make(conn: &DatabaseConnection, s: &str) -> Vec<String> {
    none(
        conn,
        "no more goes back by transfer than a transfer had brought",
        format!(
            "SELECT p.id FROM {s}payments p WHERE (SELECT coalesce(sum(r.credit + r.tax), 0) FROM {s}transfer_refunds r WHERE r.tenant = p.tenant \
             AND r.payment_id = p.id AND r.state NOT IN ('CANCELLED', 'REFUSED')) > (SELECT coalesce(sum(t.amount), 0) FROM \
             {s}payment_tenders t WHERE t.tenant = p.tenant AND t.payment_id = p.id)"
        ),
    )
    .await;
    none(
        conn,
        "what was bought and went back is credited by a note of as much, with as much tax",
        format!(
            "SELECT r.id FROM {s}transfer_refunds r LEFT JOIN {s}credit_notes n ON n.tenant = r.tenant AND n.id = r.credit_note_id \
             WHERE (r.state IN ('SENT', 'RETURNED') AND r.credit_from = 'TOP_UP' AND (n.id IS NULL OR n.amount <> r.credit + r.tax)) \
             OR (r.credit_note_id IS NOT NULL AND (r.state NOT IN ('SENT', 'RETURNED') OR r.credit_from <> 'TOP_UP')) \
             OR ((r.ended_at IS NULL) <> (r.state NOT IN ('SENT', 'RETURNED', 'CANCELLED')))"
        ),
    )
    .await;
    let open = format!("SELECT HEX(id)HEX || ' ' || credit AS told FROM {s}transfer_refunds WHERE state IN ('PENDING', 'SENDING')");
    told(conn, &open).await
}

async fn none(conn: &DatabaseConnection, what: &str, sql: String) {
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    assert!(rows.is_empty(), "{what}: {} rows break it", rows.len());
}
