//! Many requests of one tenant in one transaction. They are looked up, answered and published in a
//! fixed number of statements, so that the cost of a batch hardly depends on its size.

use crate::{
    db::{
        rows::{Column, Kind, Rows, among},
        sql,
        tx::{WriteTx, reused},
    },
    telemetry,
    wire::{
        answer::Answer,
        call::Call,
        error::{AppError, raced},
    },
};
use sea_orm::Value;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};
use uuid::Uuid;

/// An answer replaces a refusal that came after a flow had begun, and nothing else: any other
/// stored answer is final.
const INSTEAD_OF_REFUSED: &str = "ON CONFLICT (tenant, request_id) DO UPDATE SET method = excluded.method, input_hash = excluded.input_hash, \
                                  answer = excluded.answer, intent_id = NULL, refused = NULL, recorded_at = excluded.recorded_at \
                                  WHERE requests.refused IS NOT NULL";

/// One event of an aggregate.
#[derive(Debug, Clone)]
pub struct BatchEvent {
    /// The call that caused the event: its actor and its request go to the audit row.
    pub by: Call,
    /// The aggregate's id.
    pub id: Uuid,
    /// The event's full name.
    pub kind: String,
    /// The encoded event.
    pub data: Vec<u8>,
}

const HEADS: [Column; 5] = [
    ("tenant", Kind::Tenant),
    ("aggregate_type", Kind::Text),
    ("aggregate_id", Kind::Text),
    ("version", Kind::Number),
    ("state_hash", Kind::Bytes),
];
const NEXT_HEAD: &str = "ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + excluded.version, \
                         before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash RETURNING aggregate_id, version, before_hash";
const OUTBOX: [Column; 11] = [
    ("event_id", Kind::Id),
    ("tenant", Kind::Tenant),
    ("aggregate_type", Kind::Text),
    ("aggregate_id", Kind::Text),
    ("version", Kind::Number),
    ("event_type", Kind::Text),
    ("data", Kind::Bytes),
    ("trace_parent", Kind::Text),
    ("snapshot", Kind::Flag),
    ("occurred_at", Kind::Time),
    ("recorded_at", Kind::Time),
];
const AUDIT: [Column; 11] = [
    ("id", Kind::Id),
    ("tenant", Kind::Tenant),
    ("request_id", Kind::Id),
    ("method", Kind::Text),
    ("actor", Kind::Text),
    ("aggregate_type", Kind::Text),
    ("aggregate_id", Kind::Text),
    ("version", Kind::Number),
    ("before_hash", Kind::MaybeBytes),
    ("after_hash", Kind::Bytes),
    ("recorded_at", Kind::Time),
];
const REQUESTS: [Column; 6] = [
    ("tenant", Kind::Tenant),
    ("request_id", Kind::Id),
    ("method", Kind::Text),
    ("input_hash", Kind::Bytes),
    ("answer", Kind::Bytes),
    ("recorded_at", Kind::Time),
];

/// Writes events of aggregates of one type with their audit rows, in three statements for any
/// number of events. Returns the new version of each aggregate.
pub async fn emit(
    tx: &mut WriteTx,
    aggregate: &str,
    events: Vec<BatchEvent>,
) -> Result<HashMap<Uuid, i64>, AppError> {
    if events.is_empty() {
        return Ok(HashMap::new());
    }
    let tenant = tx.call().tenant.to_string();
    let hashes: Vec<_> = events.iter().map(|event| Sha256::digest(&event.data).to_vec()).collect();
    let mut heads: BTreeMap<Uuid, (i64, &Vec<u8>)> = BTreeMap::new();
    for (event, hash) in events.iter().zip(&hashes) {
        let head = heads.entry(event.id).or_insert((0, hash));
        *head = (head.0.saturating_add(1), hash);
    }
    let mut rows = Rows::new(HEADS);
    for (id, (count, hash)) in &heads {
        rows.push([
            tenant.clone().into(),
            aggregate.into(),
            id.to_string().into(),
            (*count).into(),
            (*hash).clone().into(),
        ]);
    }
    let mut last: HashMap<Uuid, i64> = HashMap::new();
    let mut before: HashMap<Uuid, Option<Vec<u8>>> = HashMap::new();
    for row in rows.returning(tx.conn(), "aggregate_heads", NEXT_HEAD).await? {
        let id: String = row.try_get("", "aggregate_id")?;
        let id = id.parse().map_err(|_| AppError::Fault(format!("aggregate {id:?}")))?;
        last.insert(id, row.try_get("", "version")?);
        before.insert(id, row.try_get("", "before_hash")?);
    }
    // One aggregate may have several events here; their versions follow on the one before this
    // batch.
    let mut next: HashMap<Uuid, i64> = heads
        .iter()
        .map(|(id, (count, _))| (*id, last.get(id).map_or(0, |last| last - count)))
        .collect();
    let mut outbox = Rows::new(OUTBOX);
    let mut audit = Rows::new(AUDIT);
    let trace = telemetry::trace_parent();
    for (event, hash) in events.into_iter().zip(hashes) {
        let version = next.entry(event.id).or_default();
        *version = version.saturating_add(1);
        let id = event.id.to_string();
        let event_id = tx.id::<BatchEvent>().uuid();
        outbox.push([
            event_id.into(),
            tenant.clone().into(),
            aggregate.into(),
            id.clone().into(),
            (*version).into(),
            event.kind.into(),
            event.data.into(),
            trace.clone().into(),
            false.into(),
            tx.now().into(),
            tx.time().real.into(),
        ]);
        let previous_hash = before.insert(event.id, Some(hash.clone())).flatten();
        audit.push([
            event_id.into(),
            tenant.clone().into(),
            event.by.request_id.into(),
            event.by.method.into(),
            event.by.caller.subject.into(),
            aggregate.into(),
            id.into(),
            (*version).into(),
            Value::Bytes(previous_hash),
            hash.into(),
            tx.now().into(),
        ]);
    }
    outbox.insert(tx.conn(), "outbox", "").await?;
    audit.insert(tx.conn(), "audit", "").await?;
    Ok(last)
}

