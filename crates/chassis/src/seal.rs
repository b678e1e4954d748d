//! Seals what only parts of the suite may read, such as what opens bank accounts, attachments of
//! applicants, secrets of webhooks: ChaCha20-Poly1305 with a key from a file, bound to what it is
//! of (docs/adr/0052-keys-that-seal-are-replaced.md).
//!
//! A file may hold several keys, so that one can be replaced: the first seals, all open. A sealed
//! value says which key it was sealed with.

use rand::Rng;
use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest,
};
use std::{fmt, path::Path, sync::Arc};
use uuid::Uuid;

/// Bytes of a key.
pub const KEY: usize = 32;
/// What a sealed value begins with: the mark, and the id of its key.
pub const HEAD: usize = MARK.len() + 8;
const MARK: &[u8] = b"ptk1";
/// Keys in a file.
const MOST: usize = 16;
/// Why something does not open.
const WRONG: &str = "it was changed, or is of something else";

/// The name of a key, which says nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id of a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, &[b"payterms key that seals", key].concat());
        Self(hash.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key that a value was sealed with, as a process knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedWith {
    /// The one that seals now.
    First(KeyId),
    /// One that only opens.
    Other(KeyId),
    /// One that is not in the file.
    Missing(KeyId),
    /// It does not say: it was sealed before keys had ids.
    Unnamed,
}

impl SealedWith {
    /// What a value says that is opened without any file of keys, or with a file that lacks its
    /// key.
    fn in_none(sealed: &[u8]) -> Self {
        let id = sealed.strip_prefix(MARK).and_then(|rest| rest.first_chunk().copied());
        id.map_or(Self::Unnamed, |id| Self::Missing(KeyId(id)))
    }

    /// The same of a process that may have no keys at all.
    #[must_use]
    pub fn of(seal: Option<&Seal>, sealed: &[u8]) -> Self {
        seal.map_or_else(|| Self::in_none(sealed), |seal| seal.sealed_with(sealed))
    }
}

/// The keys of a file.
#[derive(Clone)]
pub struct Seal(Arc<Keys>);

struct Keys {
    /// What they are called in sentences.
    file: String,
    first: (KeyId, LessSafeKey),
    others: Vec<(KeyId, LessSafeKey)>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// The keys in a file: 32 bytes each.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Self::of(&name, &bytes).map_err(|error| format!("{}: {error}", file.display()))
    }

    /// The keys in a file that need not be there. One that cannot be looked for is not taken for
    /// missing.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read_if_there(file: &Path) -> Result<Option<Self>, String> {
        match file.try_exists() {
            Ok(false) if !file.is_symlink() => Ok(None),
            Ok(_) => Self::read(file).map(Some),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    pub(crate) fn of(file: &str, bytes: &[u8]) -> Result<Self, String> {
        let (chunks, rest) = bytes.as_chunks::<KEY>();
        let key = |bytes: &[u8; KEY]| {
            let key = UnboundKey::new(&CHACHA20_POLY1305, bytes)
                .map_err(|_| "a key has 32 bytes".to_owned())?;
            Ok::<_, String>((KeyId::of(bytes), LessSafeKey::new(key)))
        };
        let mut keys = chunks.iter().map(key);
        match keys.next() {
            Some(first) if rest.is_empty() && chunks.len() <= MOST => Ok(Self(Arc::new(Keys {
                file: file.to_owned(),
                first: first?,
                others: keys.collect::<Result<_, _>>()?,
            }))),
            _ => Err(format!(
                "a key has 32 bytes, and a file holds one, or up to {MOST} one after the other; this has {}",
                bytes.len()
            )),
        }
    }

    fn all(&self) -> impl Iterator<Item = &(KeyId, LessSafeKey)> {
        std::iter::once(&self.0.first).chain(&self.0.others)
    }

    /// Seals a text of a link.
    ///
    /// # Errors
    /// A sentence if the text is too long.
    pub fn seal(&self, of: Uuid, text: &str) -> Result<Vec<u8>, String> {
        self.seal_bytes(of.as_bytes(), text.as_bytes())
    }

    /// Seals bytes, bound to what they are of: mark, id of the key, nonce, ciphertext, tag.
    ///
    /// # Errors
    /// A sentence if they are too many.
    pub fn seal_bytes(&self, of: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        let (id, key) = &self.0.first;
        // 96 random bits never meet again over the links and attachments of an installation.
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let mut sealed = [MARK, id.0.as_slice(), nonce.as_slice(), plain].concat();
        let text =
            sealed.split_at_mut_checked(HEAD + NONCE_LEN).map(|(_, text)| text).unwrap_or_default();
        let tag = key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(of),
            text,
        );
        sealed.extend_from_slice(tag.map_err(|_| "bytes could not be sealed".to_owned())?.as_ref());
        Ok(sealed)
    }

    /// The key that a value was sealed with, from its first [`HEAD`] bytes.
    #[must_use]
    pub fn sealed_with(&self, sealed: &[u8]) -> SealedWith {
        match SealedWith::in_none(sealed) {
            SealedWith::Missing(id) if id == self.0.first.0 => SealedWith::First(id),
            SealedWith::Missing(id) if self.all().any(|(known, _)| *known == id) => {
                SealedWith::Other(id)
            }
            other => other,
        }
    }

    /// Opens what was sealed for the same link.
    ///
    /// # Errors
    /// A sentence if it was not, or if its key is missing.
    pub fn open(&self, of: Uuid, sealed: &[u8]) -> Result<String, String> {
        let plain = self.open_bytes(of.as_bytes(), sealed.to_vec())?;
        String::from_utf8(plain).map_err(|_| WRONG.to_owned())
    }

    /// Opens bytes that were sealed for the same thing.
    ///
    /// # Errors
    /// A sentence if they were not, or one that names the key that is missing.
    pub fn open_bytes(&self, of: &[u8], sealed: Vec<u8>) -> Result<Vec<u8>, String> {
        match self.sealed_with(&sealed) {
            SealedWith::First(id) | SealedWith::Other(id) => {
                let key = self.all().find(|(known, _)| *known == id);
                key.and_then(|(_, key)| opened(key, of, sealed, HEAD))
                    .ok_or_else(|| WRONG.to_owned())
            }
            SealedWith::Missing(id) => {
                Err(format!("it was sealed with the key {id}, which is not in {}", self.0.file))
            }
            SealedWith::Unnamed => {
                let mut keys = self.all();
                let plain = keys.find_map(|(_, key)| opened(key, of, sealed.clone(), 0));
                plain.ok_or_else(|| {
                    format!("it was sealed with no key of {}, or is of something else", self.0.file)
                })
            }
        }
    }

    /// The same value, sealed with the key that seals now.
    ///
    /// # Errors
    /// As [`Self::open_bytes`].
    pub fn reseal(&self, of: &[u8], sealed: &[u8]) -> Result<Vec<u8>, String> {
        match self.sealed_with(sealed) {
            SealedWith::First(_) => Ok(sealed.to_vec()),
            _ => self.seal_bytes(of, &self.open_bytes(of, sealed.to_vec())?),
        }
    }
}

