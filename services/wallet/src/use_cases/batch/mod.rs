//! The batched path: debits, fees, uses and the verbs of holds, many calls in one transaction.
//!
//! **Phases.** A call waits in a queue of `chassis::committer` while the batch before it is at the
//! database; then all that wait in the queue are taken together. `chassis::batch_verb::run_batch`,
//! the same for all services, begins a transaction. `load` locks the wallets of the batch and reads
//! what its items name. After the locks the request ids are looked up: an item that was answered
//! before gets the same answer (`replay`) and is not decided again. `decide` lets the domain decide
//! the other items one after the other, each on what the items before it left. `save` writes
//! everything. After the commit the wallets go into the process's cache (`store::lot_cache`), and
//! each caller gets its own answer or its own refusal. A single call is a batch of one.
//!
//! **Statements.** There is a statement for each table, not for each item: one locks the wallets,
//! one reads the lots of those that the cache has not, one looks the request ids up, one reads the
//! rules of recharge, and each table that gets rows gets them in one (lists on PostgreSQL, inserts
//! of many rows on SQLite, cut where they are very long). A batch of debits whose wallets are
//! cached makes three reads and at most seven writes. Three things cost statements of their own: a
//! customer with metered uses (two reads), a wallet that is to be recharged, and a lot that a hold
//! has kept beyond its time (a due row each).
//!
//! **Bounds.** A batch takes at most `BATCH` items, unless one caller alone brings more. No timer
//! makes a call wait. A queue holds 8 000 items and all queues together 16 000; a call that finds
//! no room is refused with `OVERLOADED`, and nothing of it is done. Four batches are at the
//! database at once, each of another queue; the queue that has waited longest is next.
//!
//! **Ordering.** A queue belongs to one tenant, one subject, one run of a test clock and one half
//! of the tenant's wallets, and has at most one batch at the database. So within a process the
//! calls of one subject on one wallet are done in the order in which they came, and items that a
//! caller sends together are done in their order on each wallet. Calls on different wallets, of
//! different subjects or in different processes have no order but that of the row locks.
//!
//! **Fallback.** A refused item leaves its wallet as it was, and the rest of the batch is saved. A
//! batch that lost a race is run again, five times at most. A batch that fails as a whole is split
//! in half, again and again, until the call that causes the failure is alone. If the database
//! itself is away nothing is split, and every call gets the error. Before all this comes
//! `fast_path`: on PostgreSQL a debit or an unlisted fee that is alone in its batch is decided on
//! the cached wallet and posted by one procedure call. Whatever the procedure does not post, the
//! batch decides again under the lock.
//!
//! **Two replicas.** Nothing here needs to be the only process: queues gather calls, and the rows'
//! locks keep the books.
//! - Two batches on one wallet follow one another, because each locks the wallet's row first. Both
//!   lock several wallets in the order of their ids, so neither waits for the other in a circle.
//! - A request that reaches both replicas is done once. Request ids are looked up after the locks,
//!   so the second batch finds the answer of the first. If both write the same id on different
//!   wallets, the table's unique index breaks the later batch; it is run again, and finds the id.
//!   (Two verbs that keep their requests in different tables are the one exception; decision 18
//!   says why it does no harm.)
//! - The cache never decides what is stale. Cached lots count only if the locked row equals the
//!   cached row in every column. Whatever changes lots changes the row's version (`store::changes`
//!   saves nothing else), and a row that a restored backup or a failover took back differs in its
//!   time. So what another replica changed is read again. The fast path makes the same comparison
//!   inside its procedure, under the lock.
//! - Each process announces its batches under an aggregate of its own, so no two wait for each
//!   other's event.
//!
//! Random batches come to what the same calls come to one by one (`tests/flows/mixes.rs`);
//! `tests/flows/single_call.rs` compares the rows of the fast path with those of the batch, and
//! lets two replicas debit one wallet. Decisions 18 and 19 (`docs/adr`) say why it is built so.

pub mod decide;
pub mod fast_path;
pub mod load;
mod replay;
mod save;

use crate::{
    app::App,
    commands::batch::{BatchCommitter, BatchItem},
    store::lot_cache::LotCache,
};
use load::LoadedBatch;
use payterms_chassis::{
    Answer, AppError, Call, Db, WriteTx,
    batch::StoredRequest,
    batch_verb::{self, BatchOutcome, BatchVerb},
    committer::{Bounds, Committer, Key},
    tx::Time,
};
use prost::Message;
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

/// Items of one transaction, which bounds how long its locks are held.
const BATCH: usize = 1_000;

