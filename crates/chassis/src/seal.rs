//! Seals what only parts of the suite may read, such as what opens bank accounts, attachments of applicants, secrets of webhooks:
//! ChaCha20-Poly1305 with a key from a file, bound to what it is of.

use rand::Rng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

/// Why something does not open.
const WRONG: &str = "it was not sealed with this key, or is of something else";

/// A key.
#[derive(Clone)]
pub struct Seal(Arc<LessSafeKey>);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// The key in a file of 32 bytes.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        Self::of(&bytes).map_err(|error| format!("{}: {error}", file.display()))
    }

    pub(crate) fn of(bytes: &[u8]) -> Result<Self, String> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| "a key has 32 bytes".to_owned())?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Seals a text of a link.
    ///
    /// # Errors
    /// A sentence if the text is too long.
    pub fn seal(&self, of: Uuid, text: &str) -> Result<Vec<u8>, String> {
        self.seal_bytes(of.as_bytes(), text.as_bytes())
    }

    /// Seals bytes, bound to what they are of: nonce, ciphertext, tag.
    ///
    /// # Errors
    /// A sentence if they are too many.
    pub fn seal_bytes(&self, of: &[u8], plain: &[u8]) -> Result<Vec<u8>, String> {
        // 96 random bits never meet again over the links and attachments of an installation.
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let mut sealed = [nonce.as_slice(), plain].concat();
        let text = sealed.split_at_mut_checked(NONCE_LEN).map(|(_, text)| text).unwrap_or_default();
        let tag = self.0.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(of), text);
        sealed.extend_from_slice(tag.map_err(|_| "bytes could not be sealed".to_owned())?.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for the same link.
    ///
    /// # Errors
    /// A sentence if it was not.
    pub fn open(&self, of: Uuid, sealed: &[u8]) -> Result<String, String> {
        let plain = self.open_bytes(of.as_bytes(), sealed.to_vec())?;
        String::from_utf8(plain).map_err(|_| WRONG.to_owned())
    }

    /// Opens bytes that were sealed for the same thing.
    ///
    /// # Errors
    /// A sentence if they were not.
    pub fn open_bytes(&self, of: &[u8], mut sealed: Vec<u8>) -> Result<Vec<u8>, String> {
        let wrong = || WRONG.to_owned();
        let nonce = sealed.get(..NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        // The plain bytes move to the front, over the nonce.
        let plain = self.0.open_within(nonce, Aad::from(of), &mut sealed, NONCE_LEN..).map_err(|_| wrong())?.len();
        sealed.truncate(plain);
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::Seal;
    use uuid::Uuid;

    #[test]
    fn what_is_sealed_opens_with_its_key_and_for_its_link_alone() {
        let (seal, other) = (Seal::of(&[1; 32]).unwrap(), Seal::of(&[2; 32]).unwrap());
        let sealed = seal.seal(Uuid::max(), "access-token").unwrap();
        assert_eq!(seal.open(Uuid::max(), &sealed).unwrap(), "access-token");
        assert_ne!(seal.seal(Uuid::max(), "access-token").unwrap(), sealed);
        assert!(!String::from_utf8_lossy(&sealed).contains("access"));
        assert!(seal.open(Uuid::nil(), &sealed).is_err() && other.open(Uuid::max(), &sealed).is_err());
        assert!(seal.open(Uuid::max(), &sealed[..5]).is_err() && Seal::of(&[1; 31]).is_err());
        let part = seal.seal_bytes(b"a file, part 1 of 2", &[7; 1_000]).unwrap();
        assert_eq!(seal.open_bytes(b"a file, part 1 of 2", part.clone()).unwrap(), [7; 1_000]);
        assert!(seal.open_bytes(b"a file, part 2 of 2", part).is_err(), "parts cannot change places");
    }
}
