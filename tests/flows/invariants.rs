//! The invariants that can be read from the rows, asserted after a test has done its worst.

use payterms_chassis::rules::{COMMON, Rule};
use payterms_testkit::{
    World,
    postgres::{open, owner_of, owner_within},
};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::path::Path;

pub(crate) async fn rows_of(
    service: &str,
    data: &Path,
    postgres: Option<&str>,
) -> (DatabaseConnection, String) {
    if let Some(place) = postgres {
        (owner_of(place).await, format!("{service}."))
    } else {
        let file = data.join(format!("{service}.db"));
        (open(format!("sqlite:{}", file.display())).await, String::new())
    }
}

/// The first column of what a query selects, sorted; `HEX(…)HEX` is an id without dashes on both
/// databases.
pub(crate) async fn selected(conn: &DatabaseConnection, sql: &str) -> Vec<String> {
    let hex = |sql: &str| sql.replace("HEX(", "lower(hex(").replace(")HEX", "))");
    let text = |sql: &str| sql.replace("HEX(", "replace(").replace(")HEX", "::text, '-', '')");
    let sql = if conn.get_database_backend() == sea_orm::DbBackend::Postgres {
        text(sql)
    } else {
        hex(sql)
    };
    let found =
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    let mut found: Vec<String> = found.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    found.sort_unstable();
    found
}

async fn none(conn: &DatabaseConnection, what: &str, sql: String) {
    let rows =
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    assert!(rows.is_empty(), "{what}: {} rows break it", rows.len());
}

/// The rules that a service checks in its own rows.
pub(crate) fn rules_of(service: &str) -> Vec<Rule> {
    let special = match service {
        "wallet" => payterms_wallet::store::rules::ALL,
        "invoicing" => payterms_invoicing::store::rules::ALL,
        "credit" => payterms_credit::store::rules::ALL,
        _ => payterms_plans::store::rules::ALL,
    };
    COMMON.iter().chain(special).copied().collect()
}

/// What breaks the rules of a service, over all tenants at once.
pub(crate) async fn broken_rules(
    service: &str,
    data: &Path,
    postgres: Option<&str>,
) -> Vec<String> {
    let conn = match postgres {
        Some(place) => owner_within(place, service).await,
        None => rows_of(service, data, None).await.0,
    };
    let tenants = selected(&conn, "SELECT tenant FROM tenant_states").await;
    let mut broken = Vec::new();
    for rule in rules_of(service).iter().filter(|_| !tenants.is_empty()) {
        let (first, last) = rule.all_keys();
        let found = rule
            .broken_in(&conn, &tenants, &first, &last)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", rule.sentence));
        broken.extend(
            found.into_iter().map(|found| {
                format!("{} {} {}: {found:?}", service, rule.invariant, rule.sentence)
            }),
        );
    }
    conn.close().await.unwrap();
    broken
}

/// What holds in a world.
pub async fn hold(world: &World) {
    hold_in(world.folder.path(), world.postgres.as_deref()).await;
}

/// The wallet's own rules hold, what was posted was told, and what deposits paid waits for its
/// invoice.
pub async fn hold_in(data: &Path, postgres: Option<&str>) {
    assert_eq!(broken_rules("wallet", data, postgres).await, Vec::<String>::new());
    let (conn, s) = rows_of("wallet", data, postgres).await;
    posted_is_told(&conn, &s).await;
    crate::invariants_of_giving_back::hold(&conn, &s).await;
    conn.close().await.unwrap();
}

