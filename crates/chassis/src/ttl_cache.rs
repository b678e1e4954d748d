//! A bounded cache with an expiry for each value. It holds verified tokens, cached rows and
//! versions of copies.

use chrono::{DateTime, Utc};
use quick_cache::{Equivalent, sync::Cache};
use std::hash::Hash;

/// Entries of a cache by default. When it is full the least recently used one is evicted.
const MOST: usize = 2_000;

/// A bounded cache of values by key, each valid until an instant.
pub struct TtlCache<K, V>(Cache<K, (DateTime<Utc>, V)>);

impl<K, V> std::fmt::Debug for TtlCache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TtlCache")
    }
}

impl<K: Eq + Hash, V: Clone> Default for TtlCache<K, V> {
    fn default() -> Self {
        Self::with_capacity(MOST)
    }
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// A cache of at most `most` entries.
    #[must_use]
    pub fn with_capacity(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// The value of a key if it is still valid.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, now: DateTime<Utc>) -> Option<V> {
        self.0.get(key).filter(|(until, _)| now < *until).map(|(_, value)| value)
    }

    /// Stores a value that is valid until an instant.
    pub fn insert(&self, key: K, value: V, until: DateTime<Utc>) {
        self.0.insert(key, (until, value));
    }
}

#[cfg(test)]
mod tests {
    use super::TtlCache;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn a_value_is_valid_until_its_instant() {
        let (cache, until) = (TtlCache::<String, u32>::default(), DateTime::UNIX_EPOCH);
        cache.insert("a".to_owned(), 1, until);
        assert_eq!(cache.get("a", until - TimeDelta::microseconds(1)), Some(1));
        assert_eq!(
            (cache.get("a", until), cache.get("b", until - TimeDelta::days(1))),
            (None, None)
        );
        for n in 0..100_000 {
            cache.insert(n.to_string(), n, until);
        }
        assert!(cache.0.len() <= super::MOST, "it does not grow for ever");
    }
}
