//! The verbs that the wallet does all day, one or many in one transaction: load many, decide each,
//! save many. One that is refused fails alone and leaves its wallet as it was.

use super::{authorize_hold, capture_hold, expire_lot, post_debit, recharge, record_usage, replays, single_call, void_hold};
use crate::{
    App, jobs,
    parse::{Capture, HoldRef, Take, WalletRef},
    render,
    store::{
        Asked, AskedBy, fees, holds,
        known::Known,
        usage,
        wallets::{self, Locked},
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, AppError, Call, Db, WriteTx,
    batch::{self, Told},
    committer::{Bounds, Committer, Key},
    jobs::{cancel_many, schedule_many},
    render::money,
    tx::Time,
};
use payterms_kernel::{Id, IdSource, Refusal, TenantId};
use payterms_proto::wallet::v1::{PostedWallet, PostingsMade};
use payterms_wallet_domain::{Fee, Hold, HoldState, Transfer, TransferKind, UsageRecord, Wallet, usage::Use};
use prost::{Message, Name};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};
use uuid::Uuid;

/// Verbs in one transaction.
const BATCH: usize = 1_000;

/// What is asked of a wallet.
#[derive(Debug, Clone)]
pub enum Command {
    /// A debit, or a fee.
    Take(Take, TransferKind),
    /// Credit is reserved, until an instant.
    Authorize(Take, Option<DateTime<Utc>>),
    /// A part or all of a hold is taken.
    Capture(HoldRef, Capture),
    /// A hold is released.
    Void(HoldRef),
    /// A use is recorded.
    Use(WalletRef, Use),
}

impl Command {
    pub(super) fn wallet(&self) -> &WalletRef {
        match self {
            Self::Take(take, _) | Self::Authorize(take, _) => &take.wallet,
            Self::Capture(hold, _) | Self::Void(hold) => &hold.wallet,
            Self::Use(wallet, _) => wallet,
        }
    }

    fn hold(&self) -> Option<Id<Hold>> {
        match self {
            Self::Capture(hold, _) | Self::Void(hold) => Some(hold.hold),
            _ => None,
        }
    }
}

/// One command with what identifies it.
#[derive(Debug, Clone)]
pub struct Item {
    /// The call.
    pub call: Call,
    /// What is asked.
    pub command: Command,
}

impl Item {
    pub(super) fn key(&self) -> Key {
        Key::of(&self.call, self.command.wallet().wallet.uuid())
    }
}

/// What a verb decides on: a copy that is kept only if it succeeds.
#[derive(Debug)]
pub struct Own<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The wallet's name.
    pub name: String,
    /// The wallet.
    pub wallet: Wallet,
    /// The hold that the command names.
    pub hold: Option<Hold>,
    /// Ids of this item.
    pub ids: &'a mut IdSource,
    /// The tenant's time.
    pub now: DateTime<Utc>,
}

/// What one verb came to.
#[derive(Debug)]
pub struct Decided {
    /// The answer's bytes.
    pub answer: Vec<u8>,
    /// The rows that it wrote.
    pub rows: Rows,
}

/// The rows that keep a verb's request.
#[derive(Debug)]
pub enum Rows {
    /// Those of every write: its answer, its event, by the full name, and its audit row.
    Own(String, Vec<u8>),
    /// The transfer; the fee that was taken, if it is listed.
    Transfer(Id<Transfer>, Option<Fee>),
    /// The record of a use.
    Use(UsageRecord),
}

impl Decided {
    /// An answer with its event.
    pub fn told<A: Message, E: Message + Name>(answer: &A, event: &E) -> Self {
        Self { answer: answer.encode_to_vec(), rows: Rows::Own(E::full_name(), event.encode_to_vec()) }
    }
}

/// What became of one item.
pub type Outcome = Result<Answer<Vec<u8>>, AppError>;

/// Does single calls together.
pub type HotCommitter = Committer<Item, Answer<Vec<u8>>>;