/// Everything that is posted in a test is young enough that its event is still there.
async fn posted_is_told(conn: &DatabaseConnection, s: &str) {
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
    assert_eq!(broken_rules("invoicing", data, postgres).await, Vec::<String>::new());
    let (conn, s) = rows_of("invoicing", data, postgres).await;
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
        "SELECT HEX(payment_id)HEX || ' ' || amount FROM {s}holds WHERE payment_id IS NOT NULL AND state = 'ACTIVE' AND NOT EXISTS \
         (SELECT 1 FROM {s}charges c WHERE c.tenant = {s}holds.tenant AND c.payment_id = {s}holds.payment_id AND c.state = 'PROCESSING')"
    );
    assert_eq!(
        selected(&conn, &open).await,
        to_send,
        "I27 no hold is left of a payment that ended, and each transfer to make has its own"
    );
    conn.close().await.unwrap();
    let moved = |rows: Vec<(String, i64)>| {
        rows.into_iter().filter(|(_, stands)| *stands != 0).collect::<Vec<_>>()
    };
    assert_eq!(
        moved(paid),
        moved(settled),
        "I28 what invoicing recorded as paid, but for what bought credit, is what the wallet settled, payment by payment"
    );
}

/// What stands paid of an invoice by day is in sum what is paid, each day once and in order.
async fn what_is_paid_is_dated(conn: &DatabaseConnection, s: &str) {
    for row in selected(conn, &format!("SELECT paid || ' ' || paid_by_day FROM {s}invoices")).await
    {
        let mut words = row.split_whitespace();
        let paid: i64 = words.next().unwrap().parse().unwrap();
        let dated: Vec<(&str, i64)> = words
            .map(|word| word.split_once(':').unwrap())
            .map(|(day, micros)| (day, micros.parse().unwrap()))
            .collect();
        assert_eq!(dated.iter().map(|(_, micros)| micros).sum::<i64>(), paid, "{row}");
        assert!(
            dated.windows(2).all(|pair| pair[0].0 < pair[1].0)
                && dated.iter().all(|(_, micros)| *micros > 0),
            "{row}"
        );
    }
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
    let rows =
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    rows.iter()
        .map(|row| (row.try_get("", "payment").unwrap(), row.try_get("", "stands").unwrap()))
        .collect()
}

/// Flows that nobody has ended yet, by kind.
pub async fn open_flows(world: &World) -> Vec<String> {
    let mut open = Vec::new();
    for service in ["wallet", "invoicing", "credit", "plans"] {
        let (conn, s) = rows_of(service, world.folder.path(), world.postgres.as_deref()).await;
        let kinds = Statement::from_string(
            conn.get_database_backend(),
            format!("SELECT flow FROM {s}intent_lease WHERE flow <> 'relay'"),
        );
        open.extend(
            conn.query_all_raw(kinds)
                .await
                .unwrap()
                .iter()
                .map(|row| row.try_get::<String>("", "flow").unwrap()),
        );
        conn.close().await.unwrap();
    }
    open
}

/// No wallet, entry or hold beyond the one wallet that the scenario opened.
pub async fn nothing_written(world: &World) {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    for table in [
        "entries",
        "holds",
        "lots",
        "top_ups",
        "usage_records",
        "payment_methods",
        "recurring_fees",
    ] {
        none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}{table}"))
            .await;
    }
    none(
        &conn,
        "I6 a refused call leaves nothing",
        format!("SELECT tenant FROM {s}wallets WHERE version <> 1"),
    )
    .await;
    let (conn, s) = rows_of("invoicing", world.folder.path(), world.postgres.as_deref()).await;
    for table in [
        "approvals",
        "bank_lines",
        "invoice_versions",
        "invoices",
        "credit_notes",
        "payments",
        "refunds",
        "number_series",
    ] {
        none(&conn, "I6 a refused call leaves nothing", format!("SELECT tenant FROM {s}{table}"))
            .await;
    }
}

/// What stands on each account, in whole units, by account.
pub async fn booked(world: &World) -> Vec<(String, i64)> {
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let sql = format!(
        "SELECT account, CAST(sum(amount) AS bigint) AS stands FROM {s}journal GROUP BY account ORDER BY account"
    );
    let rows =
        conn.query_all_raw(Statement::from_string(conn.get_database_backend(), sql)).await.unwrap();
    let booked = rows
        .iter()
        .map(|row| {
            (
                row.try_get("", "account").unwrap(),
                row.try_get::<i64>("", "stands").unwrap() / 1_000_000,
            )
        })
        .collect();
    conn.close().await.unwrap();
    booked
}
