//! The verbs that the wallet does all day, one or many in one transaction: load many, decide each,
//! save many. One that is refused fails alone and leaves its wallet as it was.

use super::{authorize_hold, capture_hold, expire_lot, post_debit, recharge, record_usage, void_hold};
use crate::{
    App, jobs,
    parse::{Capture, HoldRef, Take, WalletRef},
    store::{
        fees, holds, usage,
        wallets::{self, Locked},
    },
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    Answer, AppError, Call, Db, WriteTx,
    batch::{self, Told},
    committer::{Bounds, Committer, Key},
    jobs::{cancel_many, schedule_many},
};
use payterms_kernel::{Id, IdSource, Refusal, TenantId};
use payterms_proto::wallet::v1::UsageRecord as UsageMessage;
use payterms_wallet_domain::{Fee, Hold, HoldState, TransferKind, UsageRecord, Wallet, usage::Use};
use prost::{Message, Name};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use uuid::Uuid;

/// Verbs in one transaction.
pub const BATCH: usize = 500;

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
    fn wallet(&self) -> &WalletRef {
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
    /// The event, by its full name; uses are told together.
    pub event: Option<(String, Vec<u8>)>,
    /// The use that was recorded.
    pub used: Option<(UsageRecord, UsageMessage)>,
    /// The fee that was taken, if it is listed.
    pub fee: Option<Fee>,
}

impl Decided {
    /// An answer with its event.
    pub fn told<A: Message, E: Message + Name>(answer: &A, event: &E) -> Self {
        Self { answer: answer.encode_to_vec(), event: Some((E::full_name(), event.encode_to_vec())), used: None, fee: None }
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
    let db = db.clone();
    Committer::new(Bounds { batch: BATCH, of_one: 1_000, in_all: 4_000, at_once: 4 }, move |items: Arc<[Item]>| {
        let db = db.clone();
        async move { run_many(&db, &items).await }
    })
}

/// Does one verb, together with those that wait.
///
/// # Errors
/// Those of the verb, `RESOURCE_NOT_FOUND`, `OVERLOADED`.
pub async fn run<M: Message + Default>(app: &App, item: Item) -> Result<Answer<M>, AppError> {
    let answer = app.hot.submit(Key::of(&item.call), item).await?;
    Ok(Answer { message: M::decode(answer.message.as_slice())?, replayed: answer.replayed, versions: answer.versions })
}

/// Does the verbs of one tenant, in their order.
///
/// # Errors
/// The database's: then none is done.
pub async fn run_many(db: &Db, items: &[Item]) -> Result<Vec<Outcome>, AppError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let mut tx = db.begin(&first.call).await?;
    let mut loaded = Loaded::load(&tx, items).await?;
    let calls: Vec<_> = items.iter().map(|item| &item.call).collect();
    let mut answered = batch::seen(&tx, &calls).await?;
    let (mut outcomes, mut fresh) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        if let Some(known) = answered.get(&item.call.request_id) {
            outcomes.push(batch::replay(&item.call, known));
            continue;
        }
        outcomes.push(loaded.decide(&mut tx, item).map(|answer| {
            answered.insert(item.call.request_id, (item.call.input_hash.clone(), answer.clone()));
            fresh.push((&item.call, answer.clone()));
            Answer { message: answer, replayed: false, versions: Vec::new() }
        }));
    }
    if let Some((call, _)) = fresh.first() {
        // An id is answered once, so no other batch has this cause.
        tx.ids_from(&format!("batch/{}", call.request_id));
        batch::answer(&tx, fresh).await?;
        let versions = loaded.save(&mut tx).await?;
        for (item, outcome) in items.iter().zip(&mut outcomes) {
            if let (Some(version), Ok(answer)) = (versions.get(&item.command.wallet().wallet.uuid()), outcome)
                && !answer.replayed
            {
                answer.versions.push(format!("wallet/{}@{version}", item.command.wallet().wallet));
            }
        }
    }
    tx.commit_rows().await?;
    Ok(outcomes)
}

/// Uses with the first of their calls.
struct Uses {
    by: Call,
    records: Vec<(UsageRecord, UsageMessage)>,
}

/// The wallets and holds of a batch, and what was decided on them.
struct Loaded {
    wallets: Vec<Locked>,
    places: HashMap<Id<Wallet>, usize>,
    holds: HashMap<Id<Hold>, (Id<Wallet>, Hold)>,
    changed: Vec<Id<Hold>>,
    events: Vec<Told>,
    /// Uses of a wallet that one subject recorded, told together.
    used: BTreeMap<(Id<Wallet>, String), Uses>,
    metered: record_usage::Meters,
    fees: Vec<Fee>,
}

