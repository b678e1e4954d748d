//! Background tasks, which run for as long as the process lives. Each sends heartbeats ([`Beat`]).
//! A task without heartbeats, or one that panicked, is restarted. If restarts do not help, the
//! process ends, so that its supervisor starts another one.

use crate::db::health::Health;
use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// How long a task may go without a heartbeat. A single statement or call of a peer ends well
/// before.
const SILENCE: Duration = Duration::from_mins(1);
/// Restarts of a task before the process ends.
const RESTARTS: u32 = 3;
/// A task that ran for this long counts as sound again: its next restart is the first.
const SOUND_AFTER: Duration = Duration::from_mins(10);
/// Heartbeats of a task that only waits, for each period of allowed silence. More than one, so that
/// a late one does no harm.
const WAITING_BEATS: u32 = 6;

/// The heartbeat of a task.
#[derive(Debug, Clone)]
pub(crate) struct Beat {
    last: Arc<Mutex<Instant>>,
    silence: Duration,
}

impl Beat {
    fn new(silence: Duration) -> Self {
        Self { last: Arc::new(Mutex::new(Instant::now())), silence }
    }

    /// Records that the task makes progress.
    pub(crate) fn beat(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something that may take long, and sends heartbeats meanwhile.
    pub(crate) async fn while_waiting<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            self.beat();
            if let Ok(done) =
                tokio::time::timeout(self.silence / WAITING_BEATS, work.as_mut()).await
            {
                self.beat();
                return done;
            }
        }
    }
}

/// The background tasks of a process.
#[derive(Debug, Clone)]
pub(crate) struct Background {
    /// How long a task may go without a heartbeat.
    silence: Duration,
    health: Health,
    /// Stops the process gracefully.
    stop: CancellationToken,
    /// The reason why the process ends by itself.
    failure: Arc<OnceLock<String>>,
}

impl Background {
    pub(crate) fn new(health: Health, stop: CancellationToken) -> Self {
        Self { silence: SILENCE, health, stop, failure: Arc::default() }
    }

    /// The reason why the process ends, if a task could not be kept running.
    pub(crate) fn failure(&self) -> Arc<OnceLock<String>> {
        self.failure.clone()
    }

    /// Runs a task, and restarts it when it ends, until the process stops.
    pub(crate) fn keep<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        make: impl Fn(Beat) -> F + Send + 'static,
    ) -> JoinHandle<()> {
        let background = self.clone();
        tokio::spawn(async move { background.supervise(name, make).await })
    }

    async fn supervise<F: Future<Output = ()> + Send + 'static>(
        self,
        name: &'static str,
        make: impl Fn(Beat) -> F + Send,
    ) {
        let mut restarts = 0;
        loop {
            let (beat, since) = (Beat::new(self.silence), Instant::now());
            let what = watch(tokio::spawn(make(beat.clone())), &beat).await;
            if self.stop.is_cancelled() {
                return;
            }
            restarts = if since.elapsed() > SOUND_AFTER { 1 } else { restarts + 1 };
            tracing::error!(task = name, what, restarts, "a background task is started again");
            self.health.note(name, Some(format!("it {what} and was started again")));
            if restarts > RESTARTS {
                let why = format!("the background task {name} {what} {restarts} times");
                tracing::error!(%why, "the process ends");
                let _ = self.failure.set(why);
                self.stop.cancel();
                return;
            }
        }
    }
}

/// Waits until a task ends, or aborts it after too long a silence. Returns what happened, for the
/// log.
async fn watch(mut task: JoinHandle<()>, beat: &Beat) -> &'static str {
    loop {
        match tokio::time::timeout_at(beat.last() + beat.silence, &mut task).await {
            Ok(Ok(())) => return "ended",
            Ok(Err(_)) => return "panicked",
            Err(_) if beat.last().elapsed() >= beat.silence => {
                task.abort();
                return "was silent";
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Background, Beat};
    use crate::db::health::Health;
    use std::{
        sync::{
            Arc,
            atomic::{AtomicU32, Ordering},
        },
        time::Duration,
    };
    use tokio_util::sync::CancellationToken;

    async fn supervised<F: Future<Output = ()> + Send + 'static>(
        make: impl Fn(Beat, u32) -> F + Send + 'static,
    ) -> (u32, Option<String>, Health) {
        let (health, stop, started) =
            (Health::default(), CancellationToken::new(), Arc::new(AtomicU32::new(0)));
        let background = Background {
            silence: Duration::from_millis(20),
            ..Background::new(health.clone(), stop.clone())
        };
        let count = started.clone();
        let task =
            background.keep("relay", move |beat| make(beat, count.fetch_add(1, Ordering::Relaxed)));
        stop.cancelled().await;
        task.await.unwrap();
        (started.load(Ordering::Relaxed), background.failure().get().cloned(), health)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_that_panics_or_is_silent_is_started_again_and_then_the_process_ends() {
        for silent in [true, false] {
            let (started, failure, health) = supervised(move |_, _| async move {
                if silent {
                    std::future::pending::<()>().await;
                }
                panic!("it does not work");
            })
            .await;
            assert_eq!(started, 4);
            assert!(failure.unwrap().contains("relay"));
            assert!(
                health.reported().ready && health.reported().notes.contains_key("relay"),
                "told, not unready"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_task_that_waits_for_a_peer_is_alive() {
        let stop = CancellationToken::new();
        let background = Background {
            silence: Duration::from_secs(2),
            ..Background::new(Health::default(), stop.clone())
        };
        let (started, ends) = (Arc::new(AtomicU32::new(0)), stop.clone());
        let count = started.clone();
        let task = background.keep("relay", move |beat| {
            let ends = ends.clone();
            count.fetch_add(1, Ordering::Relaxed);
            async move {
                beat.while_waiting(tokio::time::sleep(Duration::from_secs(3))).await;
                ends.cancel();
            }
        });
        task.await.unwrap();
        assert_eq!((started.load(Ordering::Relaxed), background.failure().get()), (1, None));
    }
}
