//! What was dear to find out and stays true for a while: signatures of tokens, above all.

use chrono::{DateTime, Utc};
use quick_cache::{Equivalent, sync::Cache};
use std::hash::Hash;

/// Things that are kept at once; who was asked for longest ago goes first.
const MOST: usize = 2_000;

/// Values by key, each until an instant.
pub struct Kept<K, V>(Cache<K, (DateTime<Utc>, V)>);

impl<K, V> std::fmt::Debug for Kept<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl<K: Eq + Hash, V: Clone> Default for Kept<K, V> {
    fn default() -> Self {
        Self::with_room(MOST)
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    /// Room for so many.
    #[must_use]
    pub fn with_room(most: usize) -> Self {
        Self(Cache::new(most))
    }

    /// The value of a key, where it is kept and its time is not over.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q, now: DateTime<Utc>) -> Option<V> {
        self.0.get(key).filter(|(until, _)| now < *until).map(|(_, value)| value)
    }

    /// Keeps a value until an instant.
    pub fn keep(&self, key: K, value: V, until: DateTime<Utc>) {
        self.0.insert(key, (until, value));
    }
}

#[cfg(test)]
mod tests {
    use super::Kept;
    use chrono::{DateTime, TimeDelta};

    #[test]
    fn a_value_is_kept_until_its_time_is_over() {
        let (kept, until) = (Kept::<String, u32>::default(), DateTime::UNIX_EPOCH);
        kept.keep("a".to_owned(), 1, until);
        assert_eq!(kept.get("a", until - TimeDelta::microseconds(1)), Some(1));
        assert_eq!((kept.get("a", until), kept.get("b", until - TimeDelta::days(1))), (None, None));
        for n in 0..100_000 {
            kept.keep(n.to_string(), n, until);
        }
        assert!(kept.0.len() <= super::MOST, "it does not grow for ever");
    }
}