impl Loaded {
    async fn load(tx: &WriteTx, items: &[Item]) -> Result<Self, AppError> {
        let mut ids: Vec<_> = items.iter().map(|item| item.command.wallet().wallet).collect();
        ids.sort_unstable();
        ids.dedup();
        let wallets = wallets::lock_many(tx, &ids).await?;
        let places = wallets.iter().enumerate().map(|(place, own)| (own.wallet.id, place)).collect();
        let named: Vec<_> = items.iter().filter_map(|item| item.command.hold()).collect();
        let holds = holds::find_many(tx.conn(), &tx.call().tenant, &named).await?;
        let holds = holds.into_iter().map(|(wallet, hold)| (hold.id, (wallet, hold))).collect();
        let uses = items.iter().filter_map(|item| match &item.command {
            Command::Use(wallet, used) => Some((wallet.customer, used.product.as_str())),
            _ => None,
        });
        let metered = record_usage::Meters::load(tx, uses).await?;
        Ok(Self { wallets, places, holds, changed: Vec::new(), events: Vec::new(), used: BTreeMap::new(), metered, fees: Vec::new() })
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
        let mut own = Own { tenant: &tenant, name: named.name(), wallet: locked.wallet.clone(), hold, ids: tx.ids(), now };
        let decided = match &item.command {
            Command::Take(take, kind) => post_debit::decide(&mut own, take, *kind),
            Command::Authorize(take, expires_at) => authorize_hold::decide(&mut own, take, *expires_at),
            Command::Capture(_, what) => capture_hold::decide(&mut own, *what),
            Command::Void(_) => void_hold::decide(&mut own),
            Command::Use(_, used) => record_usage::decide(&mut own, used, &self.metered),
        }?;
        let (wallet, hold) = (own.wallet, own.hold);
        locked.wallet = wallet;
        if let Some(hold) = hold {
            self.changed.push(hold.id);
            self.holds.insert(hold.id, (named.wallet, hold));
        }
        let told = |(kind, data)| Told { by: item.call.clone(), id: named.wallet.uuid(), kind, data };
        self.events.extend(decided.event.map(told));
        self.fees.extend(decided.fee);
        if let Some(used) = decided.used {
            let by = (named.wallet, item.call.caller.subject.clone());
            let uses = self.used.entry(by).or_insert_with(|| Uses { by: item.call.clone(), records: Vec::new() });
            uses.records.push(used);
        }
        Ok(decided.answer)
    }

    /// Saves everything that was decided; answers the version that each wallet came to.
    async fn save(mut self, tx: &mut WriteTx) -> Result<HashMap<Uuid, i64>, AppError> {
        let (tenant, now) = (tx.call().tenant.clone(), tx.now());
        let mut freed: Vec<Id<Wallet>> = Vec::new();
        self.changed.sort_unstable();
        self.changed.dedup();
        let holds: Vec<_> = self.changed.iter().filter_map(|id| self.holds.get(id)).cloned().collect();
        wallets::save_many(tx, &mut self.wallets).await?;
        holds::save_many(tx, &holds).await?;
        let (open, ended): (Vec<_>, Vec<_>) = holds.iter().partition(|(_, hold)| hold.state == HoldState::Active);
        let due: Vec<_> = open.iter().map(|(_, hold)| (hold.id.to_string(), hold.expires_at)).collect();
        schedule_many(tx, jobs::EXPIRE_HOLD, &due).await?;
        let ids: Vec<_> = ended.iter().map(|(_, hold)| hold.id.to_string()).collect();
        cancel_many(tx, jobs::EXPIRE_HOLD, &ids).await?;
        freed.extend(holds.iter().map(|(wallet, _)| *wallet));
        for own in self.wallets.iter().filter(|own| freed.contains(&own.wallet.id)) {
            expire_lot::schedule_overdue(tx, &own.wallet, now).await?;
        }
        let uses = self.used.iter().flat_map(|((wallet, _), own)| own.records.iter().map(|(record, _)| (*wallet, record)));
        let records: Vec<_> = uses.collect();
        usage::insert_many(tx.conn(), &tenant, &records).await?;
        fees::insert_many(tx, &self.fees).await?;
        for ((wallet, _), Uses { by, records }) in self.used {
            let own = self.places.get(&wallet).and_then(|place| self.wallets.get(*place));
            let own = own.ok_or_else(|| AppError::Fault(format!("a use of wallet {wallet}, which was not loaded")))?;
            let (kind, data) = record_usage::told(&tenant, &own.wallet, records, now)?;
            self.events.push(Told { by, id: wallet.uuid(), kind, data });
        }
        let versions = batch::emit(tx, "wallet", self.events).await?;
        recharge::mark(tx, self.wallets.iter().map(|own| &own.wallet)).await?;
        Ok(versions)
    }
}
