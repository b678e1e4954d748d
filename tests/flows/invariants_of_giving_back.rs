//! What is given back or withheld agrees with what was taken.

use crate::invariants::selected;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

/// The use that deposits paid waits for its invoice. (Other rules are the service's own.)
pub(crate) async fn hold(conn: &DatabaseConnection, s: &str) {
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
}

/// Each transfer back that is to be made, with what it reserves.
pub(crate) async fn transfers_to_make(conn: &DatabaseConnection, s: &str) -> Vec<String> {
    let open = format!(
        "SELECT HEX(id)HEX || ' ' || credit FROM {s}transfer_refunds WHERE state IN ('PENDING', 'SENDING')"
    );
    selected(conn, &open).await
}

async fn none(conn: &DatabaseConnection, what: &str, sql: String) {
    let rows =
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    assert!(rows.is_empty(), "{what}: {} rows break it", rows.len());
}
