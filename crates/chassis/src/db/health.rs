//! Whether a service can do its work, and the fault if it cannot. A database that failed counts as
//! working again only after a row was written to it and read back: reads alone succeed on a full or
//! read-only disk too.

use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// The fault of a service's database, if there is one, and the problems of its background tasks.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fault: Mutex<Option<String>>,
    /// Problems that do not make the service unready, by part.
    notes: Mutex<BTreeMap<&'static str, String>>,
    changed: Notify,
}

/// The answer of a service at `/readyz`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether calls should be sent here.
    pub ready: bool,
    /// The fault of the database; empty if there is none.
    pub database: String,
    /// Other problems, by part; they do not make the service unready.
    pub notes: BTreeMap<&'static str, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Health {
    /// Reports a failure of the database itself. The service is not ready from now on.
    pub fn report(&self, what: &str) {
        let mut fault = lock(&self.0.fault);
        if fault.is_none() {
            tracing::error!(what, "the database failed; not ready until a write was read back");
            self.0.changed.notify_one();
        }
        *fault = Some(what.to_owned());
    }

    /// The fault of the database.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        lock(&self.0.fault).clone()
    }

    /// Reports a problem of a part, or with `None` that the part works.
    pub fn note(&self, part: &'static str, what: Option<String>) {
        let mut notes = lock(&self.0.notes);
        match what {
            Some(what) => {
                if notes.insert(part, what.clone()).as_ref() != Some(&what) {
                    tracing::warn!(part, what, "a part does not do its work");
                }
            }
            None => {
                notes.remove(part);
            }
        }
    }

    /// The answer at `/readyz`.
    #[must_use]
    pub fn reported(&self) -> Report {
        let fault = self.fault();
        Report {
            ready: fault.is_none(),
            database: fault.unwrap_or_default(),
            notes: lock(&self.0.notes).clone(),
        }
    }

    /// Reports that the schema is older than this build needs, so that the service is not ready.
    pub(crate) fn waits_for_schema(&self, version: &str) {
        tracing::info!(version, "waits for its schema; run payterms-migrate");
        *lock(&self.0.fault) =
            Some(format!("the schema is not at {version}; run payterms-migrate"));
    }

    /// Reports that the schema has the version that this build needs.
    pub(crate) fn schema_is_there(&self) {
        lock(&self.0.fault).take();
    }

    /// Waits until a fault is reported.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub(crate) fn heal(&self) {
        if lock(&self.0.fault).take().is_some() {
            tracing::warn!("the database works again");
        }
    }
}
