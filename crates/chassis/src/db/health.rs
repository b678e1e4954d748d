//! Whether a service can do its work, and what is wrong where it cannot. A database that failed is believed again only
//! after something was written to it and read back.

use serde::Serialize;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What is wrong with the database of a service, if anything.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    fault: Mutex<Option<String>>,
    /// What does not make the service unready, by part.
    notes: Mutex<BTreeMap<&'static str, String>>,
    changed: Notify,
}

/// What a service says of itself at `/readyz`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whether calls should be sent here.
    pub ready: bool,
    /// What is wrong with the database; empty if nothing is.
    pub database: String,
    /// What else is wrong, by part; it does not make the service unready.
    pub notes: BTreeMap<&'static str, String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Health {
    /// Notes a failure of the database itself: from now on the service is not ready.
    pub fn report(&self, what: &str) {
        let mut fault = lock(&self.0.fault);
        if fault.is_none() {
            tracing::error!(what, "the database failed; not ready until a write was read back");
            self.0.changed.notify_one();
        }
        *fault = Some(what.to_owned());
    }

    /// What is wrong with the database.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        lock(&self.0.fault).clone()
    }

    /// Notes what is wrong with a part (`Some`), or that it works.
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

    /// What the service says of itself.
    #[must_use]
    pub fn reported(&self) -> Report {
        let fault = self.fault();
        Report { ready: fault.is_none(), database: fault.unwrap_or_default(), notes: lock(&self.0.notes).clone() }
    }

    /// Notes that the schema has not the version that this build needs: the service is not ready.
    pub(crate) fn waits_for_schema(&self, version: &str) {
        tracing::info!(version, "waits for its schema; run payterms-migrate");
        *lock(&self.0.fault) = Some(format!("the schema is not at {version}; run payterms-migrate"));
    }

    /// Notes that it has.
    pub(crate) fn schema_is_there(&self) {
        lock(&self.0.fault).take();
    }

    /// Waits until a fault was reported.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    pub(crate) fn heal(&self) {
        if lock(&self.0.fault).take().is_some() {
            tracing::warn!("the database works again");
        }
    }
}