/// A committer over the wallet's database. On PostgreSQL batches of different tenants run at once;
/// the single writer of SQLite executes one after the other.
#[must_use]
pub fn committer(db: &Db) -> BatchCommitter {
    let (db, cache) = (db.clone(), Arc::new(LotCache::default()));
    Committer::new(
        "wallet",
        Bounds { batch: BATCH, of_one: 8_000, in_all: 16_000, at_once: 4 },
        move |items: Arc<[BatchItem]>| {
            let (db, cache) = (db.clone(), cache.clone());
            async move { run_batch(&db, &cache, &items).await }
        },
    )
}

/// Processes one item in the next batch of its queue.
///
/// # Errors
/// The verb's refusals, `RESOURCE_NOT_FOUND`, `OVERLOADED`.
pub async fn submit<M: Message + Default>(
    app: &App,
    item: BatchItem,
) -> Result<Answer<M>, AppError> {
    app.batches.submit(item.key(), item).await?.decoded()
}

/// Processes the items of one caller, in their order on each wallet. Returns the outcome of each.
///
/// # Errors
/// `OVERLOADED`. Then at least one shard was not processed, and the caller retries with the same
/// request ids.
pub async fn submit_many(app: &App, items: Vec<BatchItem>) -> Result<Vec<BatchOutcome>, AppError> {
    let mut shards: HashMap<Key, Vec<(usize, BatchItem)>> = HashMap::new();
    let count = items.len();
    for (index, item) in items.into_iter().enumerate() {
        shards.entry(item.key()).or_default().push((index, item));
    }
    let submitted = shards.into_iter().map(|(key, shard)| async move {
        let (indexes, items): (Vec<_>, Vec<_>) = shard.into_iter().unzip();
        Ok::<_, AppError>(indexes.into_iter().zip(app.batches.submit_many(key, items).await?))
    });
    let mut outcomes: Vec<Option<BatchOutcome>> =
        std::iter::repeat_with(|| None).take(count).collect();
    for (index, outcome) in futures::future::try_join_all(submitted).await?.into_iter().flatten() {
        if let Some(slot) = outcomes.get_mut(index) {
            *slot = Some(outcome);
        }
    }
    let missing = || Err(AppError::Fault("a batch ended without an outcome".to_owned()));
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect())
}

/// Processes the items of one tenant, in their order, in one transaction. If it fails, none of them
/// is processed.
///
/// # Errors
/// `Store`; then none of the items is processed.
pub async fn run_batch(
    db: &Db,
    cache: &LotCache,
    items: &[BatchItem],
) -> Result<Vec<BatchOutcome>, AppError> {
    if let [only] = items {
        match fast_path::try_single_call(db, cache, only).await {
            Ok(Some(answer)) => return Ok(vec![Ok(answer)]),
            Ok(None) => {}
            // The debit may have been posted although the answer was lost. If so, the batch finds
            // its request id and replays it.
            Err(error) => {
                tracing::debug!(%error, "the fast path failed; the debit runs as a batch");
            }
        }
    }
    batch_verb::run_batch::<LoadedBatch>(db, cache, items).await
}

impl BatchVerb for LoadedBatch {
    type Item = BatchItem;
    type Context = LotCache;

    fn call(item: &BatchItem) -> &Call {
        &item.call
    }

    async fn load(tx: &WriteTx, cache: &LotCache, items: &[BatchItem]) -> Result<Self, AppError> {
        Self::load(tx, cache, items).await
    }

    async fn render_answers(
        tx: &WriteTx,
        items: &[BatchItem],
        answered: &mut HashMap<Uuid, StoredRequest>,
    ) -> Result<(), AppError> {
        replay::render_answers(tx, items, answered).await
    }

    fn decide(&mut self, tx: &mut WriteTx, item: &BatchItem) -> Result<Vec<u8>, AppError> {
        self.decide(tx, item)
    }

    async fn save(&mut self, tx: &mut WriteTx) -> Result<(), AppError> {
        self.save(tx).await
    }

    fn versions(&self, item: &BatchItem) -> Vec<String> {
        let wallet = item.command.wallet().wallet;
        self.versions
            .get(&wallet.uuid())
            .map(|version| format!("wallet/{wallet}@{version}"))
            .into_iter()
            .collect()
    }

    fn committed(self, cache: &LotCache, first: &BatchItem, time: Time) {
        for locked in self.wallets {
            let single_call = self.without_rules.contains(&locked.wallet.id) && !time.tested;
            cache.insert(&first.call.tenant, locked.wallet, single_call.then_some(time.zone));
        }
    }
}