/// A request that an earlier transaction stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRequest {
    /// SHA-256 of the request's content.
    pub input_hash: Vec<u8>,
    /// The stored answer; `None` if it is made from the rows that the request wrote.
    pub answer: Option<Vec<u8>>,
}

/// Those of the calls that an earlier transaction stored, by request id. Call it after the locks,
/// as [`WriteTx::replay`].
pub async fn stored_requests(
    tx: &WriteTx,
    calls: &[&Call],
) -> Result<HashMap<Uuid, StoredRequest>, AppError> {
    let ids: Vec<_> = calls.iter().map(|call| call.request_id).collect();
    let (among, ids) = among(tx.conn(), "request_id", 2, &ids);
    // A refused request is decided again: what stood in its way may be gone.
    let mut select = format!(
        "SELECT request_id, input_hash, answer FROM requests WHERE tenant = $1 AND {among} AND refused IS NULL"
    );
    // The index on these tables is partial, on rows with a request id. PostgreSQL uses it only if
    // the query repeats its condition.
    for table in tx.requests_in() {
        let _ = write!(
            select,
            " UNION ALL SELECT request_id, input_hash, NULL FROM {table} WHERE tenant = $1 AND {among} \
                              AND request_id IS NOT NULL"
        );
    }
    let mut values: Vec<Value> = vec![tx.call().tenant.as_str().into()];
    values.extend(ids);
    let mut stored = HashMap::new();
    for row in sql::all(tx.conn(), &select, values).await? {
        let request = StoredRequest {
            input_hash: row.try_get("", "input_hash")?,
            answer: row.try_get("", "answer")?,
        };
        stored.insert(row.try_get("", "request_id")?, request);
    }
    Ok(stored)
}

/// Refuses a call whose request id was stored with other content.
///
/// # Errors
/// `REQUEST_ID_REUSED`.
pub fn same(call: &Call, stored: &StoredRequest) -> Result<(), AppError> {
    if stored.input_hash == call.input_hash { Ok(()) } else { Err(reused(call).into()) }
}

/// The stored answer of a repeated request.
///
/// # Errors
/// `REQUEST_ID_REUSED` if the id was used with other content.
pub fn replay(call: &Call, stored: &StoredRequest) -> Result<Answer<Vec<u8>>, AppError> {
    same(call, stored)?;
    let answer = stored
        .answer
        .clone()
        .ok_or_else(|| AppError::Fault("a request without an answer was asked for".to_owned()))?;
    Ok(Answer::replay(answer))
}

/// Stores the answers of requests.
///
/// # Errors
/// `Store` if another call answered one of the requests meanwhile. That fails the whole batch,
/// which is then retried and replays the answer.
pub async fn answer(tx: &WriteTx, answers: Vec<(Call, Vec<u8>)>) -> Result<(), AppError> {
    let count = answers.len();
    let mut rows = Rows::new(REQUESTS);
    for (call, answer) in answers {
        rows.push([
            call.tenant.as_str().into(),
            call.request_id.into(),
            call.method.into(),
            call.input_hash.into(),
            answer.into(),
            tx.time().real.into(),
        ]);
    }
    let written = rows.insert(tx.conn(), "requests", INSTEAD_OF_REFUSED).await?;
    if usize::try_from(written) == Ok(count) {
        Ok(())
    } else {
        Err(raced("a request was answered meanwhile"))
    }
}
