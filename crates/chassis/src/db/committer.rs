//! Group commit: waiting calls with the same [`Key`] are processed in one transaction. The next
//! batch collects calls while the current one is at the database. So there is no timer, and a call
//! that finds no batch under way starts at once.
//!
//! A service supplies `process_batch`. It processes the calls of a batch in their order, each with
//! its own outcome, or fails as a whole and processes none. The committer orders only the calls of
//! this process; against other replicas the row locks of the transaction do.

pub use crate::db::batch_key::Key;
use crate::{
    db::retry::retry,
    telemetry::metrics,
    wire::{deadline::deadline, error::AppError, store_error::StoreError},
};
use futures::future::BoxFuture;
use payterms_kernel::{Kind, Reason, Refusal};
use sea_orm::ConnAcquireErr;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::Instant,
};
use tracing::{Instrument, Span};

/// The outcomes of a batch in its order, or an error if none of its items was processed.
pub type Outcomes<O> = Result<Vec<Result<O, AppError>>, AppError>;

type ProcessBatch<I, O> = Box<dyn Fn(Arc<[I]>) -> BoxFuture<'static, Outcomes<O>> + Send + Sync>;

/// The size of a batch, and how much may wait.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Items of one batch. A single caller that brings more gets a batch of its own.
    pub batch: usize,
    /// Waiting items of one key, so that one caller cannot fill the queue of all.
    pub of_one: usize,
    /// Waiting items of all keys; more calls are refused, so that memory and waiting time stay
    /// bounded.
    pub in_all: usize,
    /// Batches under way at once, each of another key. The key that waits longest is next.
    pub at_once: usize,
}

/// The items of one caller, which waits for their outcomes.
struct Waiting<I, O> {
    items: Vec<I>,
    caller: oneshot::Sender<Vec<Result<O, AppError>>>,
    until: Option<Instant>,
    span: Span,
}

impl<I, O> Waiting<I, O> {
    /// Whether the caller still waits. Otherwise its items are skipped: nobody would learn the
    /// outcome.
    fn is_wanted(&self) -> bool {
        !self.caller.is_closed() && self.until.is_none_or(|until| Instant::now() < until)
    }
}

struct Queues<I, O> {
    /// A queue for each key that has a driver.
    keys: HashMap<Key, Queue<I, O>>,
    /// Waiting items of all keys.
    waiting: usize,
}

/// The waiting calls of one key, in their order.
struct Queue<I, O> {
    callers: VecDeque<Waiting<I, O>>,
    items: usize,
}

struct Inner<I, O> {
    /// The service, as metrics name it.
    part: &'static str,
    process_batch: ProcessBatch<I, O>,
    bounds: Bounds,
    slots: Semaphore,
    queues: Mutex<Queues<I, O>>,
}

/// Processes waiting calls together, in batches.
pub struct Committer<I, O>(Arc<Inner<I, O>>);

impl<I, O> Clone for Committer<I, O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<I, O> std::fmt::Debug for Committer<I, O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Committer({:?})", self.0.bounds)
    }
}

/// The refusal of a call that finds the queue full.
fn full() -> AppError {
    Refusal::new(
        Kind::Exhausted,
        Reason::OVERLOADED,
        "Too many calls wait already. Retry after the time in RetryInfo.",
    )
    .into()
}