/// What a key opens; `start` is where the nonce begins.
fn opened(key: &LessSafeKey, of: &[u8], mut sealed: Vec<u8>, start: usize) -> Option<Vec<u8>> {
    let text = start.checked_add(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(sealed.get(start..text)?).ok()?;
    // The plain bytes move to the front, over what stood there.
    let plain = key.open_within(nonce, Aad::from(of), &mut sealed, text..).ok()?.len();
    sealed.truncate(plain);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::{HEAD, KeyId, NONCE_LEN, Seal, SealedWith};
    use uuid::Uuid;

    fn keys(keys: &[u8]) -> Seal {
        let bytes: Vec<_> = keys.iter().flat_map(|key| [*key; 32]).collect();
        Seal::of("seal.key", &bytes).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_link_alone() {
        let (seal, other) = (keys(&[1]), keys(&[2]));
        let sealed = seal.seal(Uuid::max(), "access-token").unwrap();
        assert_eq!(seal.open(Uuid::max(), &sealed).unwrap(), "access-token");
        assert_ne!(seal.seal(Uuid::max(), "access-token").unwrap(), sealed);
        assert!(!String::from_utf8_lossy(&sealed).contains("access"));
        assert!(
            seal.open(Uuid::nil(), &sealed).is_err() && other.open(Uuid::max(), &sealed).is_err()
        );
        assert!(
            seal.open(Uuid::max(), &sealed[..5]).is_err()
                && seal.open(Uuid::max(), &sealed[..HEAD + 5]).is_err()
        );
        let part = seal.seal_bytes(b"a file, part 1 of 2", &[7; 1_000]).unwrap();
        assert_eq!(seal.open_bytes(b"a file, part 1 of 2", part.clone()).unwrap(), [7; 1_000]);
        assert!(
            seal.open_bytes(b"a file, part 2 of 2", part).is_err(),
            "parts cannot change places"
        );
    }

    #[test]
    fn a_file_holds_whole_keys() {
        for wrong in [&[][..], &[1; 31], &[1; 33], &[1; 32 * 17]] {
            assert!(Seal::of("seal.key", wrong).unwrap_err().contains("32 bytes"));
        }
        let folder = tempfile::tempdir().unwrap();
        assert!(Seal::read(&folder.path().join("seal.key")).unwrap_err().contains("seal.key"));
    }

    #[test]
    fn a_key_is_replaced_while_others_have_the_files_of_before_and_after() {
        let (before, known, switched, after) =
            (keys(&[1]), keys(&[1, 2]), keys(&[2, 1]), keys(&[2]));
        let old = before.seal(Uuid::max(), "token").unwrap();
        let (id, new_id) = (KeyId::of(&[1; 32]), KeyId::of(&[2; 32]));
        assert_eq!(
            known.seal(Uuid::max(), "x").unwrap()[..HEAD],
            old[..HEAD],
            "the first one seals"
        );
        assert_eq!(
            (known.sealed_with(&old), switched.sealed_with(&old)),
            (SealedWith::First(id), SealedWith::Other(id))
        );
        assert_eq!(
            (after.sealed_with(&old[..HEAD]), SealedWith::of(None, &old)),
            (SealedWith::Missing(id), SealedWith::Missing(id))
        );
        let missing = after.open(Uuid::max(), &old).unwrap_err();
        assert!(missing.contains(&id.to_string()) && missing.contains("seal.key"), "{missing}");
        let new = switched.reseal(Uuid::max().as_bytes(), &old).unwrap();
        assert_eq!(switched.sealed_with(&new), SealedWith::First(new_id));
        for keys in [&known, &switched, &after] {
            assert_eq!(keys.open(Uuid::max(), &new).unwrap(), "token");
        }
        assert_eq!(switched.reseal(Uuid::max().as_bytes(), &new).unwrap(), new, "it is done once");
        assert!(
            after.reseal(Uuid::max().as_bytes(), &old).is_err()
                && switched.reseal(b"another", &old).is_err()
        );
    }

    #[test]
    fn what_was_sealed_before_keys_had_ids_opens_with_any_key_of_the_file() {
        let sealed = keys(&[1]).seal(Uuid::max(), "token").unwrap()[HEAD..].to_vec();
        let seal = keys(&[2, 1]);
        assert_eq!(seal.sealed_with(&sealed), SealedWith::Unnamed);
        assert_eq!(seal.open(Uuid::max(), &sealed).unwrap(), "token");
        let named = seal.reseal(Uuid::max().as_bytes(), &sealed).unwrap();
        assert_eq!(seal.sealed_with(&named), SealedWith::First(KeyId::of(&[2; 32])));
        assert!(
            keys(&[3]).open(Uuid::max(), &sealed).is_err()
                && seal.open(Uuid::max(), &sealed[..NONCE_LEN]).is_err()
        );
    }
}
