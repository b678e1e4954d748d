//! Calls that are decided together, in one transaction, each as if it were alone. What is the same
//! for all services stands here: requests are looked up after the locks, one that was answered
//! before is answered with the same bytes, a refused one leaves nothing behind.

use super::{
    batch::{self, StoredRequest},
    database::Db,
    tx::{Time, WriteTx},
};
use crate::wire::{answer::Answer, call::Call, error::AppError};
use std::{collections::HashMap, future::Future};
use uuid::Uuid;

/// The outcome of one item.
pub type BatchOutcome = Result<Answer<Vec<u8>>, AppError>;

/// What a service has of its own: what its items lock, how each is decided, and what is saved in
/// the end.
pub trait BatchVerb: Sized + Send {
    /// A call with its command.
    type Item: Sync;
    /// What outlives the batch, such as a cache.
    type Context: Sync;

    /// The call that identifies an item.
    fn call(item: &Self::Item) -> &Call;

    /// Locks what the items change, and then reads what decides on them.
    fn load(
        tx: &WriteTx,
        context: &Self::Context,
        items: &[Self::Item],
    ) -> impl Future<Output = Result<Self, AppError>> + Send;

    /// Makes the answers of repeated requests that are not stored. Where all are stored there is
    /// nothing to do.
    fn render_answers(
        _tx: &WriteTx,
        _items: &[Self::Item],
        _answered: &mut HashMap<Uuid, StoredRequest>,
    ) -> impl Future<Output = Result<(), AppError>> + Send {
        async { Ok(()) }
    }

    /// Decides one item on what the items before it left, and returns its answer's bytes; a refused
    /// one changes nothing.
    fn decide(&mut self, tx: &mut WriteTx, item: &Self::Item) -> Result<Vec<u8>, AppError>;

    /// Saves all that was decided, and the answers that are not rendered from rows.
    fn save(&mut self, tx: &mut WriteTx) -> impl Future<Output = Result<(), AppError>> + Send;

    /// The versions that a reader of an item's answer may wait for, `type/id@n`; asked after
    /// [`Self::save`].
    fn versions(&self, item: &Self::Item) -> Vec<String>;

    /// Where a test kills the process.
    fn before_commit(_first: &Self::Item) {}

    /// Told after the commit of a batch in which something was decided.
    fn committed(self, _context: &Self::Context, _first: &Self::Item, _time: Time) {}
}

/// Does the items of one tenant, in their order, in one transaction. Where it fails, none of them
/// is done.
///
/// # Errors
/// `Store`; a refusal is an item's outcome.
pub async fn run_batch<V: BatchVerb>(
    db: &Db,
    context: &V::Context,
    items: &[V::Item],
) -> Result<Vec<BatchOutcome>, AppError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let mut tx = db.begin(V::call(first)).await?;
    let mut loaded = V::load(&tx, context, items).await?;
    let calls: Vec<_> = items.iter().map(V::call).collect();
    let mut answered = batch::stored_requests(&tx, &calls).await?;
    V::render_answers(&tx, items, &mut answered).await?;
    let mut outcomes: Vec<BatchOutcome> = Vec::with_capacity(items.len());
    let mut first_decided = None;
    for (item, call) in items.iter().zip(calls) {
        if let Some(stored) = answered.get(&call.request_id) {
            outcomes.push(batch::replay(call, stored));
            continue;
        }
        outcomes.push(loaded.decide(&mut tx, item).map(|answer| {
            // The same id may occur twice in one batch; the second occurrence is a replay of the
            // first.
            let stored =
                StoredRequest { input_hash: call.input_hash.clone(), answer: Some(answer.clone()) };
            answered.insert(call.request_id, stored);
            first_decided.get_or_insert(call.request_id);
            Answer { message: answer, replayed: false, versions: Vec::new() }
        }));
    }
    if let Some(id) = first_decided {
        // The ids of the batch's own rows need a cause that no other batch has: a request id is
        // decided only once.
        tx.ids_from(&format!("batch/{id}"));
        loaded.save(&mut tx).await?;
        for (item, outcome) in items.iter().zip(&mut outcomes) {
            if let Some(answer) = outcome.as_mut().ok().filter(|answer| !answer.replayed) {
                answer.versions = loaded.versions(item);
            }
        }
    }
    let time = tx.time();
    V::before_commit(first);
    tx.commit_rows().await?;
    if first_decided.is_some() {
        loaded.committed(context, first, time);
    }
    Ok(outcomes)
}
