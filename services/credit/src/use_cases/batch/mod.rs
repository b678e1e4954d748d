//! Purchases without an invoice, many in one transaction: authorise, capture, void.
//!
//! A single call is a batch of one, so there is one way to do a verb. What batches of all services
//! have in common is [`payterms_chassis::batch_verb`].
//!
//! # Phases
//!
//! 1. *Load* (`load.rs`): lock the lines of all items, then read what decides on them. The requests
//!    are looked up after the locks.
//! 2. *Decide* (`decide.rs`): the domain decides item after item, in memory. Each is decided on the
//!    line as the items before it left it. A refused item leaves its line unchanged and does not
//!    disturb the others; a request that was answered before, or earlier in the same batch, is
//!    answered with the same bytes.
//! 3. *Save* (`save.rs`): answers, rows, events, jobs, one commit. A batch in which nothing new was
//!    decided saves nothing.
//!
//! # Statements
//!
//! The number of statements does not grow with the batch: `payterms_chassis::rows` hands a list to
//! one statement (SQLite gets a second one beyond 30,000 values). Load has one each for lines,
//! draws and programmes, one more each for buyers, plans and tax rules where something is
//! authorised, and the lookup of the requests. Save has one each for answers, draws, entries, next
//! due days and lines, three for each of the aggregates `draw`, `credit_line` and `purchase` that
//! has events, and at most three for each of the jobs `judge_line` and `expire_draw`. The
//! exception: a line is evaluated for the day when it is saved, and one whose state this changes
//! adds two for its history.
//!
//! # What bounds a batch
//!
//! Calls meet in the committer ([`payterms_chassis::committer`]). A batch holds calls of one
//! tenant, of one subject, who stands for all of it in the audit trail, and of one of two shards of
//! the tenant's lines ([`Key`]); it takes at most 1,000 items. 8,000 may wait under one key and
//! 16,000 in all: more are refused with `OVERLOADED`. Four batches run at once, each of another
//! key. The next batch of a key collects calls while the current one runs, so no call waits for a
//! timer.
//!
//! # Order
//!
//! Items of a batch are decided, and answered, in the order in which they came. All calls of one
//! subject on one line are in one queue; calls of several subjects on it are ordered by the line's
//! lock. New ids come from each item's own request id, not from its batch, so they are the same
//! however calls are batched.
//!
//! # When a batch fails
//!
//! One that loses a race is run again, five times at most. One that still fails as a whole is
//! halved, again and again, until the item that causes the failure is alone; the others are done.
//! Where the database is away nothing is halved. No item is answered before the commit; a caller
//! whose call died with the process repeats it with its request id.
//!
//! # Why it is right with two replicas
//!
//! The queues are a process's own, and nothing is right because of them: the rows make it right. On
//! PostgreSQL:
//!
//! - Lines are locked by one statement in the order of their ids, so two batches never wait for
//!   each other in a circle.
//! - A line and its draws change under the line's lock alone, here and in every other verb, and are
//!   read once it is held. So each batch decides on what the other replica has committed, and the
//!   limit holds.
//! - Requests are looked up after the locks. The same request at two replicas locks the same line,
//!   and the later one finds the answer of the first. One request id on two lines may be decided
//!   twice, but table `requests` takes an id once: the later insert fails its batch, which is run
//!   again and finds the answer.
//! - Nothing is cached between batches. Programmes, buyers, plans and tax rules are read without a
//!   lock: a purchase counts as made before a change of them that is committed meanwhile.
//!
//! On SQLite there is one writer at a time, so the same holds without row locks.

mod decide;
mod load;
mod save;

use crate::{
    app::{App, PurchaseCommitter},
    commands::purchases::{PurchaseCommand, PurchaseItem},
};
use load::Batch;
use payterms_chassis::{
    Answer, AppError, Call, Db, WriteTx,
    batch_verb::{self, BatchVerb},
    committer::{Bounds, Committer, Key},
    kill,
};
use prost::Message;
use std::sync::Arc;

/// How many purchases wait and are done together.
const BOUNDS: Bounds = Bounds { batch: 1_000, of_one: 8_000, in_all: 16_000, at_once: 4 };

/// A committer over credit's database.
#[must_use]
pub fn committer(db: &Db) -> PurchaseCommitter {
    let db = db.clone();
    Committer::new("credit", BOUNDS, move |items: Arc<[PurchaseItem]>| {
        let db = db.clone();
        async move { batch_verb::run_batch::<Batch>(&db, &(), &items).await }
    })
}

/// Submits one purchase, which is done together with those that wait.
///
/// # Errors
/// Those of the verb, `RESOURCE_NOT_FOUND`, `OVERLOADED`.
pub async fn submit_purchase<M: Message + Default>(
    app: &App,
    item: PurchaseItem,
) -> Result<Answer<M>, AppError> {
    app.purchases
        .submit(Key::of(&item.call, item.command.line().line.uuid()), item)
        .await?
        .decoded()
}

impl BatchVerb for Batch {
    type Item = PurchaseItem;
    type Context = ();

    fn call(item: &PurchaseItem) -> &Call {
        &item.call
    }

    async fn load(tx: &WriteTx, (): &(), items: &[PurchaseItem]) -> Result<Self, AppError> {
        Self::load(tx, items).await
    }

    fn decide(&mut self, tx: &mut WriteTx, item: &PurchaseItem) -> Result<Vec<u8>, AppError> {
        self.decide(tx, item)
    }

    async fn save(&mut self, tx: &mut WriteTx) -> Result<(), AppError> {
        self.save(tx).await
    }

    fn versions(&self, item: &PurchaseItem) -> Vec<String> {
        let line = Some(item.command.line().line.to_string());
        let draw = item.command.draw().map(|draw| draw.to_string());
        line.into_iter().chain(draw).filter_map(|id| self.versions.get(&id).cloned()).collect()
    }

    fn before_commit(first: &PurchaseItem) {
        kill::point(kill_point(&first.command));
    }
}

fn kill_point(command: &PurchaseCommand) -> &'static str {
    match command {
        PurchaseCommand::Authorize(..) => "purchase.before_authorize",
        PurchaseCommand::Capture(..) => "purchase.before_capture",
        PurchaseCommand::Void(_) => "purchase.before_void",
    }
}