/// A committer over the wallet's database. The one writer of SQLite takes a batch after the other; on PostgreSQL
/// tenants do not wait for each other.
#[must_use]
pub fn committer(db: &Db) -> HotCommitter {
    let (db, known) = (db.clone(), Arc::new(Known::default()));
    Committer::new(Bounds { batch: BATCH, of_one: 8_000, in_all: 16_000, at_once: 4 }, move |items: Arc<[Item]>| {
        let (db, known) = (db.clone(), known.clone());
        async move { run_many(&db, &known, &items).await }
    })
}

/// Does one verb, together with those that wait.
///
/// # Errors
/// Those of the verb, `RESOURCE_NOT_FOUND`, `OVERLOADED`.
pub async fn run<M: Message + Default>(app: &App, item: Item) -> Result<Answer<M>, AppError> {
    let answer = app.hot.submit(item.key(), item).await?;
    Ok(Answer { message: M::decode(answer.message.as_slice())?, replayed: answer.replayed, versions: answer.versions })
}

/// Does the verbs of one caller together with those that wait, each wallet's in their order; answers each.
///
/// # Errors
/// `OVERLOADED`: then none of a shard was done, and the same request ids may come again.
pub async fn run_all(app: &App, items: Vec<Item>) -> Result<Vec<Outcome>, AppError> {
    let mut shards: HashMap<Key, Vec<(usize, Item)>> = HashMap::new();
    let count = items.len();
    for (place, item) in items.into_iter().enumerate() {
        shards.entry(item.key()).or_default().push((place, item));
    }
    let done = shards.into_iter().map(|(key, own)| async move {
        let (places, own): (Vec<_>, Vec<_>) = own.into_iter().unzip();
        Ok::<_, AppError>(places.into_iter().zip(app.hot.submit_many(key, own).await?))
    });
    let mut outcomes: Vec<Option<Outcome>> = std::iter::repeat_with(|| None).take(count).collect();
    for (place, outcome) in futures::future::try_join_all(done).await?.into_iter().flatten() {
        if let Some(at) = outcomes.get_mut(place) {
            *at = Some(outcome);
        }
    }
    let missing = || Err(AppError::Fault("a batch ended without an outcome".to_owned()));
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect())
}

/// Does the verbs of one tenant, in their order.
///
/// # Errors
/// The database's: then none is done.
pub async fn run_many(db: &Db, known: &Known, items: &[Item]) -> Result<Vec<Outcome>, AppError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    if let [only] = items {
        match single_call::post(db, known, only).await {
            Ok(Some(answer)) => return Ok(vec![Ok(answer)]),
            Ok(None) => {}
            // Was it kept, its request is found.
            Err(error) => tracing::debug!(%error, "a debit goes the way of a batch"),
        }
    }
    let mut tx = db.begin(&first.call).await?;
    let mut loaded = Loaded::load(&tx, known, items).await?;
    let calls: Vec<_> = items.iter().map(|item| &item.call).collect();
    let mut answered = batch::seen(&tx, &calls).await?;
    replays::render(&tx, items, &mut answered).await?;
    let (mut outcomes, mut fresh) = (Vec::with_capacity(items.len()), None);
    for item in items {
        if let Some(known) = answered.get(&item.call.request_id) {
            outcomes.push(batch::replay(&item.call, known));
            continue;
        }
        outcomes.push(loaded.decide(&mut tx, item).map(|answer| {
            let known = batch::Known { input_hash: item.call.input_hash.clone(), answer: Some(answer.clone()) };
            answered.insert(item.call.request_id, known);
            fresh.get_or_insert(item.call.request_id);
            Answer { message: answer, replayed: false, versions: Vec::new() }
        }));
    }
    if let Some(id) = fresh {
        // An id is answered once, so no other batch has this cause.
        tx.ids_from(&format!("batch/{id}"));
        let versions = loaded.save(&mut tx, first.key().teller(db.writer_id())).await?;
        for (item, outcome) in items.iter().zip(&mut outcomes) {
            if let (Some(version), Ok(answer)) = (versions.get(&item.command.wallet().wallet.uuid()), outcome)
                && !answer.replayed
            {
                answer.versions.push(format!("wallet/{}@{version}", item.command.wallet().wallet));
            }
        }
    }
    let Time { zone, tested, .. } = tx.time();
    tx.commit_rows().await?;
    for own in loaded.wallets.into_iter().filter(|_| fresh.is_some()) {
        let alone = loaded.plain.contains(&own.wallet.id) && !tested;
        known.keep(&first.call.tenant, own.wallet, alone.then_some(zone));
    }
    Ok(outcomes)
}

