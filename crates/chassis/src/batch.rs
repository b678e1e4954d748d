//! Many requests of one tenant in one transaction: looked up at once, answered at once.

use crate::{call::Call, error::AppError, sql, tx::WriteTx};
use sea_orm::Value;
use std::collections::HashMap;
use uuid::Uuid;

/// Input hash and answer of requests that were seen before, by request id. Call it after the
/// locks.
///
/// # Errors
/// The database's.
pub async fn seen(tx: &WriteTx, calls: &[&Call]) -> Result<HashMap<Uuid, (Vec<u8>, Vec<u8>)>, AppError> {
    let mut values: Vec<Value> = vec![tx.call().tenant.as_str().into()];
    values.extend(calls.iter().map(|call| Value::from(call.request_id)));
    let marks: Vec<_> = (2..values.len().saturating_add(1)).map(|n| format!("${n}")).collect();
    let select = format!(
        "SELECT request_id, input_hash, answer FROM requests WHERE tenant = $1 AND answer IS NOT NULL AND request_id IN ({})",
        marks.join(", ")
    );
    let rows = sql::all(tx.conn(), &select, values).await?;
    let pair =
        |row: &sea_orm::QueryResult| Ok((row.try_get("", "request_id")?, (row.try_get("", "input_hash")?, row.try_get("", "answer")?)));
    rows.iter().map(pair).collect()
}

/// Stores the answers of requests.
///
/// # Errors
/// The database's; a request that another call answered meanwhile breaks the whole batch, which
/// is then tried again.
pub async fn answer(tx: &WriteTx, answers: Vec<(&Call, Vec<u8>)>) -> Result<(), AppError> {
    if answers.is_empty() {
        return Ok(());
    }
    let (mut rows, mut values) = (Vec::new(), Vec::new());
    for (call, answer) in answers {
        let first = values.len();
        rows.push(format!("({})", (1..=6).map(|n| format!("${}", first.saturating_add(n))).collect::<Vec<_>>().join(", ")));
        values.extend::<[Value; 6]>([
            call.tenant.as_str().into(),
            call.request_id.into(),
            call.method.clone().into(),
            call.input_hash.clone().into(),
            answer.into(),
            tx.time().real.into(),
        ]);
    }
    let insert = format!("INSERT INTO requests (tenant, request_id, method, input_hash, answer, recorded_at) VALUES {}", rows.join(", "));
    sql::exec(tx.conn(), &insert, values).await?;
    Ok(())
}
