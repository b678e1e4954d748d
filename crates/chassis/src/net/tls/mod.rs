//! TLS: what a part of the suite shows to the others and what it expects of them, and what the
//! gateway's door shows to the world. The files are read again while the process runs. Why it is
//! so: docs/adr/0037-parts-know-each-other-by-certificates.md.

pub mod certificate;
pub mod files;
pub mod port;
pub mod sides;

pub use files::Followed;
pub use port::{Peer, Port};
pub use sides::{Door, Part, authorities, check_pair};

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Whether a handshake failed by what one side showed, and not because the line broke.
pub(crate) fn is_of_tls(error: &io::Error) -> bool {
    error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()).is_some()
}

/// How often the same fault is logged. A peer that tries again every second would otherwise fill
/// the log with one sentence.
const SAME_FAULT_EVERY: Duration = Duration::from_hours(1);
/// The most faults that are remembered. Who makes new ones again and again finds a log that is not
/// bounded by this, and no memory.
const REMEMBERED: usize = 64;

/// The faults that were logged, and when.
#[derive(Debug, Default)]
pub struct LoggedFaults(Mutex<BTreeMap<String, Instant>>);

impl LoggedFaults {
    /// Notes a fault, and says whether it is to be logged now.
    pub fn is_due(&self, fault: &str) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.get(fault).is_some_and(|at| at.elapsed() < SAME_FAULT_EVERY) {
            return false;
        }
        if logged.len() >= REMEMBERED {
            logged.clear();
        }
        logged.insert(fault.to_owned(), Instant::now());
        true
    }

    /// Forgets them, so that a fault is logged when it comes back.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{LoggedFaults, REMEMBERED};

    #[test]
    fn a_fault_is_logged_once_and_again_after_it_was_over() {
        let faults = LoggedFaults::default();
        assert_eq!(
            ["a", "b", "a", "b"].map(|fault| faults.is_due(fault)),
            [true, true, false, false]
        );
        faults.clear();
        assert!(faults.is_due("a"));
        for fault in 0..REMEMBERED * 2 {
            faults.is_due(&fault.to_string());
        }
        assert!(faults.0.lock().unwrap().len() <= REMEMBERED);
    }
}
