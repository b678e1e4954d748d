//! The one write transaction: rows are locked by the use case, then [`WriteTx::replay`] looks
//! the request id up, then the domain decides, then all is saved and committed together: effect,
//! events, audit, answer.

use crate::{
    db::{Db, sql, transaction::Transaction},
    kill,
    wire::{
        answer::Answer,
        call::Call,
        error::{AppError, raced},
    },
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Id, IdSource, Refusal};
use prost::{Message, Name};
use sea_orm::DbErr;
use sha2::{Digest, Sha256};
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;
use uuid::Uuid;

/// What time it is in a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// The tenant's time: of a test clock where it has one.
    pub now: DateTime<Utc>,
    /// The machine's time, for leases.
    pub real: DateTime<Utc>,
    /// The zone that the tenant's days are counted in.
    pub zone: Tz,
    /// Whether `now` is a test clock's.
    pub tested: bool,
}

/// A write transaction of one call. Dropped without a commit, nothing has happened.
#[derive(Debug)]
pub struct WriteTx {
    txn: Transaction,
    call: Call,
    committed: Arc<Notify>,
    flow_enqueued: Arc<Notify>,
    enqueues_flow: AtomicBool,
    time: Time,
    ids: IdSource,
    versions: Vec<String>,
    looked_up: bool,
    requests_in: &'static [&'static str],
}

impl WriteTx {
    pub(crate) fn new(txn: Transaction, call: Call, db: &Db, time: Time, ids: IdSource) -> Self {
        let (committed, flow_enqueued) = (db.committed.clone(), db.flow_enqueued.clone());
        let (enqueues_flow, requests_in) = (AtomicBool::new(false), db.requests_in);
        Self { txn, call, committed, flow_enqueued, enqueues_flow, time, ids, versions: Vec::new(), looked_up: false, requests_in }
    }

    /// The connection that statements of this transaction go through.
    #[must_use]
    pub fn conn(&self) -> &Transaction {
        &self.txn
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The time that it is for the tenant.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.time.now
    }

    /// All that is known of the time.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// The ids of this transaction, for the domain to take from.
    pub fn ids(&mut self) -> &mut IdSource {
        &mut self.ids
    }

    /// Lets the next ids come from another cause: each item of a batch has its own.
    pub fn ids_from(&mut self, cause: &str) {
        self.ids = self.ids.of_cause(&format!("{}/{cause}", self.call.tenant));
    }

    /// A new id.
    pub fn id<T>(&mut self) -> Id<T> {
        self.ids.make()
    }

    /// Lets the commit of this transaction wake the recovery, because it enqueues a flow.
    pub(crate) fn wake_recovery(&self) {
        self.enqueues_flow.store(true, Ordering::Relaxed);
    }

    /// The answer given before to this request id, if there is one. Call it after the locks.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` if the id came with other content; `RequestOpen` is no error here: a
    /// flow's verb asks [`WriteTx::seen`].
    pub async fn replay<M: Message + Default>(&mut self) -> Result<Option<Answer<M>>, AppError> {
        match self.seen().await? {
            Some(Seen { answer: Some(answer), .. }) => Ok(Some(Answer::replay(M::decode(answer.as_slice())?))),
            Some(_) => Err(AppError::Fault("a request of a flow was asked for as if it were none".to_owned())),
            None => Ok(None),
        }
    }

