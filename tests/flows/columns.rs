//! The lists of columns from which stores make their rows name all columns of the tables, and the
//! fast path's procedure sets those that a batch sets.

use payterms_chassis::rows::{Column, Kind};
use payterms_migrations::{migrate_sqlite, wallet_single_call::POST_SINGLE_CALL};
use sea_orm::{ConnectionTrait, Database, Statement};

/// The columns of a list, and whether each may be NULL.
fn listed(columns: &[Column]) -> Vec<(String, bool)> {
    let maybe =
        [Kind::MaybeId, Kind::MaybeText, Kind::MaybeNumber, Kind::MaybeBytes, Kind::MaybeTime];
    let mut all: Vec<_> =
        columns.iter().map(|(name, kind)| ((*name).to_owned(), maybe.contains(kind))).collect();
    all.sort();
    all
}

#[tokio::test]
async fn every_column_of_a_table_is_written() {
    for (service, tables) in [
        ("wallet", payterms_wallet::store::TABLES.as_slice()),
        ("credit", &payterms_credit::store::TABLES),
    ] {
        let db = Database::connect("sqlite::memory:").await.unwrap();
        migrate_sqlite(&db, service).await.unwrap();
        for (table, columns) in tables {
            let select = format!("SELECT name, \"notnull\" FROM pragma_table_info('{table}')");
            let rows = db
                .query_all_raw(Statement::from_string(db.get_database_backend(), select))
                .await
                .unwrap();
            let mut is: Vec<(String, bool)> = rows
                .iter()
                .map(|row| {
                    (
                        row.try_get("", "name").unwrap(),
                        row.try_get::<i32>("", "notnull").unwrap() == 0,
                    )
                })
                .collect();
            is.sort();
            assert_eq!(
                is,
                listed(columns),
                "{table}: its columns in the database, and in the list of its store"
            );
        }
    }
}

/// The columns that the procedure sets of a table, as `name = row.name`.
fn set_in_procedure(table: &str, row: &str) -> Vec<String> {
    let (_, rest) = POST_SINGLE_CALL.split_once(&format!("UPDATE {table} ")).unwrap();
    let (_, rest) = rest.split_once("SET ").unwrap();
    let end = ["WHERE", "FROM"].iter().filter_map(|word| rest.find(word)).min().unwrap();
    let pair = |text: &str| {
        let (name, value) = text.trim().split_once(" = ").unwrap();
        assert_eq!(value, format!("{row}.{name}"));
        name.to_owned()
    };
    rest[..end].split(',').map(pair).collect()
}

#[test]
fn the_procedure_sets_the_columns_that_a_batch_sets() {
    let [mut of_wallets, mut of_lots] = payterms_wallet::store::set_by_single_call();
    let (mut wallets, mut lots) =
        (set_in_procedure("wallets", "after_row"), set_in_procedure("lots", "g"));
    for columns in [&mut wallets, &mut lots] {
        columns.sort();
    }
    of_wallets.sort_unstable();
    of_lots.sort_unstable();
    assert_eq!(wallets, of_wallets);
    assert_eq!(lots, of_lots);
}
