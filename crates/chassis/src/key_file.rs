//! Key files. A file is read again when it has changed, so that a revoked or replaced key stops
//! working soon, without a restart of the process.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// The first line of keys that the suite makes for itself. Who reads a key skips what stands before
/// it.
pub const MADE_FOR_DEVELOPMENT: &str = "Made by payterms for development. Production refuses it.\n";

/// A key with that line before it.
pub(crate) fn marked(pem: &str) -> String {
    [MADE_FOR_DEVELOPMENT, pem].concat()
}

/// What a file holds that a setting names in place of a value, without the end of its line.
///
/// # Errors
/// A sentence that names the file and nothing of what is in it.
pub fn value_in(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let value = text.trim();
    if value.is_empty() {
        Err(format!("{}: the file is empty", file.display()))
    } else {
        Ok(value.to_owned())
    }
}

/// A secret of bytes that a file holds.
///
/// # Errors
/// A sentence that names the file and nothing of what is in it.
pub fn secret_in(file: &Path) -> Result<Vec<u8>, String> {
    let secret = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    if secret.is_empty() {
        Err(format!("{}: the file is empty", file.display()))
    } else {
        Ok(secret)
    }
}

/// The interval after which the next call reads the file again. The whole file is read, because
/// modification times are too coarse to show a change reliably, and the file is small.
const REREAD_AFTER: Duration = Duration::from_secs(3);
/// How long keys stay valid when their file is missing or malformed, as it may be for a moment
/// while it is replaced. Together with [`REREAD_AFTER`] this is less than a minute.
const GRACE: Duration = Duration::from_secs(30);

/// The keys in a file, kept up to date.
pub struct KeyFile<T> {
    path: PathBuf,
    parse: fn(&str) -> Result<T, String>,
    state: RwLock<State<T>>,
}

struct State<T> {
    /// The text from which the keys were parsed.
    text: String,
    keys: Arc<T>,
    /// When the file was last read successfully.
    good_at: Instant,
    read_at: Instant,
    /// Why the last reading brought no keys.
    fault: Option<String>,
}

impl<T> std::fmt::Debug for KeyFile<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyFile({})", self.path.display())
    }
}

impl<T> KeyFile<T> {
    /// Reads a file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn read(path: PathBuf, parse: fn(&str) -> Result<T, String>) -> Result<Self, String> {
        let fault = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| fault(&error))?;
        let keys = Arc::new(parse(&text).map_err(|error| fault(&error))?);
        let now = Instant::now();
        Ok(Self {
            path,
            parse,
            state: RwLock::new(State { text, keys, good_at: now, read_at: now, fault: None }),
        })
    }

    /// The current keys; `None` once the file has been missing or malformed for longer than
    /// [`GRACE`]. A changed file gives another [`Arc`], which is how callers notice that their
    /// cached results are no longer valid.
    pub fn keys(&self) -> Option<Arc<T>> {
        self.keys_at(Instant::now())
    }

    /// The keys of the last successful read.
    pub fn last_keys(&self) -> Arc<T> {
        let _ = self.keys();
        self.state.read().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    /// Why the last reading brought no keys; none where it did.
    pub fn fault(&self) -> Option<String> {
        let _ = self.keys();
        self.state.read().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    fn keys_at(&self, now: Instant) -> Option<Arc<T>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.read_at) < REREAD_AFTER {
            return state.keys_at(now);
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread that waited for the lock may have read the file.
        if now.saturating_duration_since(state.read_at) >= REREAD_AFTER {
            state.read_at = now;
            state.update(&self.path, fs::read_to_string(&self.path), self.parse, now);
        }
        state.keys_at(now)
    }
}

impl<T> State<T> {
    fn keys_at(&self, now: Instant) -> Option<Arc<T>> {
        (now.saturating_duration_since(self.good_at) < GRACE).then(|| self.keys.clone())
    }

    fn update(
        &mut self,
        path: &std::path::Path,
        read: io::Result<String>,
        parse: fn(&str) -> Result<T, String>,
        now: Instant,
    ) {
        let text = match read {
            Ok(text) if text == self.text => {
                (self.good_at, self.fault) = (now, None);
                return;
            }
            Ok(text) => text,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a file of keys cannot be read");
                self.fault = Some(format!("{}: {error}", path.display()));
                return;
            }
        };
        match parse(&text) {
            Ok(keys) => {
                tracing::info!(path = %path.display(), "keys have changed");
                (self.text, self.keys, self.good_at, self.fault) =
                    (text, Arc::new(keys), now, None);
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "a file of keys holds no keys");
                self.fault = Some(format!("{}: {error}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GRACE, KeyFile, REREAD_AFTER};
    use std::{fs, sync::Arc, time::Instant};

    fn number(text: &str) -> Result<u32, String> {
        text.parse().map_err(|_| "no number".to_owned())
    }

    #[test]
    fn a_file_is_read_again_and_what_is_gone_ends_within_a_minute() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.pub");
        assert!(KeyFile::read(path.clone(), number).unwrap_err().contains("a.pub"));
        fs::write(&path, "1").unwrap();
        let file = KeyFile::read(path.clone(), number).unwrap();
        let mut now = Instant::now();
        let mut later = |by| {
            now += by;
            file.keys_at(now)
        };
        let first = later(REREAD_AFTER).unwrap();
        assert!(Arc::ptr_eq(&first, &later(REREAD_AFTER).unwrap()), "nothing has changed");
        fs::write(&path, "2").unwrap();
        assert_eq!(later(REREAD_AFTER).as_deref(), Some(&2));
        // A replacement is not there at once.
        fs::write(&path, "").unwrap();
        assert_eq!(later(REREAD_AFTER).as_deref(), Some(&2));
        fs::remove_file(&path).unwrap();
        assert_eq!(later(REREAD_AFTER).as_deref(), Some(&2));
        assert_eq!(later(GRACE), None);
        assert_eq!(*file.last_keys(), 2);
        fs::write(&path, "2").unwrap();
        assert_eq!(later(REREAD_AFTER).as_deref(), Some(&2), "it is there again");
        assert!(GRACE + REREAD_AFTER < std::time::Duration::from_mins(1));
    }
}
