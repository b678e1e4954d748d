//! Cursors: the places in the logs of all services, encrypted, and valid for one parent and one set
//! of types alone.
//!
//! Each cursor has a key of its own, made of the gateway's secret and a random salt: so many are
//! made that random nonces under one key would meet some day.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use payterms_chassis::key_derived::DerivedSecret;
use payterms_proto::common::peers::v1::EventCursor;
use prost::Message;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
    rand::{SecureRandom, SystemRandom},
};
use std::path::Path;

const SALT: usize = 16;
/// The most characters of a cursor.
pub(super) const LONGEST: usize = 2_000;

/// The secret of the cursors. All replicas of a gateway have the same signing key, and so the same
/// secret.
#[derive(Clone)]
pub struct CursorKey(hmac::Key);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey")
    }
}

impl CursorKey {
    /// The secret that derives from the gateway's signing key in the folder `keys`, and stays where
    /// that is replaced step by step.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(keys: &Path) -> Result<Self, String> {
        Ok(Self::of(&DerivedSecret::EventCursors.read(keys, "gateway")?))
    }

    fn of(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    fn key(&self, salt: &[u8]) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, hmac::sign(&self.0, salt).as_ref())
            .ok()
            .map(LessSafeKey::new)
    }

    /// The cursor of these places in the stream `bound`; `None` where the machine has no
    /// randomness.
    pub(super) fn seal(&self, bound: &str, places: &EventCursor) -> Option<String> {
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).ok()?;
        let mut sealed = places.encode_to_vec();
        self.key(&salt)?.seal_in_place_append_tag(nonce(), Aad::from(bound), &mut sealed).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&salt[..], &sealed].concat()))
    }

    /// The places of a cursor; `None` if it was not made for the stream `bound`.
    pub(super) fn open(&self, bound: &str, cursor: &str) -> Option<EventCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (salt, sealed) = bytes.split_at_checked(SALT)?;
        let mut sealed = sealed.to_vec();
        let opened = self.key(salt)?.open_in_place(nonce(), Aad::from(bound), &mut sealed).ok()?;
        EventCursor::decode(&*opened).ok()
    }
}

/// Each key seals one cursor, so the nonce may be the same.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests {
    use super::{CursorKey, LONGEST};
    use payterms_proto::common::peers::v1::{EventCursor, EventPlace};

    #[test]
    fn a_cursor_is_good_for_its_own_stream_and_says_nothing() {
        let key = CursorKey::of(b"secret");
        let place = EventPlace {
            epoch: vec![1; 16].into(),
            position: i64::MAX,
            read_count: i32::MAX,
            event_id: vec![2; 16].into(),
        };
        let places = ["wallet", "invoicing", "credit", "plans"]
            .map(|service| (service.to_owned(), place.clone()));
        let cursor = EventCursor { places: places.into_iter().collect() };
        let sealed = key.seal("tenants/acme", &cursor).unwrap();
        assert_eq!(key.open("tenants/acme", &sealed), Some(cursor.clone()));
        assert_ne!(
            key.seal("tenants/acme", &cursor).unwrap(),
            sealed,
            "who knows a place does not know its cursor"
        );
        assert!(sealed.len() < LONGEST, "{}", sealed.len());
        assert_eq!(key.open("tenants/other", &sealed), None);
        assert_eq!(CursorKey::of(b"other").open("tenants/acme", &sealed), None);
        let mut other = sealed.clone().into_bytes();
        for at in 0..other.len() {
            other[at] = if other[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                key.open("tenants/acme", std::str::from_utf8(&other).unwrap()),
                None,
                "{at}"
            );
            other[at] = sealed.as_bytes()[at];
        }
        for short in ["", "A", "AAAA", &sealed[..20]] {
            assert_eq!(key.open("tenants/acme", short), None);
        }
    }
}
