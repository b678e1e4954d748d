//! Secrets that a part derives from its signing key, for what it hands out and reads again: page
//! tokens, cursors of events. Readers keep those for longer than a key lasts, and replicas that
//! were started before and after a switch must read each other's. So a key that takes the place of
//! another one carries these secrets in its file, and only they come from the one before.

use super::key_pairs::fault;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::{fmt::Write, fs, path::Path};

/// Bytes of such a secret.
const LENGTH: usize = 32;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DerivedSecret {
    /// Page tokens of a service's lists.
    PageTokens,
    /// Cursors of events, at the gateway.
    EventCursors,
}

impl DerivedSecret {
    const ALL: [Self; 2] = [Self::PageTokens, Self::EventCursors];

    /// The secret of the part `name`, whose key is in the folder `keys`.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(self, keys: &Path, name: &str) -> Result<[u8; LENGTH], String> {
        let file = keys.join(format!("{name}.key"));
        let text = fs::read_to_string(&file).map_err(|error| fault(&file, &error))?;
        self.of(&text).ok_or_else(|| {
            fault(
                &file,
                &format!("the line {:?} is malformed; it has 43 characters of base64", self.head()),
            )
        })
    }

    /// What stands before it in the file of a key.
    fn head(self) -> &'static str {
        match self {
            Self::PageTokens => "Secret of page tokens: ",
            Self::EventCursors => "Secret of event cursors: ",
        }
    }

    /// The secret that the file carries, or that derives from the whole file of a key that took no
    /// other one's place.
    fn of(self, file: &str) -> Option<[u8; LENGTH]> {
        match carried(file, self.head()) {
            Some(text) => URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok(),
            None => self.derived(file.as_bytes()),
        }
    }

    fn derived(self, file: &[u8]) -> Option<[u8; LENGTH]> {
        match self {
            Self::PageTokens => {
                Some(Sha256::new().chain_update(b"page").chain_update(file).finalize().into())
            }
            Self::EventCursors => {
                let mac = Hmac::<Sha256>::new_from_slice(file).ok()?;
                Some(mac.chain_update(b"payterms event cursors").finalize().into_bytes().into())
            }
        }
    }
}

fn carried<'a>(file: &'a str, head: &str) -> Option<&'a str> {
    file.lines()
        .take_while(|line| !line.starts_with("-----"))
        .find_map(|line| line.strip_prefix(head))
        .map(str::trim)
}

/// The file of a key that takes the place of another one, with the secrets that derive from that.
pub(super) fn with_secrets_of(before: &str, next: &str) -> Option<String> {
    let mut text = String::new();
    for what in DerivedSecret::ALL {
        if carried(next, what.head()).is_none() {
            let _ = writeln!(text, "{}{}", what.head(), URL_SAFE_NO_PAD.encode(what.of(before)?));
        }
    }
    Some(text + next)
}
