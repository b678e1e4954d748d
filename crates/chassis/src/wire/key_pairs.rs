//! Files of Ed25519 key pairs: `<name>.key`, which signs, and `<name>.pub` with the public keys
//! that count, of which there are two while a key is being replaced. A line before a key says its
//! id; a key without one has the name of its file for an id.

use super::key_derived;
use crate::key_file;
use ed25519_dalek::{
    SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey,
        spki::der::pem::LineEnding,
    },
};
use sha2::{Digest, Sha256};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
    time::Duration,
};

/// What stands before a key that has an id.
const ID: &str = "Key id: ";
const END: &str = "-----END PUBLIC KEY-----";

/// The id of a key, from the line before it.
pub(crate) fn id_in(pem: &str) -> Option<&str> {
    pem.lines()
        .take_while(|line| !line.starts_with("-----"))
        .find_map(|line| line.strip_prefix(ID))
        .map(str::trim)
}

/// The key pair `name` of a folder.
#[derive(Debug, Clone)]
pub struct KeyPair<'a> {
    folder: &'a Path,
    name: &'a str,
}

/// Which keys there are of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyIds {
    /// The key that signs.
    pub signs: String,
    /// The key that will sign after the switch.
    pub next: Option<String>,
    /// All that count, those that sign among them.
    pub count: Vec<String>,
}

pub(super) fn fault(path: &Path, error: &dyn std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}

impl<'a> KeyPair<'a> {
    /// The pair of this name, which may not exist yet.
    ///
    /// # Errors
    /// A sentence if the name is none.
    pub fn new(folder: &'a Path, name: &'a str) -> Result<Self, String> {
        let is_inside = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        };
        if name.is_empty() || name.len() > 60 || !name.bytes().all(is_inside) {
            return Err(format!(
                "{name:?} is no name of a key: use up to 60 lower-case letters, digits, - and _"
            ));
        }
        Ok(Self { folder, name })
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }

    /// Makes the pair; refused where there is one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn make(&self) -> Result<KeyIds, String> {
        fs::create_dir_all(self.folder).map_err(|error| fault(self.folder, &error))?;
        let (key, public) = (self.path("key"), self.path("pub"));
        if key.exists() || public.exists() {
            return Err(fault(&key, &"there is a pair of this name; replace its key with rotate"));
        }
        let block = self.write_key(&key)?;
        replace(&public, &block)?;
        self.ids()
    }

    /// Makes the next key and lets it count beside the present one, which still signs.
    ///
    /// # Errors
    /// A sentence that names the file, or says that the key is being replaced already.
    pub fn rotate(&self) -> Result<KeyIds, String> {
        let next = self.path("next.key");
        if next.exists() {
            return Err(fault(&next, &"the key is being replaced already; go on with switch"));
        }
        let ids = self.ids()?;
        if ids.count.len() > 1 {
            return Err(fault(
                &self.path("pub"),
                &"an earlier key still counts; end it with retire first",
            ));
        }
        let public = self.path("pub");
        let present = fs::read_to_string(&public).map_err(|error| fault(&public, &error))?;
        let block = self.write_key(&next)?;
        replace(&public, &format!("{}\n{block}", present.trim_end()))?;
        self.ids()
    }

    /// Lets the next key sign. The earlier one is gone; what it signed still counts.
    ///
    /// # Errors
    /// A sentence that names the file, or says that there is no next key.
    pub fn switch(&self) -> Result<KeyIds, String> {
        let (key, next) = (self.path("key"), self.path("next.key"));
        if !next.exists() {
            return Err(fault(&next, &"there is no next key; make it with rotate"));
        }
        let ids = self.ids()?;
        if ids.next.as_ref().is_none_or(|next| !ids.count.contains(next)) {
            return Err(fault(&self.path("pub"), &"the next key does not count yet"));
        }
        // What the key before gave out stays readable, also to replicas that still have it.
        let before = fs::read_to_string(&key).map_err(|error| fault(&key, &error))?;
        let text = fs::read_to_string(&next).map_err(|error| fault(&next, &error))?;
        let text = key_derived::with_secrets_of(&before, &text)
            .ok_or_else(|| fault(&key, &"a line before the key is malformed"))?;
        replace_with(&next, text.as_bytes(), Readers::OwnerAlone)?;
        // The time of the file says when it began to sign.
        let file =
            fs::File::options().append(true).open(&next).map_err(|error| fault(&next, &error))?;
        file.set_modified(now()).map_err(|error| fault(&next, &error))?;
        fs::rename(&next, &key).map_err(|error| fault(&key, &error))?;
        sync(self.folder)?;
        self.ids()
    }

    /// Lets only the key that signs count, once what an earlier one signed is over: after
    /// `longest`.
    ///
    /// # Errors
    /// A sentence that names the file, or says that it is too early.
    pub fn retire(&self, longest: Duration) -> Result<KeyIds, String> {
        let key = self.path("key");
        if self.path("next.key").exists() {
            return Err(fault(&self.path("next.key"), &"it does not sign yet; go on with switch"));
        }
        let since = fs::metadata(&key)
            .and_then(|meta| meta.modified())
            .map_err(|error| fault(&key, &error))?;
        let age = now().duration_since(since).unwrap_or_default();
        if age < longest {
            let left = longest.saturating_sub(age).as_secs();
            let why = format!(
                "it signs since {} seconds; tokens of the key before it may count for {left} more",
                age.as_secs()
            );
            return Err(fault(&key, &why));
        }
        let signs = self.ids()?.signs;
        let block = self.blocks()?.into_iter().find(|(id, _)| *id == signs).map(|(_, block)| block);
        replace(
            &self.path("pub"),
            &block.ok_or_else(|| fault(&self.path("pub"), &"the key that signs is not in it"))?,
        )?;
        self.ids()
    }

    /// Which keys there are.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn ids(&self) -> Result<KeyIds, String> {
        let id_of = |path: &Path| {
            let pem = fs::read_to_string(path).map_err(|error| fault(path, &error))?;
            SigningKey::from_pkcs8_pem(&pem).map_err(|error| fault(path, &error))?;
            Ok::<_, String>(id_in(&pem).unwrap_or(self.name).to_owned())
        };
        let next = self.path("next.key");
        Ok(KeyIds {
            signs: id_of(&self.path("key"))?,
            next: next.exists().then(|| id_of(&next)).transpose()?,
            count: self.blocks()?.into_iter().map(|(id, _)| id).collect(),
        })
    }

    /// The public keys that count, with their ids.
    fn blocks(&self) -> Result<Vec<(String, String)>, String> {
        let public = self.path("pub");
        let text = fs::read_to_string(&public).map_err(|error| fault(&public, &error))?;
        let blocks = text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty());
        Ok(blocks
            .map(|block| (id_in(block).unwrap_or(self.name).to_owned(), format!("{block}\n")))
            .collect())
    }

    /// Writes a new private key, readable by its owner alone, and returns its public one.
    fn write_key(&self, path: &Path) -> Result<String, String> {
        let key = SigningKey::from_bytes(&rand::random());
        let verifying = key.verifying_key();
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(verifying.as_bytes()));
        let head = format!("{ID}{}-{:08x}\n", self.name, u32::from_be_bytes([a, b, c, d]));
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| fault(path, &error))?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| fault(path, &error))?;
        let written = file
            .write_all(head.as_bytes())
            .and_then(|()| file.write_all(pem.as_bytes()))
            .and_then(|()| file.sync_all());
        written
            .and_then(|()| give_to_owner(&file, &self.path("key")))
            .map_err(|error| fault(path, &error))?;
        let public =
            verifying.to_public_key_pem(LineEnding::LF).map_err(|error| fault(path, &error))?;
        Ok(format!("{head}{public}"))
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of a file is that of the machine")]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