    /// What is stored under this request id. Call it after the locks.
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` if the id came with other content.
    pub async fn seen(&mut self) -> Result<Option<Seen>, AppError> {
        self.looked_up = true;
        if self.writers_are_many() {
            // Two calls with one id and no row in common meet here.
            let key = self.call.request_id.as_u64_pair();
            let lock = vec![i64::from_be_bytes((key.0 ^ key.1).to_be_bytes()).into()];
            sql::one(&self.txn, "SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock($1)) AS taken", lock).await?;
        }
        // What was refused is judged anew.
        let mut query =
            "SELECT input_hash, answer, intent_id FROM requests WHERE tenant = $1 AND request_id = $2 AND refused IS NULL".to_owned();
        for table in self.requests_in {
            let _ = write!(query, " UNION ALL SELECT input_hash, NULL, NULL FROM {table} WHERE tenant = $1 AND request_id = $2");
        }
        let values = vec![self.call.tenant.as_str().into(), self.call.request_id.into()];
        let Some(row) = sql::one(&self.txn, &query, values).await? else { return Ok(None) };
        let hash: Vec<u8> = row.try_get("", "input_hash")?;
        if hash != self.call.input_hash {
            return Err(reused(&self.call).into());
        }
        Ok(Some(Seen { answer: row.try_get("", "answer")?, intent: row.try_get("", "intent_id")? }))
    }

    /// Tables besides `requests` whose rows keep the request that wrote them.
    pub(crate) fn requests_in(&self) -> &'static [&'static str] {
        self.requests_in
    }

    fn writers_are_many(&self) -> bool {
        use sea_orm::{ConnectionTrait, DbBackend};
        self.txn.get_database_backend() == DbBackend::Postgres
    }

    /// Writes an event of an aggregate, and the audit row of the change that it tells of.
    ///
    /// # Errors
    /// The database's.
    pub async fn emit<E: Message + Name>(&mut self, aggregate: &str, id: &str, event: &E) -> Result<(), AppError> {
        self.emit_bytes(aggregate, id, &E::full_name(), event.encode_to_vec()).await.map(|_| ())
    }

    /// The same for an event that is encoded already; answers the version that the aggregate came to.
    ///
    /// # Errors
    /// The database's.
    pub async fn emit_bytes(&mut self, aggregate: &str, id: &str, kind: &str, data: Vec<u8>) -> Result<i64, AppError> {
        let tenant = self.call.tenant.to_string();
        let Head { version, before, hash } = self.next_head(aggregate, id, &data).await?;
        let event_id = self.ids.make::<Self>().uuid();
        self.put_event(event_id, (aggregate, id, version), kind, data, false).await?;
        let audit = "INSERT INTO audit (id, tenant, request_id, method, actor, aggregate_type, aggregate_id, version, before_hash, after_hash, \
                     recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = vec![
            event_id.into(),
            tenant.into(),
            self.call.request_id.into(),
            self.call.method.clone().into(),
            self.call.caller.subject.clone().into(),
            aggregate.into(),
            id.into(),
            version.into(),
            before.into(),
            hash.into(),
            self.time.now.into(),
        ];
        sql::exec(&self.txn, audit, values).await?;
        self.versions.push(format!("{aggregate}/{id}@{version}"));
        Ok(version)
    }

    /// Writes an event whose changes have audit rows of their own.
    ///
    /// # Errors
    /// The database's.
    pub async fn emit_without_audit<E: Message + Name>(&mut self, aggregate: &str, id: &str, event: &E) -> Result<(), AppError> {
        let data = event.encode_to_vec();
        let head = self.next_head(aggregate, id, &data).await?;
        let event_id = self.ids.make::<Self>().uuid();
        self.put_event(event_id, (aggregate, id, head.version), &E::full_name(), data, false).await?;
        Ok(())
    }

    /// The next version of an aggregate.
    async fn next_head(&self, aggregate: &str, id: &str, data: &[u8]) -> Result<Head, AppError> {
        let hash = Sha256::digest(data).to_vec();
        let head = "INSERT INTO aggregate_heads (tenant, aggregate_type, aggregate_id, version, state_hash) VALUES ($1, $2, $3, 1, $4) \
                    ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + 1, \
                    before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash RETURNING version, before_hash";
        let values = vec![self.call.tenant.as_str().into(), aggregate.into(), id.into(), hash.clone().into()];
        let row = sql::one(&self.txn, head, values).await?;
        let row = row.ok_or_else(|| AppError::Fault("no head came back".to_owned()))?;
        Ok(Head { version: row.try_get("", "version")?, before: row.try_get("", "before_hash")?, hash })
    }

    /// Writes a row of the outbox; a snapshot repeats the state that the aggregate has at its version.
    pub(crate) async fn put_event(
        &self,
        event_id: Uuid,
        aggregate: (&str, &str, i64),
        kind: &str,
        data: Vec<u8>,
        snapshot: bool,
    ) -> Result<(), DbErr> {
        let insert = "INSERT INTO outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, \
                      occurred_at, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = vec![
            event_id.into(),
            self.call.tenant.as_str().into(),
            aggregate.0.into(),
            aggregate.1.into(),
            aggregate.2.into(),
            kind.into(),
            data.into(),
            crate::telemetry::trace_parent().into(),
            snapshot.into(),
            self.time.now.into(),
            self.time.real.into(),
        ];
        sql::exec(&self.txn, insert, values).await.map(|_| ())
    }

    /// Stores the answer under the request id and commits all.
    ///
    /// # Errors
    /// The database's; then nothing has happened, or the commit's reply was lost: the same
    /// request id finds out.
    pub async fn commit<M: Message>(self, answer: M) -> Result<Answer<M>, AppError> {
        self.put_request(Some(answer.encode_to_vec()), None).await?;
        let versions = self.versions.clone();
        self.commit_rows().await?;
        Ok(Answer { message: answer, replayed: false, versions })
    }

    /// Stores that the request began a flow, and commits; the flow's end stores the answer.
    ///
    /// # Errors
    /// The database's.
    pub async fn commit_intent(self, intent: Uuid) -> Result<(), AppError> {
        self.put_request(None, Some(intent)).await?;
        self.commit_rows().await
    }

    /// Stores the answer of the request that began a flow.
    ///
    /// # Errors
    /// The database's.
    pub async fn answer_intent<M: Message>(&self, intent: Uuid, answer: &M) -> Result<(), AppError> {
        let update = "UPDATE requests SET answer = $3 WHERE tenant = $1 AND intent_id = $2 AND answer IS NULL AND refused IS NULL";
        let values = vec![self.call.tenant.as_str().into(), intent.into(), answer.encode_to_vec().into()];
        sql::exec(&self.txn, update, values).await?;
        Ok(())
    }

    /// Stores that the request which began a flow is refused after all: nothing was done, and the same id is
    /// judged anew. Who waits for the answer gets the refusal.
    ///
    /// # Errors
    /// The database's.
    pub async fn refuse_intent(&self, intent: Uuid, refusal: &tonic::Status) -> Result<(), AppError> {
        let update = "UPDATE requests SET refused = $3 WHERE tenant = $1 AND intent_id = $2 AND answer IS NULL AND refused IS NULL";
        let values = vec![self.call.tenant.as_str().into(), intent.into(), refusal.details().to_vec().into()];
        sql::exec(&self.txn, update, values).await?;
        Ok(())
    }

    /// Commits a transaction that answers nobody: a step, a job, an event.
    ///
    /// # Errors
    /// The database's.
    pub async fn commit_rows(self) -> Result<(), AppError> {
        kill::point_of("commit.before", &self.call.method);
        self.txn.commit().await?;
        kill::point_of("commit.after", &self.call.method);
        self.committed.notify_one();
        if self.enqueues_flow.into_inner() {
            self.flow_enqueued.notify_one();
        }
        Ok(())
    }

    async fn put_request(&self, answer: Option<Vec<u8>>, intent: Option<Uuid>) -> Result<(), AppError> {
        if !self.looked_up {
            return Err(AppError::Fault("a request was answered without looking it up first".to_owned()));
        }
        let insert = "INSERT INTO requests (tenant, request_id, method, input_hash, answer, intent_id, recorded_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant, request_id) DO UPDATE SET method = excluded.method, \
                      input_hash = excluded.input_hash, answer = excluded.answer, intent_id = excluded.intent_id, refused = NULL, \
                      recorded_at = excluded.recorded_at WHERE requests.refused IS NOT NULL";
        let call = &self.call;
        let values = vec![
            call.tenant.as_str().into(),
            call.request_id.into(),
            call.method.clone().into(),
            call.input_hash.clone().into(),
            answer.into(),
            intent.into(),
            self.time.real.into(),
        ];
        match sql::exec(&self.txn, insert, values).await? {
            1 => Ok(()),
            // It came between: the transaction is run again, finds it, and answers what it answered.
            _ => Err(raced("the same request was answered meanwhile")),
        }
    }
}

/// What an aggregate came to.
struct Head {
    version: i64,
    before: Option<Vec<u8>>,
    hash: Vec<u8>,
}

/// Why a request id is not answered with what was stored under it.
pub(crate) fn reused(call: &Call) -> Refusal {
    let message = "This request id has been used with other content. Use a fresh one for a new request.";
    Refusal::precondition("REQUEST_ID_REUSED", message).with("request_id", call.request_id)
}

/// What is stored under a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The answer, or none while its flow is open.
    pub answer: Option<Vec<u8>>,
    /// The intent of the flow that the request began.
    pub intent: Option<Uuid>,
}
