//! Many requests of one tenant in one transaction: looked up at once, answered at once, told at once.

use crate::{
    answer::Answer,
    call::Call,
    error::AppError,
    sql, telemetry,
    tx::{WriteTx, reused},
};
use sea_orm::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// Rows of `$n` marks, each of so many.
fn marks(rows: usize, of: usize) -> String {
    let row = |first: usize| (1..=of).map(|n| format!("${}", first.saturating_add(n))).collect::<Vec<_>>().join(", ");
    (0..rows).map(|place| format!("({})", row(place.saturating_mul(of)))).collect::<Vec<_>>().join(", ")
}

/// One event of an aggregate.
#[derive(Debug, Clone)]
pub struct Told {
    /// The call that it is of: who did it, and by which request.
    pub by: Call,
    /// The aggregate's id.
    pub id: Uuid,
    /// The event's full name.
    pub kind: String,
    /// The event.
    pub data: Vec<u8>,
}

/// Writes events of aggregates of one type with their audit rows, in three statements however many they are; answers
/// the version that each aggregate came to.
///
/// # Errors
/// The database's.
pub async fn emit(tx: &mut WriteTx, aggregate: &str, events: Vec<Told>) -> Result<HashMap<Uuid, i64>, AppError> {
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = tx.call().tenant.to_string();
    let hashes: Vec<_> = events.iter().map(|own| Sha256::digest(&own.data).to_vec()).collect();
    let mut heads: BTreeMap<Uuid, (i64, &Vec<u8>)> = BTreeMap::new();
    for (own, hash) in events.iter().zip(&hashes) {
        let head = heads.entry(own.id).or_insert((0, hash));
        *head = (head.0.saturating_add(1), hash);
    }
    let insert = format!(
        "INSERT INTO aggregate_heads (tenant, aggregate_type, aggregate_id, version, state_hash) VALUES {} \
         ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + excluded.version, \
         before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash RETURNING aggregate_id, version, before_hash",
        marks(heads.len(), 5)
    );
    let values = heads.iter().flat_map(|(id, (count, hash))| {
        [tenant.clone().into(), aggregate.into(), id.to_string().into(), (*count).into(), (*hash).clone().into()]
    });
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    let mut before: HashMap<Uuid, Option<Vec<u8>>> = HashMap::new();
    for row in sql::all(tx.conn(), &insert, values.collect()).await? {
        let id: String = row.try_get("", "aggregate_id")?;
        let id = id.parse().map_err(|_| AppError::Fault(format!("aggregate {id:?}")))?;
        last.insert(id, row.try_get("", "version")?);
        before.insert(id, row.try_get("", "before_hash")?);
    }
    // Each event's version, from the one after those that were there.
    let mut next: HashMap<Uuid, i64> = heads.iter().map(|(id, (count, _))| (*id, last.get(id).map_or(0, |last| last - count))).collect();
    let (mut outbox, mut audit) = (Vec::new(), Vec::new());
    let (count, trace) = (events.len(), telemetry::trace_parent());
    for (own, hash) in events.into_iter().zip(hashes) {
        let version = next.entry(own.id).or_default();
        *version = version.saturating_add(1);
        let (id, event_id) = (own.id.to_string(), tx.id::<Told>().uuid());
        outbox.extend::<[Value; 11]>([
            event_id.into(),
            tenant.clone().into(),
            aggregate.into(),
            id.clone().into(),
            (*version).into(),
            own.kind.into(),
            own.data.into(),
            trace.clone().into(),
            false.into(),
            tx.now().into(),
            tx.time().real.into(),
        ]);
        let was = before.insert(own.id, Some(hash.clone())).flatten();
        audit.extend::<[Value; 11]>([
            event_id.into(),
            tenant.clone().into(),
            own.by.request_id.into(),
            own.by.method.into(),
            own.by.caller.subject.into(),
            aggregate.into(),
            id.into(),
            (*version).into(),
            was.into(),
            hash.into(),
            tx.now().into(),
        ]);
    }
    let insert = format!(
        "INSERT INTO outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, \
         occurred_at, recorded_at) VALUES {}",
        marks(count, 11)
    );
    sql::exec(tx.conn(), &insert, outbox).await?;
    let insert = format!(
        "INSERT INTO audit (id, tenant, request_id, method, actor, aggregate_type, aggregate_id, version, before_hash, after_hash, \
         recorded_at) VALUES {}",
        marks(count, 11)
    );
    sql::exec(tx.conn(), &insert, audit).await?;
    Ok(last)
}

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

/// The answer of a request that was seen before.
///
/// # Errors
/// `REQUEST_ID_REUSED` if the id came with other content.
pub fn replay(call: &Call, (hash, answer): &(Vec<u8>, Vec<u8>)) -> Result<Answer<Vec<u8>>, AppError> {
    if *hash != call.input_hash {
        return Err(reused(call).into());
    }
    Ok(Answer::replay(answer.clone()))
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
    let (count, mut values) = (answers.len(), Vec::new());
    for (call, answer) in answers {
        values.extend::<[Value; 6]>([
            call.tenant.as_str().into(),
            call.request_id.into(),
            call.method.clone().into(),
            call.input_hash.clone().into(),
            answer.into(),
            tx.time().real.into(),
        ]);
    }
    let insert = format!("INSERT INTO requests (tenant, request_id, method, input_hash, answer, recorded_at) VALUES {}", marks(count, 6));
    sql::exec(tx.conn(), &insert, values).await?;
    Ok(())
}
