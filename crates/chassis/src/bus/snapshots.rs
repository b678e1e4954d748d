//! The present state of aggregates, for those who missed their events.

use crate::{db::tx::WriteTx, wire::error::AppError};
use futures::future::BoxFuture;
use std::collections::BTreeMap;

/// Ids of aggregates with the bytes of the event that tells their state.
pub type States<'a> = BoxFuture<'a, Result<Vec<(String, Vec<u8>)>, AppError>>;

/// Reads the present state of aggregates by id, as the bytes of their event; what is not found is
/// left out.
pub type Load = for<'a> fn(&'a WriteTx, &'a [String]) -> States<'a>;

/// How the state of each type of aggregate is told.
#[derive(Clone, Default)]
pub struct Snapshots(BTreeMap<&'static str, (String, Load)>);

impl std::fmt::Debug for Snapshots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Snapshots {
    /// Adds a type of aggregate whose state the event `E` tells whole.
    #[must_use]
    pub fn with<E: prost::Name>(mut self, aggregate: &'static str, load: Load) -> Self {
        self.0.insert(aggregate, (E::full_name(), load));
        self
    }

    /// The types.
    pub fn types(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    pub(crate) fn get(&self, aggregate: &str) -> Option<(&'static str, &str, Load)> {
        self.0.get_key_value(aggregate).map(|(name, (event, load))| (*name, event.as_str(), *load))
    }
}
