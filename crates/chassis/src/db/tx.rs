//! The write transaction of a call. The use case locks its rows, then [`WriteTx::replay`] looks the
//! request id up, then the domain decides, then effect, events, audit rows and answer are saved and
//! committed together.
//!
//! Locks come before the lookup: of two calls with the same id the second then waits, and finds the
//! answer of the first.

pub(crate) mod events;

use crate::{
    db::{Db, sql, transaction::Transaction},
    kill,
    wire::{
        answer::Answer,
        call::Call,
        error::{AppError, raced},
    },
};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use payterms_kernel::{Id, IdSource, Reason, Refusal, calendar::today};
use prost::Message;
use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Notify;
use uuid::Uuid;

/// The time of a transaction, as the tenant and as the machine see it.
#[derive(Debug, Clone, Copy)]
pub struct Time {
    /// The tenant's time: its test clock's if it has one.
    pub now: DateTime<Utc>,
    /// The machine's time, for leases and retention, which a test clock must not move.
    pub real: DateTime<Utc>,
    /// The time zone in which the tenant's days begin and end.
    pub zone: Tz,
    /// The day that the tenant's calendar had reached when its zone was last changed.
    pub reached: Option<NaiveDate>,
    /// Whether `now` comes from a test clock.
    pub tested: bool,
}

impl Time {
    /// The tenant's day. It never goes back, though its zone may have been changed to one where it
    /// is the day before.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        today(self.zone, self.now, self.reached)
    }
}

/// The write transaction of one call. Dropped without a commit, it is rolled back.
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
    writer_id: Uuid,
}

impl WriteTx {
    pub(crate) fn new(txn: Transaction, call: Call, db: &Db, time: Time, ids: IdSource) -> Self {
        Self {
            txn,
            call,
            committed: db.committed.clone(),
            flow_enqueued: db.flow_enqueued.clone(),
            enqueues_flow: AtomicBool::new(false),
            time,
            ids,
            versions: Vec::new(),
            looked_up: false,
            requests_in: db.requests_in,
            writer_id: db.writer_id(),
        }
    }

    /// The connection on which the statements of this transaction run.
    #[must_use]
    pub fn conn(&self) -> &Transaction {
        &self.txn
    }

