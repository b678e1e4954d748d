//! Points at which a test lets the process die, as a power cut would.
//!
//! A debug build looks at `PAYTERMS_KILL_AT` (one point's name); a release build has no points.

use std::sync::OnceLock;

static ARMED: OnceLock<Option<String>> = OnceLock::new();

/// Arms one point for this process. Only the first call counts.
pub fn arm(point: Option<String>) {
    let _ = ARMED.set(point);
}

/// Ends the process with SIGKILL if this point is armed.
pub fn point(name: &str) {
    if cfg!(debug_assertions) && ARMED.get().and_then(Option::as_deref) == Some(name) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}