/// The wallets and holds of a batch, and what was decided on them.
struct Loaded {
    wallets: Vec<Locked>,
    places: HashMap<Id<Wallet>, usize>,
    holds: HashMap<Id<Hold>, (Id<Wallet>, Hold)>,
    changed: Vec<Id<Hold>>,
    answers: Vec<(Call, Vec<u8>)>,
    events: Vec<Told>,
    asked: AskedBy,
    uses: Vec<(Id<Wallet>, UsageRecord, Asked)>,
    metered: record_usage::Meters,
    fees: Vec<Fee>,
    /// Wallets that no rule recharges.
    plain: HashSet<Id<Wallet>>,
}

impl Loaded {
    async fn load(tx: &WriteTx, known: &Known, items: &[Item]) -> Result<Self, AppError> {
        let mut ids: Vec<_> = items.iter().map(|item| item.command.wallet().wallet).collect();
        ids.sort_unstable();
        ids.dedup();
        let wallets = wallets::lock_known(tx, &ids, Some(known)).await?;
        let places = wallets.iter().enumerate().map(|(place, own)| (own.wallet.id, place)).collect();
        let named: Vec<_> = items.iter().filter_map(|item| item.command.hold()).collect();
        let holds = holds::find_many(tx.conn(), &tx.call().tenant, &named).await?;
        let holds = holds.into_iter().map(|(wallet, hold)| (hold.id, (wallet, hold))).collect();
        let uses = items.iter().filter_map(|item| match &item.command {
            Command::Use(wallet, used) => Some((wallet.customer, used.product.as_str())),
            _ => None,
        });
        let metered = record_usage::Meters::load(tx, uses).await?;
        Ok(Self {
            wallets,
            places,
            holds,
            changed: Vec::new(),
            answers: Vec::new(),
            events: Vec::new(),
            asked: AskedBy::new(),
            uses: Vec::new(),
            metered,
            fees: Vec::new(),
            plain: HashSet::new(),
        })
    }

    /// Decides one item; a refused one changes nothing.
    fn decide(&mut self, tx: &mut WriteTx, item: &Item) -> Result<Vec<u8>, AppError> {
        let (tenant, now) = (tx.call().tenant.clone(), tx.now());
        tx.ids_from(&item.call.request_id.to_string());
        let named = item.command.wallet();
        let place = self.places.get(&named.wallet).copied();
        let locked = place.and_then(|place| self.wallets.get_mut(place)).filter(|own| own.wallet.customer == named.customer);
        let locked = locked.ok_or_else(Refusal::not_found)?;
        let hold = item.command.hold().and_then(|id| self.holds.get(&id)).filter(|(wallet, _)| *wallet == named.wallet);
        let hold = hold.map(|(_, hold)| hold.clone());
        // What was posted before is not copied for each that comes after it.
        let mut posted = std::mem::take(&mut locked.wallet.transfers);
        let mut own = Own { tenant: &tenant, name: named.name(), wallet: locked.wallet.clone(), hold, ids: tx.ids(), now };
        let decided = match &item.command {
            Command::Take(take, kind) => post_debit::decide(&mut own, take, *kind),
            Command::Authorize(take, expires_at) => authorize_hold::decide(&mut own, take, *expires_at),
            Command::Capture(_, what) => capture_hold::decide(&mut own, *what),
            Command::Void(_) => void_hold::decide(&mut own),
            Command::Use(_, used) => record_usage::decide(&mut own, used, &self.metered),
        };
        let (mut wallet, hold) = (own.wallet, own.hold);
        let decided = match decided {
            Ok(decided) => decided,
            Err(refused) => {
                locked.wallet.transfers = posted;
                return Err(refused);
            }
        };
        posted.append(&mut wallet.transfers);
        wallet.transfers = posted;
        locked.wallet = wallet;
        if let Some(hold) = hold {
            self.changed.push(hold.id);
            self.holds.insert(hold.id, (named.wallet, hold));
        }
        match decided.rows {
            Rows::Own(kind, data) => {
                self.answers.push((item.call.clone(), decided.answer.clone()));
                self.events.push(Told { by: item.call.clone(), id: named.wallet.uuid(), kind, data });
            }
            Rows::Transfer(transfer, fee) => {
                self.asked.insert(transfer, Asked::by(&item.call));
                self.fees.extend(fee);
            }
            Rows::Use(record) => self.uses.push((named.wallet, record, Asked::by(&item.call))),
        }
        Ok(decided.answer)
    }

