//! A write in one round trip: it is decided on what the process has cached, and a procedure of the database, which is a
//! whole transaction, posts it if under the lock everything still is as cached.

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
        IdSource::new(now, &rand::random::<[u8; 16]>(), &format!("{}/{}/{}", call.tenant, self.service(), call.request_id))
    }

    /// Lets a procedure of the database post a write. False: something differs from the cache, and nothing is written.
    ///
    /// The procedure commits by itself, and fails inside an open transaction: its `true` says that the write is
    /// durable, whatever was done on the connection before.
    ///
    /// # Errors
    /// The database's; whether the write was posted is not known then, but the same request id finds out.
    pub async fn post_single_call(&self, call: &Call, procedure: &str, input: Value) -> Result<bool, AppError> {
        kill::point_of("single_call.before", &call.method);
        let row = sql::one(self.connection(), &format!("CALL {procedure}($1, false)"), vec![input.into()]).await?;
        kill::point_of("single_call.after", &call.method);
        self.committed.notify_one();
        Ok(row.map(|row| row.try_get("", "is_posted")).transpose()?.unwrap_or_default())
    }
}

/// An event of an aggregate whose version the function gives.
#[must_use]
pub fn event<E: Message + Name>(ids: &mut IdSource, (aggregate, id): (&str, &str), event: &E, at: DateTime<Utc>) -> Value {
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
