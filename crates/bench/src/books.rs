//! What every run must show, or its figures are none: the books add up, and nothing acknowledged is
//! lost or doubled.

use payterms_chassis::sql;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Entries sum to zero; running balances have no gap; wallets and lots agree with them.
const RULES: [(&str, &str); 4] = [
    (
        "entries sum to zero",
        "SELECT count(*) FROM (SELECT FROM wallet.journal GROUP BY transfer_id, currency HAVING sum(amount) <> 0) held",
    ),
    (
        "running balances are unbroken",
        "SELECT count(*) FROM (SELECT balance_after - amount - lag(balance_after, 1, 0) OVER held AS gap, sequence - lag(sequence, 1, 0) \
         OVER held AS step FROM wallet.entries WHERE sequence IS NOT NULL WINDOW held AS (PARTITION BY wallet_id ORDER BY sequence)) held \
         WHERE gap <> 0 OR step <> 1",
    ),
    (
        "a wallet has what its entries say",
        "SELECT count(*) FROM wallet.wallets held JOIN (SELECT wallet_id, sum(amount) AS sum, max(sequence) AS last FROM wallet.entries \
         WHERE sequence IS NOT NULL GROUP BY wallet_id) summed ON summed.wallet_id = held.id WHERE held.posted <> summed.sum OR held.sequence <> summed.last",
    ),
    (
        "a lot has what is left of it",
        "SELECT count(*) FROM wallet.lots held JOIN (SELECT lot_id, sum(amount) AS sum FROM wallet.entries WHERE lot_id IS NOT NULL \
         GROUP BY lot_id) summed ON summed.lot_id = held.id WHERE held.remaining <> summed.sum",
    ),
];

/// Asserts all of it: each id that was acknowledged is in the rows, once.
pub async fn hold(owner: &DatabaseConnection, acknowledged: &[Uuid], unanswered: bool) {
    for (rule, count) in RULES {
        let row = sql::one(owner, count, vec![]).await.expect("a count").expect("a row");
        let broken: i64 = row.try_get("", "count").expect("a count");
        assert_eq!(broken, 0, "{rule}");
    }
    let mut stored: HashMap<Uuid, u32> = HashMap::new();
    let select = "SELECT request_id FROM wallet.transfers WHERE request_id IS NOT NULL UNION ALL SELECT request_id FROM wallet.usage_records \
                  WHERE request_id IS NOT NULL";
    for row in sql::all(owner, select, vec![]).await.expect("ids") {
        *stored.entry(row.try_get("", "request_id").expect("an id")).or_default() += 1;
    }
    assert!(stored.values().all(|count| *count == 1), "an id is stored once");
    let lost = acknowledged.iter().filter(|id| !stored.contains_key(id)).count();
    assert_eq!(lost, 0, "of {} acknowledged ids none is lost", acknowledged.len());
    // What the baseline posted in the database has an actor of its own.
    let count = "SELECT count(*) FROM wallet.transfers WHERE kind IN ('DEBIT', 'USAGE') AND actor IS DISTINCT FROM 'bench'";
    let taken = sql::one(owner, count, vec![]).await.expect("a count");
    let taken: i64 = taken.expect("a row").try_get("", "count").expect("a count");
    assert!(
        unanswered || usize::try_from(taken).is_ok_and(|taken| taken == acknowledged.len()),
        "as many debits as acknowledged ids"
    );
}

/// What a posting keeps of the disk.
#[derive(Debug)]
pub struct Stored {
    /// Bytes of a posting, all tables and indexes.
    pub total: f64,
    /// The same by table.
    pub tables: Value,
}

/// Lets the database learn how its tables have grown, as it does by itself within a minute.
pub async fn know(owner: &DatabaseConnection) {
    owner.execute_unprepared("VACUUM ANALYZE").await.expect("statistics");
}

/// Sizes of the wallet's tables, with their indexes.
pub async fn sizes(owner: &DatabaseConnection) -> BTreeMap<String, i64> {
    know(owner).await;
    let select = "SELECT relname::text AS name, pg_total_relation_size(c.oid) AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE n.nspname = 'wallet' AND relkind = 'r'";
    let rows = sql::all(owner, select, vec![]).await.expect("sizes");
    rows.iter()
        .map(|row| {
            (row.try_get("", "name").expect("a name"), row.try_get("", "bytes").expect("a size"))
        })
        .collect()
}

/// How much more of the disk so many postings keep, by the tables that grew with them.
pub async fn stored(
    owner: &DatabaseConnection,
    before: &BTreeMap<String, i64>,
    postings: usize,
) -> Stored {
    let (mut total, mut tables) = (0.0, serde_json::Map::new());
    for (name, bytes) in sizes(owner).await {
        let each =
            (bytes - before.get(&name).copied().unwrap_or_default()) as f64 / postings as f64;
        total += each;
        if each >= 1.0 {
            tables.insert(name, each.into());
        }
    }
    Stored { total, tables: Value::Object(tables) }
}