impl<I, O> Committer<I, O>
where
    I: Clone + Send + Sync + 'static,
    O: Send + 'static,
{
    /// A committer of the service `part` whose batches `process_batch` processes.
    pub fn new<F: Future<Output = Outcomes<O>> + Send + 'static>(
        part: &'static str,
        bounds: Bounds,
        process_batch: impl Fn(Arc<[I]>) -> F + Send + Sync + 'static,
    ) -> Self {
        let process_batch: ProcessBatch<I, O> =
            Box::new(move |items| Box::pin(process_batch(items)));
        let queues = Mutex::new(Queues { keys: HashMap::new(), waiting: 0 });
        let inner = Arc::new(Inner {
            part,
            process_batch,
            bounds,
            slots: Semaphore::new(bounds.at_once),
            queues,
        });
        let watched = Arc::downgrade(&inner);
        metrics::observe(
            "payterms.batch.waiting",
            "{call}",
            "Calls that wait for their batch.",
            move || {
                let Some(committer) = watched.upgrade() else { return Vec::new() };
                let waiting =
                    committer.queues.lock().unwrap_or_else(PoisonError::into_inner).waiting;
                vec![(vec![metrics::part(part)], metrics::count(waiting))]
            },
        );
        Self(inner)
    }

    /// Processes one call in the next batch of its key. If its caller goes away or its deadline
    /// passes before the batch begins, the call is skipped; afterwards it is processed all the
    /// same.
    ///
    /// # Errors
    /// The call's error, or `OVERLOADED` if too many calls wait.
    pub async fn submit(&self, key: Key, item: I) -> Result<O, AppError> {
        let mut outcomes = self.submit_many(key, vec![item]).await?;
        outcomes
            .pop()
            .unwrap_or_else(|| Err(AppError::Fault("a batch ended without an outcome".to_owned())))
    }

    /// Processes several items of one caller, in their order and in one transaction. Returns the
    /// outcome of each.
    ///
    /// # Errors
    /// `OVERLOADED` if too many calls wait; then none of the items was processed.
    pub async fn submit_many(
        &self,
        key: Key,
        items: Vec<I>,
    ) -> Result<Vec<Result<O, AppError>>, AppError> {
        let (caller, answer) = oneshot::channel();
        if self
            .enqueue(&key, Waiting { items, caller, until: deadline(), span: Span::current() })?
        {
            let committer = self.clone();
            tokio::spawn(async move { committer.drive(key).await });
        }
        answer.await.map_err(|_| AppError::Store(StoreError::NoConnection(ConnAcquireErr::Timeout)))
    }

    fn queues(&self) -> MutexGuard<'_, Queues<I, O>> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a caller to the queue of its key. Returns whether the key needs a driver.
    fn enqueue(&self, key: &Key, waiting: Waiting<I, O>) -> Result<bool, AppError> {
        let more = waiting.items.len();
        let mut queues = self.queues();
        if queues.waiting.saturating_add(more) > self.0.bounds.in_all {
            return Err(full());
        }
        let needs_driver = !queues.keys.contains_key(key);
        if let Some(queue) = queues.keys.get_mut(key) {
            // A caller that brings more than the queue holds could never enter a queue in use, so
            // it is admitted to an empty one.
            if queue.items > 0 && queue.items.saturating_add(more) > self.0.bounds.of_one {
                return Err(full());
            }
            queue.callers.push_back(waiting);
            queue.items = queue.items.saturating_add(more);
        } else {
            queues
                .keys
                .insert(key.clone(), Queue { callers: VecDeque::from([waiting]), items: more });
        }
        queues.waiting = queues.waiting.saturating_add(more);
        Ok(needs_driver)
    }

    /// Removes the callers of the next batch from the queue. `None` ends the key's driver; its
    /// queue is removed under the same lock, so a caller that comes later starts another driver.
    fn next_batch(&self, key: &Key) -> Option<Vec<Waiting<I, O>>> {
        let mut queues = self.queues();
        let queue = queues.keys.get_mut(key)?;
        let mut batch = Vec::new();
        let mut items = 0_usize;
        while let Some(next) = queue.callers.front() {
            let with_next = items.saturating_add(next.items.len());
            if with_next > self.0.bounds.batch && !batch.is_empty() {
                break;
            }
            items = with_next;
            batch.extend(queue.callers.pop_front());
        }
        queue.items = queue.items.saturating_sub(items);
        if batch.is_empty() {
            queues.keys.remove(key);
            return None;
        }
        queues.waiting = queues.waiting.saturating_sub(items);
        Some(batch)
    }

    /// Processes the calls of a key, batch after batch, until none waits.
    async fn drive(&self, key: Key) {
        loop {
            let slot = self.0.slots.acquire().await;
            let Some(batch) = self.next_batch(&key) else { return };
            let mut items = Vec::new();
            let mut callers = Vec::new();
            let mut span = None;
            for waiting in batch.into_iter().filter(Waiting::is_wanted) {
                span.get_or_insert(waiting.span);
                callers.push((waiting.caller, waiting.items.len()));
                items.extend(waiting.items);
            }
            if !items.is_empty() {
                let (item_count, started) = (items.len(), Instant::now());
                let outcomes = self.settle(items).instrument(span.unwrap_or_else(Span::none)).await;
                metrics::batch(self.0.part, item_count, started.elapsed());
                let mut outcomes = outcomes.into_iter();
                for (caller, item_count) in callers {
                    // Sending fails if the caller is gone. It retries with the same request id and
                    // gets the stored answer.
                    let _ = caller.send(outcomes.by_ref().take(item_count).collect());
                }
            }
            drop(slot);
        }
    }

    /// Processes a batch and returns the outcome of each item. A batch that fails as a whole is
    /// halved until the failing item is by itself, so that one bad item does not fail its
    /// neighbours.
    async fn settle(&self, items: Vec<I>) -> Vec<Result<O, AppError>> {
        let mut batches = vec![items];
        let mut outcomes = Vec::new();
        while let Some(mut items) = batches.pop() {
            let batch: Arc<[I]> = items.clone().into();
            match retry(|| (self.0.process_batch)(batch.clone())).await {
                Ok(done) => outcomes.extend(done),
                // A refusal of the whole batch is about the tenant, such as a suspension, so it
                // holds for each item.
                Err(AppError::Refused(refusal)) => {
                    outcomes.extend(items.iter().map(|_| Err(AppError::Refused(refusal.clone()))));
                }
                Err(error) if items.len() <= 1 => outcomes.push(Err(error)),
                // The error is not about a statement: the database is unreachable, and halving
                // would only repeat that.
                Err(AppError::Store(error)) if !error.is_of_statement() => {
                    let text = error.to_string();
                    outcomes.extend(
                        items
                            .iter()
                            .map(|_| Err(AppError::Store(StoreError::Unavailable(text.clone())))),
                    );
                }
                Err(error) => {
                    tracing::debug!(%error, calls = items.len(), "a batch is halved");
                    let half = items.len().div_euclid(2);
                    let later = items.split_off(half);
                    // The first half is popped first, so that calls keep their order.
                    batches.push(later);
                    batches.push(items);
                }
            }
        }
        outcomes
    }
}

#[cfg(test)]
#[path = "committer_tests.rs"]
mod tests;
