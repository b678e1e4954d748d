//! Many wallets and lines like one that was made by calls: copies of its rows under other ids.

use payterms_chassis::sql;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use uuid::Uuid;

/// The last part of a name, its id.
pub fn id_of(name: &str) -> Uuid {
    name.rsplit('/').next().and_then(|id| id.parse().ok()).expect("a name that ends in an id")
}

/// A table whose rows are copied: which of them, and the columns that get ids of the copy, each by
/// its letter.
struct Copied {
    table: &'static str,
    of: &'static str,
    ids: &'static [(&'static str, char)],
}

/// What a wallet is made of.
const WALLET: [Copied; 5] = [
    Copied { table: "wallets", of: "id = $1", ids: &[("id", 'w'), ("customer_id", 'c')] },
    Copied { table: "lots", of: "wallet_id = $1", ids: &[("id", 'l'), ("wallet_id", 'w')] },
    Copied { table: "transfers", of: "wallet_id = $1", ids: &[("id", 't'), ("wallet_id", 'w')] },
    Copied {
        table: "entries",
        of: "wallet_id = $1",
        ids: &[("transfer_id", 't'), ("wallet_id", 'w'), ("lot_id", 'l')],
    },
    Copied {
        table: "aggregate_heads",
        of: "aggregate_id = $1::text",
        ids: &[("aggregate_id", 'w')],
    },
];

/// What a line is made of, beside its programme.
const LINE: [Copied; 3] = [
    Copied {
        table: "customers",
        of: "id = (SELECT customer_id FROM credit.credit_lines WHERE id = $1)",
        ids: &[("id", 'c')],
    },
    Copied { table: "credit_lines", of: "id = $1", ids: &[("id", 'g'), ("customer_id", 'c')] },
    Copied {
        table: "aggregate_heads",
        of: "aggregate_id = $1::text",
        ids: &[("aggregate_id", 'g')],
    },
];

/// The id that a copy has: of its letter and its number.
fn copy_id(letter: char) -> String {
    format!("md5('{letter}' || n)::uuid")
}

/// Copies a wallet as often as is asked, and answers the names of the copies.
pub async fn wallets(owner: &DatabaseConnection, wallet: &str, count: usize) -> Vec<String> {
    more_wallets(owner, wallet, 0, count).await
}

/// The same, where there are some already: answers the names of all.
pub async fn more_wallets(
    owner: &DatabaseConnection,
    wallet: &str,
    there: usize,
    count: usize,
) -> Vec<String> {
    copy(owner, "wallet", &WALLET, id_of(wallet), there, count).await;
    names(owner, 'c', "wallets", 'w', count).await
}

/// Copies a credit line as often as is asked, each for a customer of its own, and answers the names
/// of the copies.
pub async fn lines(owner: &DatabaseConnection, line: &str, count: usize) -> Vec<String> {
    copy(owner, "credit", &LINE, id_of(line), 0, count).await;
    names(owner, 'c', "creditLines", 'g', count).await
}

async fn copy(
    owner: &DatabaseConnection,
    schema: &str,
    tables: &[Copied],
    id: Uuid,
    there: usize,
    count: usize,
) {
    for copied in tables {
        let select = "SELECT column_name::text AS name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 \
                      ORDER BY ordinal_position";
        let rows = sql::all(owner, select, vec![schema.into(), copied.table.into()])
            .await
            .expect("columns");
        let columns: Vec<String> =
            rows.iter().map(|row| row.try_get("", "name").expect("a name")).collect();
        let taken = columns.iter().map(|column| {
            let letter =
                copied.ids.iter().find(|(name, _)| name == column).map(|(_, letter)| *letter);
            // A column that has no id keeps none: the other side of an entry has no lot.
            letter.map_or_else(
                || format!("own.{column}"),
                |letter| format!("CASE WHEN own.{column} IS NOT NULL THEN {} END", copy_id(letter)),
            )
        });
        let (table, of, taken) = (
            copied.table,
            copied.of.replace("$1", &format!("'{id}'")),
            taken.collect::<Vec<_>>().join(", "),
        );
        let insert = format!(
            "INSERT INTO {schema}.{table} ({}) SELECT {taken} FROM (SELECT * FROM {schema}.{table} WHERE {of}) own, \
             generate_series({there} + 1, {count}) n",
            columns.join(", ")
        );
        owner
            .execute_unprepared(&insert)
            .await
            .unwrap_or_else(|error| panic!("copies in {table}: {error}"));
    }
    owner.execute_unprepared("ANALYZE").await.expect("statistics");
    owner.execute_unprepared("CHECKPOINT").await.expect("a checkpoint");
}

/// The names of copies, `tenants/acme/customers/{}/{}/{}`.
async fn names(
    owner: &DatabaseConnection,
    customer: char,
    kind: &str,
    letter: char,
    count: usize,
) -> Vec<String> {
    let select = format!(
        "SELECT 'tenants/acme/customers/' || {} || '/{kind}/' || {} AS name FROM generate_series(1, {count}) n",
        copy_id(customer),
        copy_id(letter)
    );
    let rows = sql::all(owner, &select, vec![]).await.expect("names");
    rows.iter().map(|row| row.try_get("", "name").expect("a name")).collect()
}
