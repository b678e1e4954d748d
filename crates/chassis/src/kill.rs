//! Points at which a test kills the process, as a power failure would.
//!
//! A debug build reads the name of one point from `PAYTERMS_KILL_AT`; in a release build the points
//! do nothing.

use std::sync::OnceLock;

static ARMED: OnceLock<Option<String>> = OnceLock::new();

/// Arms one point for this process. Only the first call counts.
pub fn arm(point: Option<String>) {
    let _ = ARMED.set(point);
}

/// Ends the process with SIGKILL if this point is armed.
pub fn point(name: &str) {
    if armed().is_some_and(|point| point == name) {
        die();
    }
}

/// As [`point`], for a point that several kinds of work pass; it is armed as `<name> <work>`.
pub fn point_of(name: &str, work: &str) {
    if armed().and_then(|point| point.split_once(' ')) == Some((name, work)) {
        die();
    }
}

fn armed() -> Option<&'static str> {
    ARMED.get().and_then(Option::as_deref).filter(|_| cfg!(debug_assertions))
}

fn die() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}