    /// Saves everything that was decided; answers the version that each wallet with an event of its own came to.
    async fn save(&mut self, tx: &mut WriteTx, teller: Uuid) -> Result<HashMap<Uuid, i64>, AppError> {
        let (tenant, now) = (tx.call().tenant.clone(), tx.now());
        batch::answer(tx, std::mem::take(&mut self.answers)).await?;
        self.changed.sort_unstable();
        self.changed.dedup();
        let holds: Vec<_> = self.changed.iter().filter_map(|id| self.holds.get(id)).cloned().collect();
        wallets::save_asked(tx, &mut self.wallets, &self.asked).await?;
        self.save_holds(tx, &holds).await?;
        usage::insert_many(tx.conn(), &tenant, &self.uses).await?;
        fees::insert_many(tx, &self.fees).await?;
        let posted: Vec<_> = self.wallets.iter().filter_map(|own| posted(&tenant, own)).collect();
        if !posted.is_empty() {
            tx.tell("postings", &teller.to_string(), &PostingsMade { wallets: posted }).await?;
        }
        let versions = batch::emit(tx, "wallet", std::mem::take(&mut self.events)).await?;
        let ruled = recharge::mark(tx, self.wallets.iter().map(|own| &own.wallet)).await?;
        self.plain = self.wallets.iter().map(|own| own.wallet.id).filter(|id| !ruled.contains(id)).collect();
        let freed: HashSet<_> = holds.iter().map(|(wallet, _)| *wallet).collect();
        for own in self.wallets.iter().filter(|own| freed.contains(&own.wallet.id)) {
            expire_lot::schedule_overdue(tx, &own.wallet, now).await?;
        }
        Ok(versions)
    }

    /// Saves holds, and when each that stands is to expire.
    async fn save_holds(&self, tx: &WriteTx, changed: &[(Id<Wallet>, Hold)]) -> Result<(), AppError> {
        holds::save_many(tx, changed).await?;
        let (open, ended): (Vec<_>, Vec<_>) = changed.iter().partition(|(_, hold)| hold.state == HoldState::Active);
        let due: Vec<_> = open.iter().map(|(_, hold)| (hold.id.to_string(), hold.expires_at)).collect();
        schedule_many(tx, jobs::EXPIRE_HOLD, &due).await?;
        let ids: Vec<_> = ended.iter().map(|(_, hold)| hold.id.to_string()).collect();
        cancel_many(tx, jobs::EXPIRE_HOLD, &ids).await?;
        Ok(())
    }
}

/// What was posted to a wallet; none where nothing was.
pub(super) fn posted(tenant: &TenantId, own: &Locked) -> Option<PostedWallet> {
    let ((sequence, uses), wallet) = (own.counted(), &own.wallet);
    let posted = wallet.sequence > sequence;
    (posted || wallet.usage_count > uses).then(|| PostedWallet {
        wallet: render::wallet_name(tenant, wallet.customer, wallet.id),
        first_sequence: if posted { sequence.saturating_add(1) } else { 0 },
        last_sequence: if posted { wallet.sequence } else { 0 },
        usage_count: wallet.usage_count.saturating_sub(uses),
        posted: Some(money(wallet.posted)),
    })
}
