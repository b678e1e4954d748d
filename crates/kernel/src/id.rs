//! Ids: a tenant is a slug, everything else a `UUIDv7` whose type names the kind of thing.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};
use uuid::Uuid;

/// The id of a `T`. Two kinds of id never mix.
pub struct Id<T> {
    uuid: Uuid,
    kind: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// Wraps a UUID. The caller vouches that it names a `T`.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self { uuid, kind: PhantomData }
    }

    /// The bare UUID.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.uuid
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid, f)
    }
}

/// A tenant's id: a slug of 3 to 40 lower-case letters, digits and inner dashes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(String);

impl TenantId {
    /// The slug.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a tenant slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a tenant id is 3 to 40 lower-case letters, digits or inner dashes, and starts with a letter"
)]
pub struct NotASlug;

impl FromStr for TenantId {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, NotASlug> {
        let allowed =
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let starts = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
        if (3..=40).contains(&text.len()) && allowed && starts && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASlug)
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes the ids of one cause (a request, an event, a due row), in order.
///
/// An id is shaped like a `UUIDv7`: the milliseconds of `now` and 74 bits of
/// SHA-256(seed, cause, ordinal). With the seed of a test clock the same story gives the same
/// ids; elsewhere the seed is fresh randomness for each cause.
#[derive(Debug, Clone)]
pub struct IdSource {
    now: DateTime<Utc>,
    seed: Vec<u8>,
    cause: String,
    ordinal: u64,
}

impl IdSource {
    /// A source of the ids that `cause` needs at `now`.
    #[must_use]
    pub fn new(now: DateTime<Utc>, seed: &[u8], cause: &str) -> Self {
        Self { now, seed: seed.to_vec(), cause: cause.to_owned(), ordinal: 0 }
    }

    /// A source for another cause at the same instant, from the same seed.
    #[must_use]
    pub fn of_cause(&self, cause: &str) -> Self {
        Self { cause: cause.to_owned(), ordinal: 0, ..self.clone() }
    }

    /// The next id.
    pub fn make<T>(&mut self) -> Id<T> {
        let mut hash = Sha256::new();
        hash.update(&self.seed);
        hash.update(self.cause.as_bytes());
        hash.update(self.ordinal.to_be_bytes());
        self.ordinal = self.ordinal.wrapping_add(1);
        let digest: [u8; 32] = hash.finalize().into();
        let mut random = [0_u8; 10];
        random.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        let millis = u64::try_from(self.now.timestamp_millis()).unwrap_or_default();
        Id::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// The request id of one step of a flow: the same intent and step always give the same id.
#[must_use]
pub fn step_id(intent: Uuid, step: &str) -> Uuid {
    Uuid::new_v5(&intent, step.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{IdSource, TenantId, step_id};
    use chrono::DateTime;
    use uuid::Uuid;

    #[test]
    fn slugs() {
        for good in ["acme", "a1-b", "abc"] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "Acme", "1acme", "acme-", "a b c", "acmé", "a/b", &"a".repeat(41)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_same_story_gives_the_same_ids() {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap_or_default();
        let ids = |seed: &[u8]| {
            let mut source = IdSource::new(now, seed, "cause");
            [source.make::<()>(), source.make::<()>()]
        };
        assert_eq!(ids(b"seed"), ids(b"seed"));
        assert_ne!(ids(b"seed"), ids(b"other"));
        assert_ne!(ids(b"seed")[0], ids(b"seed")[1]);
        let uuid = ids(b"seed")[0].uuid();
        assert_eq!((uuid.get_version_num(), uuid.get_variant()), (7, uuid::Variant::RFC4122));
    }

    #[test]
    fn a_step_id_is_a_function_of_intent_and_step() {
        let intent = Uuid::from_u128(7);
        assert_eq!(step_id(intent, "charge"), step_id(intent, "charge"));
        assert_ne!(step_id(intent, "charge"), step_id(intent, "record"));
    }
}
