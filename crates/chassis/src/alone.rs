//! A write in one round trip: it is decided on what the process knows already, and a function of the database, which
//! is a whole transaction, keeps it where under the lock everything is as it was taken for.

use crate::{call::Call, db::Db, error::AppError, kill, rows::hex, sql, telemetry};
use chrono::{DateTime, Utc};
use payterms_kernel::IdSource;
use prost::{Message, Name};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

impl Db {
    /// The ids of a write of a tenant that has no test clock.
    #[must_use]
    pub fn ids_alone(&self, call: &Call, now: DateTime<Utc>) -> IdSource {
        IdSource::new(now, &rand::random::<[u8; 16]>(), &format!("{}/{}/{}", call.tenant, self.service(), call.request_id))
    }

    /// Lets a function of the database keep a write. False: something is not as it was taken for, and nothing is kept.
    ///
    /// # Errors
    /// The database's; whether the write was kept is not known then, but the same request id finds out.
    pub async fn alone(&self, call: &Call, function: &str, given: Value) -> Result<bool, AppError> {
        kill::point_of("alone.before", &call.method);
        let row = sql::one(self.connection(), &format!("SELECT {function}($1) AS kept"), vec![given.into()]).await?;
        kill::point_of("alone.after", &call.method);
        self.committed.notify_one();
        Ok(row.map(|row| row.try_get("", "kept")).transpose()?.unwrap_or_default())
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
