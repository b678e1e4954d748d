//! Files of keys. A file is read again when it changed, so that a key that was taken away or replaced ends soon, without a
//! new start of the process.

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

/// How often a file is looked at, by the call that comes next. It is read whole: times of files are too coarse to tell
/// whether it changed, and it is small.
const LOOK: Duration = Duration::from_secs(3);
/// How long keys outlive their file. A file that is replaced may be missing, or half written, for a moment; together with
/// [`LOOK`] this is less than a minute.
const GRACE: Duration = Duration::from_secs(30);

/// What a file holds, as it is now.
pub struct KeyFile<T> {
    path: PathBuf,
    parse: fn(&str) -> Result<T, String>,
    state: RwLock<State<T>>,
}

struct State<T> {
    /// The text that the keys were made of.
    text: String,
    keys: Arc<T>,
    /// When the file was last read without a fault.
    good_at: Instant,
    looked_at: Instant,
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
        Ok(Self { path, parse, state: RwLock::new(State { text, keys, good_at: now, looked_at: now }) })
    }

    /// The keys that the file holds; none once it is gone, or unreadable, for longer than a replacement takes. After a
    /// change this is another [`Arc`]: what was made with the former one counts no longer.
    pub fn keys(&self) -> Option<Arc<T>> {
        self.keys_at(Instant::now())
    }

    /// The keys that the file held when it could last be read.
    pub fn last_keys(&self) -> Arc<T> {
        let _ = self.keys();
        self.state.read().unwrap_or_else(PoisonError::into_inner).keys.clone()
    }

    fn keys_at(&self, now: Instant) -> Option<Arc<T>> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(state.looked_at) < LOOK {
            return state.keys_at(now);
        }
        drop(state);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // One of those who waited for the lock has looked.
        if now.saturating_duration_since(state.looked_at) >= LOOK {
            state.looked_at = now;
            state.take(&self.path, fs::read_to_string(&self.path), self.parse, now);
        }
        state.keys_at(now)
    }
}

impl<T> State<T> {
    fn keys_at(&self, now: Instant) -> Option<Arc<T>> {
        (now.saturating_duration_since(self.good_at) < GRACE).then(|| self.keys.clone())
    }

    fn take(&mut self, path: &std::path::Path, read: io::Result<String>, parse: fn(&str) -> Result<T, String>, now: Instant) {
        let text = match read {
            Ok(text) if text == self.text => {
                self.good_at = now;
                return;
            }
            Ok(text) => text,
            Err(error) => return tracing::error!(path = %path.display(), %error, "a file of keys cannot be read"),
        };
        match parse(&text) {
            Ok(keys) => {
                tracing::info!(path = %path.display(), "keys have changed");
                (self.text, self.keys, self.good_at) = (text, Arc::new(keys), now);
            }
            Err(error) => tracing::error!(path = %path.display(), %error, "a file of keys holds no keys"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GRACE, KeyFile, LOOK};
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
        let first = later(LOOK).unwrap();
        assert!(Arc::ptr_eq(&first, &later(LOOK).unwrap()), "nothing has changed");
        fs::write(&path, "2").unwrap();
        assert_eq!(later(LOOK).as_deref(), Some(&2));
        // A replacement is not there at once.
        fs::write(&path, "").unwrap();
        assert_eq!(later(LOOK).as_deref(), Some(&2));
        fs::remove_file(&path).unwrap();
        assert_eq!(later(LOOK).as_deref(), Some(&2));
        assert_eq!(later(GRACE), None);
        assert_eq!(*file.last_keys(), 2);
        fs::write(&path, "2").unwrap();
        assert_eq!(later(LOOK).as_deref(), Some(&2), "it is there again");
        assert!(GRACE + LOOK < std::time::Duration::from_mins(1));
    }
}
