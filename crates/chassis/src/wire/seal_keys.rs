//! Files of the keys that values are sealed with (`crate::seal`), replaced step by step as those
//! that sign are (`key_pairs`): the next key is made and opens everywhere, then it seals, and in
//! the end the one before is taken away.

use super::key_pairs::{KeyIds, Readers, fault, replace_with, sync};
use crate::seal::{KEY, KeyId, Seal};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The names of such files: of what opens bank accounts and of attachments, and of secrets of
/// tenants.
pub const NAMES: [&str; 2] = ["seal", "webhooks"];

/// The file `<name>.key` of a folder. While its key is being replaced, `<name>.next.key` has the
/// one that is to come.
#[derive(Debug, Clone)]
pub struct SealKeys {
    file: PathBuf,
    next: PathBuf,
}

impl SealKeys {
    /// The file of this name, which may not exist yet; none if it is no name of such a file.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Option<Self> {
        let known = NAMES.contains(&name);
        known.then(|| Self {
            file: folder.join(format!("{name}.key")),
            next: folder.join(format!("{name}.next.key")),
        })
    }

    /// Makes the file with one key; refused where there is one.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn make(&self) -> Result<KeyIds, String> {
        if self.file.exists() {
            return Err(fault(&self.file, &"it is there; replace its key with rotate"));
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|error| fault(folder, &error))?;
        replace_with(&self.file, &rand::random::<[u8; KEY]>(), Readers::OwnerAlone)?;
        self.ids()
    }

    /// Makes the next key, which opens from now on and seals nothing yet.
    ///
    /// # Errors
    /// A sentence that names the file, or says that the key is being replaced already.
    pub fn rotate(&self) -> Result<KeyIds, String> {
        let keys = self.keys()?;
        if self.next.exists() {
            let next = self.next_key()?;
            if keys.contains(&next) {
                return Err(fault(
                    &self.next,
                    &"the key is being replaced already; go on with switch",
                ));
            }
            // The command ended between its two files.
            return self.write(keys.into_iter().chain([next]));
        }
        if keys.len() > 1 {
            return Err(fault(
                &self.file,
                &"the key before still opens; when nothing is sealed with it any more, end it with retire first",
            ));
        }
        let next: [u8; KEY] = rand::random();
        replace_with(&self.next, &next, Readers::OwnerAlone)?;
        self.write(keys.into_iter().chain([next]))
    }

    /// Lets the next key seal. The one before still opens.
    ///
    /// # Errors
    /// A sentence that names the file, or says that there is no next key.
    pub fn switch(&self) -> Result<KeyIds, String> {
        if !self.next.exists() {
            return Err(fault(&self.next, &"there is no next key; make it with rotate"));
        }
        let (next, keys) = (self.next_key()?, self.keys()?);
        if !keys.contains(&next) {
            return Err(fault(&self.file, &"the next key does not open yet; go on with rotate"));
        }
        let others: Vec<_> = keys.into_iter().filter(|key| *key != next).collect();
        self.write(std::iter::once(next).chain(others))?;
        fs::remove_file(&self.next).map_err(|error| fault(&self.next, &error))?;
        sync(self.file.parent().unwrap_or(Path::new(".")))?;
        self.ids()
    }

    /// Takes away all keys but the one that seals. What is still sealed with them opens no more.
    ///
    /// # Errors
    /// A sentence that names the file, or says that the next key does not seal yet.
    pub fn retire(&self) -> Result<KeyIds, String> {
        if self.next.exists() {
            return Err(fault(&self.next, &"it does not seal yet; go on with switch"));
        }
        self.write(self.keys()?.into_iter().take(1))
    }

    /// Which keys there are.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn ids(&self) -> Result<KeyIds, String> {
        let count: Vec<_> = self.keys()?.iter().map(|key| KeyId::of(key).to_string()).collect();
        let next =
            if self.next.exists() { Some(KeyId::of(&self.next_key()?).to_string()) } else { None };
        Ok(KeyIds { signs: count.first().cloned().unwrap_or_default(), next, count })
    }

    fn keys(&self) -> Result<Vec<[u8; KEY]>, String> {
        Seal::read(&self.file)?;
        let bytes = fs::read(&self.file).map_err(|error| fault(&self.file, &error))?;
        Ok(bytes.as_chunks().0.to_vec())
    }

    fn next_key(&self) -> Result<[u8; KEY], String> {
        let bytes = fs::read(&self.next).map_err(|error| fault(&self.next, &error))?;
        bytes.try_into().map_err(|_| fault(&self.next, &"a key has 32 bytes"))
    }

    fn write(&self, keys: impl Iterator<Item = [u8; KEY]>) -> Result<KeyIds, String> {
        replace_with(&self.file, &keys.collect::<Vec<_>>().concat(), Readers::OwnerAlone)?;
        self.ids()
    }
}

#[cfg(test)]
mod tests {
    use super::SealKeys;
    use crate::seal::{Seal, SealedWith};
    use std::{fs, os::unix::fs::PermissionsExt};
    use uuid::Uuid;

    #[test]
    fn a_key_is_replaced_step_by_step_and_every_step_opens_what_was_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let (keys, file) =
            (SealKeys::new(folder.path(), "seal").unwrap(), folder.path().join("seal.key"));
        assert!(
            SealKeys::new(folder.path(), "gateway").is_none()
                && keys.ids().is_err()
                && keys.rotate().is_err()
        );
        let made = keys.make().unwrap();
        assert!(keys.make().is_err() && keys.switch().is_err());
        let old = Seal::read(&file).unwrap().seal(Uuid::nil(), "token").unwrap();

        let rotated = keys.rotate().unwrap();
        assert_eq!((&rotated.signs, rotated.count.len()), (&made.signs, 2));
        assert_eq!(rotated.next.as_ref(), rotated.count.last());
        assert!(
            keys.rotate().unwrap_err().contains("switch")
                && keys.retire().unwrap_err().contains("switch")
        );
        // As if the command had ended before its second file.
        let both = fs::read(&file).unwrap();
        fs::write(&file, &both[..32]).unwrap();
        assert!(keys.switch().unwrap_err().contains("rotate"));
        assert_eq!(keys.rotate().unwrap(), rotated);

        let switched = keys.switch().unwrap();
        assert_eq!((Some(switched.signs.clone()), switched.next.as_ref()), (rotated.next, None));
        let seal = Seal::read(&file).unwrap();
        assert_eq!(seal.open(Uuid::nil(), &old).unwrap(), "token");
        assert!(matches!(seal.sealed_with(&old), SealedWith::Other(_)));
        assert!(keys.rotate().unwrap_err().contains("retire"));

        assert_eq!(keys.retire().unwrap().count, [switched.signs]);
        assert!(Seal::read(&file).unwrap().open(Uuid::nil(), &old).is_err());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }
}