    /// The call that writes.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The tenant's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.time.now
    }

    /// The tenant's day ([`Time::today`]).
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        self.time.today()
    }

    /// The id of the process that writes.
    #[must_use]
    pub fn writer_id(&self) -> Uuid {
        self.writer_id
    }

    /// The tenant's and the machine's time.
    #[must_use]
    pub fn time(&self) -> Time {
        self.time
    }

    /// The source of this transaction's ids, for the domain.
    pub fn ids(&mut self) -> &mut IdSource {
        &mut self.ids
    }

    /// Makes the next ids depend on another cause. Each item of a batch has its own, so that ids do
    /// not depend on its neighbours.
    pub fn ids_from(&mut self, cause: &str) {
        self.ids = self.ids.of_cause(&format!("{}/{cause}", self.call.tenant));
    }

    /// A new id.
    pub fn id<T>(&mut self) -> Id<T> {
        self.ids.make()
    }

    /// Makes the commit wake the recovery, because this transaction enqueues a flow.
    pub(crate) fn wake_recovery(&self) {
        self.enqueues_flow.store(true, Ordering::Relaxed);
    }

    /// The answer stored under this request id, if there is one. Call it after the locks (see the
    /// module's comment).
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` if the id was used with other content. `Fault` if the request began a
    /// flow: the verbs of flows call [`WriteTx::seen`] instead.
    pub async fn replay<M: Message + Default>(&mut self) -> Result<Option<Answer<M>>, AppError> {
        match self.seen().await? {
            Some(Seen { answer: Some(answer), .. }) => {
                Ok(Some(Answer::replay(M::decode(answer.as_slice())?)))
            }
            Some(_) => Err(AppError::Fault(
                "a request of a flow was asked for as if it were none".to_owned(),
            )),
            None => Ok(None),
        }
    }

    /// The entry stored under this request id, if there is one. Call it after the locks (see the
    /// module's comment).
    ///
    /// # Errors
    /// `REQUEST_ID_REUSED` if the id was used with other content.
    pub async fn seen(&mut self) -> Result<Option<Seen>, AppError> {
        self.looked_up = true;
        if self.has_concurrent_writers() {
            // Two calls with one id need not lock a common row, so both could find nothing and
            // write. This lock orders them.
            let key = self.call.request_id.as_u64_pair();
            let lock = vec![i64::from_be_bytes((key.0 ^ key.1).to_be_bytes()).into()];
            sql::one(
                &self.txn,
                "SELECT 1 AS locked FROM (SELECT pg_advisory_xact_lock($1)) AS taken",
                lock,
            )
            .await?;
        }
        // A refused request is decided again: what stood in its way may be gone.
        let mut query =
            "SELECT input_hash, answer, intent_id FROM requests WHERE tenant = $1 AND request_id = $2 AND refused IS NULL".to_owned();
        for table in self.requests_in {
            let _ = write!(
                query,
                " UNION ALL SELECT input_hash, NULL, NULL FROM {table} WHERE tenant = $1 AND request_id = $2"
            );
        }
        let values = vec![self.call.tenant.as_str().into(), self.call.request_id.into()];
        let Some(row) = sql::one(&self.txn, &query, values).await? else { return Ok(None) };
        let hash: Vec<u8> = row.try_get("", "input_hash")?;
        if hash != self.call.input_hash {
            return Err(reused(&self.call).into());
        }
        Ok(Some(Seen { answer: row.try_get("", "answer")?, intent: row.try_get("", "intent_id")? }))
    }

    /// Tables besides `requests` whose rows store the request that wrote them.
    pub(crate) fn requests_in(&self) -> &'static [&'static str] {
        self.requests_in
    }

    /// SQLite has one writer at a time, so nothing needs a lock there.
    fn has_concurrent_writers(&self) -> bool {
        use sea_orm::{ConnectionTrait, DbBackend};
        self.txn.get_database_backend() == DbBackend::Postgres
    }

    /// Stores the answer under the request id and commits the transaction. That of a call which is
    /// only checked is rolled back here, once everything that could refuse it has been asked, the
    /// keys of the database too.
    ///
    /// # Errors
    /// `Store` if the commit fails or its reply is lost. A retry with the same request id finds out
    /// which.
    pub async fn commit<M: Message>(self, answer: M) -> Result<Answer<M>, AppError> {
        self.put_request(Some(answer.encode_to_vec()), None).await?;
        if self.call.validate_only {
            self.txn.rollback().await?;
            return Ok(Answer { message: answer, replayed: false, versions: Vec::new() });
        }
        let versions = self.versions.clone();
        self.commit_rows().await?;
        Ok(Answer { message: answer, replayed: false, versions })
    }

    /// Stores that the request began a flow and commits. The flow stores the answer when it closes.
    pub async fn commit_intent(self, intent: Uuid) -> Result<(), AppError> {
        self.put_request(None, Some(intent)).await?;
        self.commit_rows().await
    }

    /// Stores the answer of the request that began a flow.
    pub async fn answer_intent<M: Message>(
        &self,
        intent: Uuid,
        answer: &M,
    ) -> Result<(), AppError> {
        let update = "UPDATE requests SET answer = $3 WHERE tenant = $1 AND intent_id = $2 AND answer IS NULL AND refused IS NULL";
        let values =
            vec![self.call.tenant.as_str().into(), intent.into(), answer.encode_to_vec().into()];
        sql::exec(&self.txn, update, values).await?;
        Ok(())
    }

    /// Stores that the request which began a flow is refused after all. Nothing was done, so a
    /// retry with the same id is decided again. Callers that wait for the flow get this refusal.
    pub async fn refuse_intent(
        &self,
        intent: Uuid,
        refusal: &tonic::Status,
    ) -> Result<(), AppError> {
        let update = "UPDATE requests SET refused = $3 WHERE tenant = $1 AND intent_id = $2 AND answer IS NULL AND refused IS NULL";
        let values = vec![
            self.call.tenant.as_str().into(),
            intent.into(),
            refusal.details().to_vec().into(),
        ];
        sql::exec(&self.txn, update, values).await?;
        Ok(())
    }

    /// Commits a transaction without an answer: a step, a job, an event.
    pub async fn commit_rows(self) -> Result<(), AppError> {
        if self.call.validate_only {
            // A verb of several transactions or of a flow has no request with that field.
            return Err(AppError::Fault(format!(
                "{} is only checked, and is about to be done",
                self.call.method
            )));
        }
        kill::point_of("commit.before", &self.call.method);
        self.txn.commit().await?;
        kill::point_of("commit.after", &self.call.method);
        self.committed.notify_one();
        if self.enqueues_flow.into_inner() {
            self.flow_enqueued.notify_one();
        }
        Ok(())
    }

    async fn put_request(
        &self,
        answer: Option<Vec<u8>>,
        intent: Option<Uuid>,
    ) -> Result<(), AppError> {
        if !self.looked_up {
            return Err(AppError::Fault(
                "a request was answered without looking it up first".to_owned(),
            ));
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
            // Another call stored an answer meanwhile. This transaction is retried; it then finds
            // that answer and replays it.
            _ => Err(raced("the same request was answered meanwhile")),
        }
    }
}

/// The refusal of a request id that was used with other content.
pub(crate) fn reused(call: &Call) -> Refusal {
    let message =
        "This request id has been used with other content. Use a fresh one for a new request.";
    Refusal::precondition(Reason::REQUEST_ID_REUSED, message).with("request_id", call.request_id)
}

/// The entry stored under a request id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The answer; `None` while the request's flow is open.
    pub answer: Option<Vec<u8>>,
    /// The intent of the flow that the request began.
    pub intent: Option<Uuid>,
}
