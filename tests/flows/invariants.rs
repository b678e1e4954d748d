//! The invariants that can be read from the rows, asserted after a test has done its worst.

use payterms_testkit::{
    World,
    postgres::{open, owner_of},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::path::Path;

pub(crate) async fn rows_of(service: &str, data: &Path, postgres: Option<&str>) -> (DatabaseConnection, String) {
    if let Some(place) = postgres {
        (owner_of(place).await, format!("{service}."))
    } else {
        let file = data.join(format!("{service}.db"));
        (open(format!("sqlite:{}", file.display())).await, String::new())
    }
}

/// What a query tells, sorted; `HEX(…)HEX` is an id without dashes on both databases.
pub(crate) async fn told(conn: &DatabaseConnection, sql: &str) -> Vec<String> {
    let hex = |sql: &str| sql.replace("HEX(", "lower(hex(").replace(")HEX", "))");
    let text = |sql: &str| sql.replace("HEX(", "replace(").replace(")HEX", "::text, '-', '')");
    let sql = if conn.get_database_backend() == sea_orm::DbBackend::Postgres { text(sql) } else { hex(sql) };
    let found = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    let mut found: Vec<String> = found.iter().map(|row| row.try_get("", "told").unwrap()).collect();
    found.sort_unstable();
    found
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
    let (conn, s) = rows_of("wallet", data, postgres).await;
    none(
        &conn,
        "I1 transfers sum to zero",
        format!("SELECT transfer_id FROM {s}journal GROUP BY tenant, transfer_id, currency HAVING sum(amount) <> 0"),
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
        "I3 what is owed for use is what debts stand at",
        format!(
            "SELECT w.id FROM {s}wallets w WHERE w.overdraft IS NULL AND (SELECT coalesce(sum(d.amount), 0) FROM {s}debts d \
             WHERE d.tenant = w.tenant AND d.wallet_id = w.id) <> w.owed - w.owed_back \
             - CASE WHEN w.owed_undone > w.owed_back THEN w.owed_undone - w.owed_back ELSE 0 END"
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
        format!(
            "SELECT o.event_id FROM {s}outbox o LEFT JOIN {s}audit a ON a.tenant = o.tenant AND a.id = o.event_id WHERE a.id IS NULL \
             AND NOT o.snapshot AND o.aggregate_type <> 'postings'"
        ),
    )
    .await;
    hot_rows(&conn, &s).await;
    crate::invariants_of_giving_back::hold(&conn, &s).await;
    conn.close().await.unwrap();
}

/// What the rows of hot verbs hold by themselves: who asked, each request once, and what other rows point at.
async fn hot_rows(conn: &DatabaseConnection, s: &str) {
    none(
        conn,
        "I32 a debit's transfer and a use's record tell who asked",
        format!(
            "SELECT id FROM {s}transfers WHERE kind = 'DEBIT' AND (request_id IS NULL OR input_hash IS NULL OR actor IS NULL) \
             UNION ALL SELECT id FROM {s}usage_records WHERE request_id IS NULL OR input_hash IS NULL OR actor IS NULL"
        ),
    )
    .await;
    none(
        conn,
        "I32 a request is in one row",
        format!(
            "SELECT request_id FROM (SELECT tenant, request_id FROM {s}requests UNION ALL SELECT tenant, request_id FROM {s}transfers \
             UNION ALL SELECT tenant, request_id FROM {s}usage_records) own WHERE request_id IS NOT NULL GROUP BY tenant, request_id \
             HAVING count(*) > 1"
        ),
    )
    .await;
    none(
        conn,
        "I1 entries are of transfers, and these and uses of wallets",
        format!(
            "SELECT e.transfer_id FROM {s}entries e LEFT JOIN {s}transfers t ON t.tenant = e.tenant AND t.id = e.transfer_id \
             WHERE t.id IS NULL OR t.wallet_id <> e.wallet_id UNION ALL SELECT t.id FROM {s}transfers t LEFT JOIN {s}wallets w \
             ON w.tenant = t.tenant AND w.id = t.wallet_id WHERE w.id IS NULL UNION ALL SELECT u.id FROM {s}usage_records u \
             LEFT JOIN {s}wallets w ON w.tenant = u.tenant AND w.id = u.wallet_id WHERE w.id IS NULL"
        ),
    )
    .await;
    none(
        conn,
        "I24 what was posted was told",
        format!(
            "SELECT t.id FROM {s}transfers t WHERE t.kind IN ('DEBIT', 'USAGE') AND NOT EXISTS (SELECT 1 FROM {s}outbox o \
             WHERE o.tenant = t.tenant AND o.aggregate_type = 'postings')"
        ),
    )
    .await;
}

/// The books of invoicing add up, and agree with the wallet's.
pub async fn books_agree(world: &World) {
    books_agree_in(world.folder.path(), world.postgres.as_deref()).await;
}

/// The same, by folder and database.
pub async fn books_agree_in(data: &Path, postgres: Option<&str>) {
    let (conn, s) = rows_of("invoicing", data, postgres).await;
    invoices_add_up(&conn, &s).await;
    numbers_rise(&conn, &s).await;
    what_is_paid_is_dated(&conn, &s).await;
    let paid = format!(
        "SELECT lower(hex(p.id)) AS payment, ((SELECT coalesce(sum(x.paid), 0) FROM {s}payment_allocations x WHERE x.tenant = p.tenant \
         AND x.payment_id = p.id) - coalesce(p.bought, 0)) AS stands FROM {s}payments p WHERE p.state <> 'PROCESSING' AND NOT EXISTS (SELECT 1 FROM {s}payment_tenders o \
         WHERE o.tenant = p.tenant AND o.payment_id = p.id AND o.kind = 'OUTSIDE') ORDER BY 1"
    );
    let paid = by_payment(&conn, &paid).await;
    let to_send = crate::invariants_of_giving_back::transfers_to_make(&conn, &s).await;
    conn.close().await.unwrap();
    let (conn, s) = rows_of("wallet", data, postgres).await;
    let settled = format!(
        "SELECT lower(hex(t.payment_id)) AS payment, sum(e.amount) AS stands FROM {s}transfers t JOIN {s}journal e \
         ON e.tenant = t.tenant AND e.transfer_id = t.id WHERE e.account = 'INVOICE_SETTLEMENT' AND t.payment_id IS NOT NULL GROUP BY t.payment_id ORDER BY 1"
    );
    let settled = by_payment(&conn, &settled).await;
    let open = format!(
        "SELECT HEX(payment_id)HEX || ' ' || amount AS told FROM {s}holds WHERE payment_id IS NOT NULL AND state = 'ACTIVE' AND NOT EXISTS \
         (SELECT 1 FROM {s}charges c WHERE c.tenant = {s}holds.tenant AND c.payment_id = {s}holds.payment_id AND c.state = 'PROCESSING')"
    );
    assert_eq!(told(&conn, &open).await, to_send, "I27 no hold is left of a payment that ended, and each transfer to make has its own");
    conn.close().await.unwrap();
    let moved = |rows: Vec<(String, i64)>| rows.into_iter().filter(|(_, stands)| *stands != 0).collect::<Vec<_>>();
    assert_eq!(
        moved(paid),
        moved(settled),
        "I28 what invoicing recorded as paid, but for what bought credit, is what the wallet settled, payment by payment"
    );
}

/// What stands on each invoice, payment and statement adds up.
async fn invoices_add_up(conn: &DatabaseConnection, s: &str) {
    let sum =
        |column: &str, table: &str, own: &str| format!("(SELECT coalesce(sum(x.{column}), 0) FROM {s}{table} x WHERE x.tenant = {own})");
    none(
        conn,
        "I8 pending is what open payments reserve",
        format!(
            "SELECT i.id FROM {s}invoices i WHERE i.pending <> (SELECT coalesce(sum(a.amount), 0) FROM {s}payment_allocations a \
             JOIN {s}payments p ON p.tenant = a.tenant AND p.id = a.payment_id AND p.state = 'PROCESSING' \
             WHERE a.tenant = i.tenant AND a.invoice_id = i.id)"
        ),
    )
    .await;
    none(
        conn,
        "I8 paid is what payments paid",
        format!(
            "SELECT i.id FROM {s}invoices i WHERE i.paid <> {}",
            sum("paid", "payment_allocations", "i.tenant AND x.invoice_id = i.id")
        ),
    )
    .await;
    none(
        conn,
        "I8 credited is what credit notes took off",
        format!(
            "SELECT i.id FROM {s}invoices i WHERE i.state <> 'VOID' AND i.credited <> {}",
            sum("amount", "credit_notes", "i.tenant AND x.invoice_id = i.id")
        ),
    )
    .await;
    none(
        conn,
        "I9 net and tax make the total",
        format!(
            "SELECT i.id FROM {s}invoices i WHERE i.total <> {} + {}",
            sum("net", "invoice_taxes", "i.tenant AND x.invoice_id = i.id"),
            sum("tax", "invoice_taxes", "i.tenant AND x.invoice_id = i.id")
        ),
    )
    .await;
    none(
        conn,
        "I10 allocated, given back, taken back and surplus are what was received",
        format!(
            "SELECT p.id FROM {s}payments p WHERE {} + {} + {} + p.surplus <> {} AND p.state <> 'PROCESSING'",
            sum("paid", "payment_allocations", "p.tenant AND x.payment_id = p.id"),
            sum("refunded", "payment_allocations", "p.tenant AND x.payment_id = p.id"),
            sum("charged_back", "payment_tenders", "p.tenant AND x.payment_id = p.id"),
            sum("amount", "payment_tenders", "p.tenant AND x.payment_id = p.id AND x.state = 'SUCCEEDED' AND x.kind <> 'CREDIT_LINE'")
        ),
    )
    .await;
    none(
        conn,
        "I10 what is given back of tenders is what is given back of allocations, and what refunds say",
        format!(
            "SELECT p.id FROM {s}payments p WHERE {0} <> {1} OR {0} <> {2} + {3} + {4}",
            sum("refunded", "payment_allocations", "p.tenant AND x.payment_id = p.id"),
            sum("refunded", "payment_tenders", "p.tenant AND x.payment_id = p.id"),
            sum("amount", "refund_parts", "p.tenant AND x.payment_id = p.id"),
            sum(
                "credit",
                "transfer_refunds",
                "p.tenant AND x.payment_id = p.id AND x.state IN ('SENT', 'RETURNED') AND x.credit_from = 'TOP_UP'"
            ),
            sum(
                "tax",
                "transfer_refunds",
                "p.tenant AND x.payment_id = p.id AND x.state IN ('SENT', 'RETURNED') AND x.credit_from = 'TOP_UP'"
            )
        ),
    )
    .await;
    none(
        conn,
        "I13 what is noted of an invoice day by day is what is open",
        format!(
            "SELECT i.id FROM {s}invoices i WHERE i.state <> 'DRAFT' AND \
             CASE WHEN i.top_up = '' THEN i.total - i.paid - i.credited - i.written_off ELSE 0 END <> \
             (SELECT coalesce(sum(CASE WHEN r.kind = 'ISSUED' THEN r.amount ELSE -r.amount END), 0) FROM {s}receivables r \
             WHERE r.tenant = i.tenant AND r.invoice_id = i.id)"
        ),
    )
    .await;
    none(
        conn,
        "I13 a statement opens with what the one before closed with",
        format!(
            "SELECT b.id FROM {s}statements a JOIN {s}statements b ON b.tenant = a.tenant AND b.customer_id = a.customer_id \
             AND b.currency = a.currency AND b.month = (SELECT min(c.month) FROM {s}statements c WHERE c.tenant = a.tenant \
             AND c.customer_id = a.customer_id AND c.currency = a.currency AND c.month > a.month) WHERE b.opening <> a.closing"
        ),
    )
    .await;
}

/// What stands paid of an invoice by day is in sum what is paid, each day once and in order.
async fn what_is_paid_is_dated(conn: &DatabaseConnection, s: &str) {
    for row in told(conn, &format!("SELECT paid || ' ' || paid_by_day AS told FROM {s}invoices")).await {
        let mut words = row.split_whitespace();
        let paid: i64 = words.next().unwrap().parse().unwrap();
        let dated: Vec<(&str, i64)> =
            words.map(|word| word.split_once(':').unwrap()).map(|(day, micros)| (day, micros.parse().unwrap())).collect();
        assert_eq!(dated.iter().map(|(_, micros)| micros).sum::<i64>(), paid, "{row}");
        assert!(dated.windows(2).all(|pair| pair[0].0 < pair[1].0) && dated.iter().all(|(_, micros)| *micros > 0), "{row}");
    }
}

/// Numbers have no gap, and rise with the date.
async fn numbers_rise(conn: &DatabaseConnection, s: &str) {
    let numbers = ["invoices", "invoice_versions", "credit_notes", "receipts", "receipt_versions", "receipt_credit_notes"]
        .map(|table| format!("SELECT tenant, number FROM {s}{table} WHERE number IS NOT NULL"))
        .join(" UNION ");
    none(
        conn,
        "I11 numbers have no gap",
        format!(
            "SELECT n.prefix FROM {s}number_series n WHERE n.last_number <> (SELECT count(*) FROM ({numbers}) x \
             WHERE x.tenant = n.tenant AND x.number LIKE n.prefix || '-' || n.year || '-%')"
        ),
    )
    .await;
    none(
        conn,
        "I11 numbers rise with the date",
        format!(
            "SELECT a.id FROM {s}invoices a JOIN {s}invoices b ON b.tenant = a.tenant AND substr(b.number, 1, 9) = substr(a.number, 1, 9) \
             AND b.number > a.number AND b.issue_date < a.issue_date"
        ),
    )
    .await;
}

/// What a query says of each payment or account.
pub(crate) async fn by_payment(conn: &DatabaseConnection, sql: &str) -> Vec<(String, i64)> {
    let postgres = conn.get_database_backend() == sea_orm::DbBackend::Postgres;
    let sql = if postgres {
        sql.replace("lower(hex(p.id))", "replace(p.id::text, '-', '')")
            .replace("lower(hex(t.payment_id))", "replace(t.payment_id::text, '-', '')")
            .replace("AS stands", "::bigint AS stands")
    } else {
        sql.to_owned()
    };
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    rows.iter().map(|row| (row.try_get("", "payment").unwrap(), row.try_get("", "stands").unwrap())).collect()
}

/// Flows that nobody has ended yet, by kind.
pub async fn open_flows(world: &World) -> Vec<String> {
    let mut open = Vec::new();
    for service in ["wallet", "invoicing", "credit", "plans"] {
        let (conn, s) = rows_of(service, world.folder.path(), world.postgres.as_deref()).await;
        let kinds = Statement::from_string(conn.get_database_backend(), format!("SELECT flow FROM {s}intent_lease WHERE flow <> 'relay'"));
        open.extend(conn.query_all_raw(kinds).await.unwrap().iter().map(|row| row.try_get::<String>("", "flow").unwrap()));
        conn.close().await.unwrap();
    }
    open
}

/// No wallet, entry or hold beyond the one wallet that the scenario opened.
pub async fn nothing_written(world: &World) {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    for table in ["entries", "holds", "lots", "top_ups", "usage_records", "payment_methods", "recurring_fees"] {
        none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}{table}")).await;
    }
    none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}wallets WHERE version <> 1")).await;
    let (conn, s) = rows_of("invoicing", world.folder.path(), world.postgres.as_deref()).await;
    for table in ["approvals", "bank_lines", "invoice_versions", "invoices", "credit_notes", "payments", "refunds", "number_series"] {
        none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}{table}")).await;
    }
}

/// What stands on each account, in whole units, by account.
pub async fn booked(world: &World) -> Vec<(String, i64)> {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let sql = format!("SELECT account, CAST(sum(amount) AS bigint) AS stands FROM {s}journal GROUP BY account ORDER BY account");
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    let booked =
        rows.iter().map(|row| (row.try_get("", "account").unwrap(), row.try_get::<i64>("", "stands").unwrap() / 1_000_000)).collect();
    conn.close().await.unwrap();
    booked
}
