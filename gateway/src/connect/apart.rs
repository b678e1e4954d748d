//! Long messages are translated on threads of their own, few at once: a message takes many times
//! its length of memory while it is translated, and would hold up the calls that share the thread.

use payterms_chassis::error::status;
use payterms_kernel::Reason;
use tokio::sync::Semaphore;
use tonic::{Code, Status};

/// Messages up to this size are translated at once.
pub(super) const SHORT: usize = 64 << 10;
/// Longer messages that are translated at the same time.
const AT_ONCE: usize = 4;
static PERMITS: Semaphore = Semaphore::const_new(AT_ONCE);

/// Runs the translation of a message of `length` bytes.
///
/// # Errors
/// Those of the translation, or `INTERNAL` if it panics.
pub(super) async fn translate<T: Send + 'static>(
    length: usize,
    translation: impl FnOnce() -> Result<T, Box<Status>> + Send + 'static,
) -> Result<T, Box<Status>> {
    if length <= SHORT {
        return translation();
    }
    // Held until the work ends, even if its caller has gone.
    let permit = PERMITS.acquire().await;
    // What it logs is of the call.
    let span = tracing::Span::current();
    let work = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        span.in_scope(translation)
    });
    work.await.map_err(|_| {
        Box::new(status(
            Code::Internal,
            Reason::INTERNAL,
            "A fault of the suite. Retry with the same request id.",
        ))
    })?
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, SHORT, translate};
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, AtomicUsize, Ordering},
        },
        time::Duration,
    };

    #[tokio::test]
    async fn few_long_messages_are_translated_at_once_and_short_ones_do_not_wait() {
        let (running, most, open) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let long: Vec<_> = (0..3 * AT_ONCE)
            .map(|_| {
                let (running, most, open) = (running.clone(), most.clone(), open.clone());
                tokio::spawn(translate(SHORT + 1, move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    while !open.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                }))
            })
            .collect();
        while running.load(Ordering::SeqCst) < AT_ONCE {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(translate(SHORT, || Ok(7)).await.unwrap(), 7);
        open.store(true, Ordering::SeqCst);
        for work in long {
            work.await.unwrap().unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
        assert_eq!(
            translate(SHORT + 1, || -> Result<(), _> { unreachable!("it panics") })
                .await
                .unwrap_err()
                .code(),
            tonic::Code::Internal
        );
    }
}
