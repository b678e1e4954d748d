//! The present state of aggregates, published again for subscribers that missed earlier events.

use crate::{db::tx::WriteTx, wire::error::AppError};
use futures::future::BoxFuture;
use std::collections::BTreeMap;

/// Ids of aggregates, each with the encoded event that holds its state.
pub type States<'a> = BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, AppError>>;

/// Reads the present state of aggregates by id, as encoded events. Ids without an aggregate are
/// left out of the result.
pub type Load = for<'a> fn(&'a WriteTx, &'a [String]) -> States<'a>;

/// For each type of aggregate: the event that holds its state, and the function that loads it.
#[derive(Clone, Default)]
pub struct Snapshots(BTreeMap<&'static str, (String, Load)>);

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Snapshots {
    /// Adds a type of aggregate whose whole state fits in the event `E`.
    #[must_use]
    pub fn with<E: prost::Name>(mut self, aggregate: &'static str, load: Load) -> Self {
        self.0.insert(aggregate, (E::full_name(), load));
        self
    }

    /// The types of aggregate that have a snapshot.
    pub fn types(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    pub(crate) fn get(&self, aggregate: &str) -> Option<(&'static str, &str, Load)> {
        self.0.get_key_value(aggregate).map(|(name, (event, load))| (*name, event.as_str(), *load))
    }
}
