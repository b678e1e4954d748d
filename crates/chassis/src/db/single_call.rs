//! The single-call fast path: a write in one round trip. The service decides on its cached rows. A
//! stored procedure, which is a transaction of its own, locks the rows and posts the write only if
//! they still equal the cached ones.

use crate::{
    db::{Db, rows::hex, sql},
    kill, telemetry,
    wire::{call::Call, error::AppError},
};
use chrono::{DateTime, Utc};
use payterms_kernel::IdSource;
use prost::{Message, Name};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

impl Db {
    /// The ids of a write of a tenant that has no test clock.
    #[must_use]
    pub fn ids_of_single_call(&self, call: &Call, now: DateTime<Utc>) -> IdSource {
        IdSource::new(
            now,
            &rand::random::<[u8; 16]>(),
            &format!("{}/{}/{}", call.tenant, self.service(), call.request_id),
        )
    }

    /// Calls the procedure. Returns false, with nothing written, if a row differs from the cache;
    /// the caller then uses the batch.
    ///
    /// The procedure contains its own COMMIT, which fails inside an open transaction. So `true`
    /// means that the write is durable, whatever ran on the connection before. Behind a pooler
    /// every statement is in a transaction, and the batch is used.
    ///
    /// # Errors
    /// `Store` if the call fails or its answer is lost. A retry with the same request id finds out
    /// whether the write was posted.
    pub async fn post_single_call(
        &self,
        call: &Call,
        procedure: &str,
        input: Value,
    ) -> Result<bool, AppError> {
        if self.connection().is_pooled() {
            return Ok(false);
        }
        kill::point_of("single_call.before", &call.method);
        let row = sql::one(
            self.connection(),
            &format!("CALL {procedure}($1, false)"),
            vec![input.into()],
        )
        .await?;
        kill::point_of("single_call.after", &call.method);
        self.committed.notify_one();
        Ok(row.map(|row| row.try_get("", "is_posted")).transpose()?.unwrap_or_default())
    }
}

/// An event for the stored procedure, which assigns the aggregate's version.
#[must_use]
pub fn event<E: Message + Name>(
    ids: &mut IdSource,
    aggregate: &str,
    id: &str,
    event: &E,
    at: DateTime<Utc>,
) -> Value {
    let data = event.encode_to_vec();
    json!({
        "event_id": ids.make::<E>().uuid(),
        "aggregate_type": aggregate,
        "aggregate_id": id,
        "event_type": E::full_name(),
        "state_hash": hex(&Sha256::digest(&data)),
        "data": hex(&data),
        "trace_parent": telemetry::trace_parent(),
        "at": at,
    })
}
