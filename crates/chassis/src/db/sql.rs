//! Plain statements that both databases accept: numbered placeholders, no dialect.

use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

/// Runs a statement and answers how many rows it changed.
pub async fn exec<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: Vec<Value>,
) -> Result<u64, DbErr> {
    let statement = Statement::from_sql_and_values(conn.get_database_backend(), sql, values);
    conn.execute_raw(statement).await.map(|result| result.rows_affected())
}

/// Runs a query and answers its first row.
pub async fn one<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: Vec<Value>,
) -> Result<Option<QueryResult>, DbErr> {
    conn.query_one_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values))
        .await
}

/// Runs a query and answers its rows.
pub async fn all<C: ConnectionTrait>(
    conn: &C,
    sql: &str,
    values: Vec<Value>,
) -> Result<Vec<QueryResult>, DbErr> {
    conn.query_all_raw(Statement::from_sql_and_values(conn.get_database_backend(), sql, values))
        .await
}