/// Gives a new key to whom the present one belongs: who replaces it, such as root, need not be who
/// signs with it.
fn give_to_owner(file: &fs::File, present: &Path) -> io::Result<()> {
    let (given, present) = (file.metadata()?, fs::metadata(present)?);
    if (given.uid(), given.gid()) == (present.uid(), present.gid()) {
        return Ok(());
    }
    fchown(file, Some(present.uid()), Some(present.gid()))
}

/// Replaces a file as a whole: who reads it meanwhile gets what was there before, or this.
///
/// # Errors
/// A sentence that names the file.
pub fn replace(path: &Path, text: &str) -> Result<(), String> {
    replace_with(path, text.as_bytes(), Readers::All)
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// Everybody.
    All,
    /// Its owner, who stays the same where the file is replaced.
    OwnerAlone,
}

/// The same with bytes.
pub(super) fn replace_with(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), String> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let fresh = folder.join(format!(".{name}.{:016x}", rand::random::<u64>()));
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(if readers == Readers::All { 0o644 } else { 0o600 })
            .open(&fresh)?;
        file.write_all(bytes)?;
        if readers == Readers::OwnerAlone && path.exists() {
            give_to_owner(&file, path)?;
        }
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&fresh);
        fault(path, &error)
    })?;
    sync(folder)
}

pub(super) fn sync(folder: &Path) -> Result<(), String> {
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| fault(folder, &error))
}

/// Creates a key pair for development, `<name>.key` (mode 0600) and `<name>.pub`, in `folder` if it
/// does not exist.
///
/// # Errors
/// A sentence that names the file.
pub fn ensure_key(folder: &Path, name: &str) -> Result<(), String> {
    let private = folder.join(format!("{name}.key"));
    let public = folder.join(format!("{name}.pub"));
    let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", private.display());
    fs::create_dir_all(folder).map_err(|error| fault(&error))?;
    let verifying = if private.exists() {
        let pem = fs::read_to_string(&private).map_err(|error| fault(&error))?;
        SigningKey::from_pkcs8_pem(&pem).map_err(|error| fault(&error))?.verifying_key()
    } else {
        let secret: [u8; 32] = rand::random();
        let key = SigningKey::from_bytes(&secret);
        let pem = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| fault(&error))?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&private)
            .map_err(|error| fault(&error))?;
        file.write_all(key_file::marked(&pem).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(|error| fault(&error))?;
        key.verifying_key()
    };
    // Where the key is being replaced, another one counts beside it.
    let stored = KeyPair { folder, name }.blocks().unwrap_or_default();
    if !stored.iter().any(|(_, block)| {
        VerifyingKey::from_public_key_pem(block).is_ok_and(|key| key == verifying)
    }) {
        let pem = verifying.to_public_key_pem(LineEnding::LF).map_err(|error| fault(&error))?;
        fs::write(&public, key_file::marked(&pem)).map_err(|error| fault(&error))?;
    }
    Ok(())
}

/// The public keys of `names` in `folder` as a JWKS document, for a gateway that accepts them.
///
/// # Errors
/// A sentence that names the file.
pub fn key_set(folder: &Path, names: &[&str]) -> Result<String, String> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut keys = Vec::new();
    for name in names {
        let pair = KeyPair::new(folder, name)?;
        for (id, block) in pair.blocks()? {
            let key = VerifyingKey::from_public_key_pem(&block)
                .map_err(|error| fault(&pair.path("pub"), &error))?;
            let x = URL_SAFE_NO_PAD.encode(key.as_bytes());
            keys.push(serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": id, "x": x }));
        }
    }
    Ok(serde_json::json!({ "keys": keys }).to_string())
}

#[cfg(test)]
#[path = "key_pairs_tests.rs"]
mod tests;
