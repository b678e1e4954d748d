//! Many rows in one statement: the text that PostgreSQL gets, and writing and finding on SQLite.

use super::{Kind, Rows, among, lists};
use sea_orm::{ConnectionTrait, Database, Value};
use uuid::Uuid;

#[test]
fn a_tenant_is_one_value_and_rows_of_two_are_refused() {
    let columns = [("tenant", Kind::Tenant), ("id", Kind::Id), ("note", Kind::MaybeText)];
    let row = |tenant: &str| [tenant.into(), Uuid::nil().into(), Value::String(None)];
    let (text, values) = lists(columns, vec![row("acme"), row("acme")]).unwrap();
    assert_eq!(
        text,
        "SELECT $1::text, id, nullif(note, '') FROM unnest($2::uuid[], $3::text[]) AS given (id, note)"
    );
    assert_eq!((values.len(), &values[0]), (3, &Value::from("acme")));
    assert!(lists(columns, vec![row("acme"), row("other")]).is_err());
}

#[tokio::test]
async fn rows_are_inserted_changed_and_found_in_as_few_statements_as_fit() {
    let db = Database::connect("sqlite::memory:").await.unwrap();
    db.execute_unprepared("CREATE TABLE own (tenant TEXT, id BLOB, amount INTEGER, note TEXT, PRIMARY KEY (tenant, id))")
        .await
        .unwrap();
    let columns = [
        ("tenant", Kind::Tenant),
        ("id", Kind::Id),
        ("amount", Kind::Number),
        ("note", Kind::MaybeText),
    ];
    let ids: Vec<_> = (1..20_001_u128).map(Uuid::from_u128).collect();
    let mut rows = Rows::new(columns);
    for (amount, id) in (1_i64..).zip(&ids) {
        rows.push(["acme".into(), (*id).into(), amount.into(), Value::String(None)]);
    }
    assert_eq!(rows.insert(&db, "own", "").await, Ok(20_000));
    let mut rows = Rows::new(columns);
    rows.push(["acme".into(), ids[1].into(), 7.into(), "seven".into()]);
    rows.push(["acme".into(), Uuid::nil().into(), 8.into(), "eight".into()]);
    assert_eq!(rows.update(&db, "own", 2).await, Ok(1));
    assert_eq!(Rows::new(columns).insert(&db, "own", "").await, Ok(0));
    let (condition, values) = among(&db, "id", 1, &ids[1..3]);
    let rows = crate::db::sql::all(
        &db,
        &format!("SELECT amount, note FROM own WHERE {condition} ORDER BY id"),
        values,
    )
    .await
    .unwrap();
    let amounts: Vec<(i64, Option<String>)> = rows
        .iter()
        .map(|row| (row.try_get("", "amount").unwrap(), row.try_get("", "note").unwrap()))
        .collect();
    assert_eq!(amounts, [(7, Some("seven".to_owned())), (3, None)]);
}
