//! How a process ends: gracefully at the first signal, at once where it hangs or a second signal
//! comes.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a process may take to end after a signal: the drain, and a few seconds to close
/// connections.
const HARD_END: Duration = Duration::from_secs(25);

/// A token that SIGTERM or SIGINT cancels. If something hangs then, the process still ends after
/// [`HARD_END`]; a second signal ends it at once.
///
/// # Errors
/// A sentence if the signal handlers cannot be installed.
pub fn stop_on_signal() -> Result<CancellationToken, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut term = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut int = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let cancelled = stop.clone();
    tokio::spawn(async move {
        let mut signalled = async || {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        };
        signalled().await;
        cancelled.cancel();
        // A thread and not a task: if the runtime's threads are blocked, a task would not run
        // either.
        std::thread::spawn(|| {
            std::thread::sleep(HARD_END);
            end_now("something did not end in time");
        });
        signalled().await;
        end_now("a second signal came");
    });
    Ok(stop)
}

/// Ends the process at once. The database rolls back what was not committed.
fn end_now(reason: &str) -> ! {
    eprintln!("{reason}; the process ends at once");
    std::process::exit(1)
}
