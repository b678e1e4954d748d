//! Seals what opens bank accounts: ChaCha20-Poly1305 with a key from a file, bound to the link that it is of.

use rand::Rng;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{path::Path, sync::Arc};
use uuid::Uuid;

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

    fn of(bytes: &[u8]) -> Result<Self, String> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).map_err(|_| "a key has 32 bytes".to_owned())?;
        Ok(Self(Arc::new(LessSafeKey::new(key))))
    }

    /// Seals a text: nonce, ciphertext, tag.
    ///
    /// # Errors
    /// A sentence if the text is too long.
    pub fn seal(&self, of: Uuid, text: &str) -> Result<Vec<u8>, String> {
        // 96 random bits never meet again over the few links of an installation.
        let nonce: [u8; NONCE_LEN] = rand::rng().random();
        let mut sealed = text.as_bytes().to_vec();
        let bound = Aad::from(of.as_bytes());
        let done = self.0.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), bound, &mut sealed);
        done.map_err(|_| "a token could not be sealed".to_owned())?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for the same link.
    ///
    /// # Errors
    /// A sentence if it was not.
    pub fn open(&self, of: Uuid, sealed: &[u8]) -> Result<String, String> {
        let wrong = || "a token was not sealed with this key".to_owned();
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(wrong)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
        let mut text = text.to_vec();
        let plain = self.0.open_in_place(nonce, Aad::from(of.as_bytes()), &mut text).map_err(|_| wrong())?;
        String::from_utf8(plain.to_vec()).map_err(|_| wrong())
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
    }
}
