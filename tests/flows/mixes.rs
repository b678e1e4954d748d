//! Random batches against a sequential model: the same verbs, one after the other, on wallets in
//! memory that are never stored. Whatever is done together comes to the same, item by item and row
//! by row.

use super::{
    batch_calls::{Hand, call, item, usd},
    mixes_model::{Came, Own, outcome_of},
};
use chrono::TimeDelta;
use payterms_chassis::{Db, sql, tenants};
use payterms_kernel::{Clock, Currency, Id, IdSource, Kind, Reason, TenantId};
use payterms_testkit::postgres;
use payterms_wallet::{
    commands::{
        batch::{BatchCommand, BatchItem},
        wallets::WalletRef,
    },
    store::{RequestsByTransfer, lot_cache::LotCache, wallets},
    use_cases::{batch::run_batch, wallets::save::save_wallets},
};
use payterms_wallet_domain::{LotKind, Wallet, wallet::NewLot};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::{collections::HashMap, sync::Arc};
use uuid::Uuid;

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];
/// Mixes on each database; PostgreSQL does not sync in tests.
const MIXES: [usize; 2] = [6_000, 4_000];

/// A tenant of the model.
struct Shop {
    tenant: TenantId,
    wallets: Vec<Own>,
    /// Every request that was done: what it asked, and its answer.
    done: HashMap<Uuid, (BatchItem, Vec<u8>)>,
    ids: Vec<Uuid>,
}

/// A player of mixes on a database.
struct Table {
    db: Db,
    cache: LotCache,
    dice: StdRng,
    clock: Hand,
    shops: Vec<Shop>,
    ids: IdSource,
    replayed: usize,
    refused: usize,
}

impl Table {
    async fn start(db: Db, clock: Hand, seed: u64) -> Self {
        let now = clock.now();
        let mut table = Self {
            db,
            cache: LotCache::default(),
            dice: StdRng::seed_from_u64(seed),
            clock,
            shops: Vec::new(),
            ids: IdSource::new(now, b"model", ""),
            replayed: 0,
            refused: 0,
        };
        for name in TENANTS {
            let tenant: TenantId = name.parse().unwrap();
            tenants::register(table.db.connection(), &tenant, false, "UTC").await.unwrap();
            let mut wallets = Vec::new();
            for _ in 0..4 {
                let (customer, id) =
                    (Id::from_uuid(Uuid::from_u128(table.dice.random())), table.ids.make());
                let wallet = Wallet::open(id, customer, Currency::parse("USD").unwrap(), now);
                let tx = table
                    .db
                    .begin(&call(&tenant, Uuid::from_u128(table.dice.random()), "staff"))
                    .await
                    .unwrap();
                wallets::insert(&tx, &wallet).await.unwrap();
                tx.commit_rows().await.unwrap();
                wallets.push(Own {
                    named: WalletRef { tenant: tenant.clone(), customer, wallet: id },
                    wallet,
                    holds: Vec::new(),
                });
            }
            table.shops.push(Shop { tenant, wallets, done: HashMap::new(), ids: Vec::new() });
        }
        table
    }

    /// New credit for a wallet, some of it for some hours only.
    async fn grants(&mut self, shop: usize, wallet: usize) {
        let shop_wallet = &mut self.shops[shop].wallets[wallet];
        let new = NewLot {
            kind: LotKind::Granted,
            tax_kind: None,
            priority: self.dice.random_range(0..3),
            amount: usd(self.dice.random_range(1..2_000)),
            expires_at: self
                .dice
                .random_bool(0.5)
                .then(|| self.clock.now() + TimeDelta::hours(self.dice.random_range(1..30))),
            description: String::new(),
        };
        let mut tx = self
            .db
            .begin(&call(&shop_wallet.named.tenant, Uuid::from_u128(self.dice.random()), "staff"))
            .await
            .unwrap();
        let mut locked = wallets::lock_many(&tx, &[shop_wallet.named.wallet]).await.unwrap();
        assert_eq!(locked[0].wallet, shop_wallet.wallet);
        locked[0].wallet.grant(tx.ids(), new, self.clock.now()).unwrap();
        let mut after = locked[0].wallet.clone();
        save_wallets(&tx, &mut locked, &RequestsByTransfer::new()).await.unwrap();
        tx.commit_rows().await.unwrap();
        after.transfers.clear();
        after.lots.retain(|lot| lot.remaining.is_positive());
        shop_wallet.wallet = after;
    }

    /// A mix of a tenant: fresh requests, repeated ones, ids with other content, and ids of other
    /// tenants.
    fn mix(&mut self, shop: usize) -> Vec<BatchItem> {
        let foreign = self.shops[(shop + 1) % TENANTS.len()].ids.choose(&mut self.dice).copied();
        let this_shop = &self.shops[shop];
        let mut items: Vec<BatchItem> = Vec::new();
        let count = if self.dice.random_bool(0.3) { 1 } else { self.dice.random_range(1..14) };
        for _ in 0..count {
            let wallet = this_shop.wallets.choose(&mut self.dice).unwrap();
            let command = wallet.asks(&mut self.dice, self.clock.now());
            let known = match self.dice.random_range(0..4) {
                0 => items.choose(&mut self.dice).cloned(),
                _ => this_shop
                    .ids
                    .choose(&mut self.dice)
                    .and_then(|id| this_shop.done.get(id))
                    .map(|(item, _)| item.clone()),
            };
            items.push(match (self.dice.random_range(0..12), known) {
                (0 | 1, Some(known)) => known,
                (2, Some(known)) => item(&this_shop.tenant, known.call.request_id, command),
                (3, _) => {
                    item(&this_shop.tenant, foreign.unwrap_or_else(|| Uuid::from_u128(1)), command)
                }
                _ => item(&this_shop.tenant, Uuid::from_u128(self.dice.random()), command),
            });
        }
        items
    }

    /// Does a mix in one transaction, and one by one in the model.
    async fn plays(&mut self, shop: usize) {
        let items = self.mix(shop);
        let outcomes = run_batch(&self.db, &self.cache, &items).await.unwrap();
        assert_eq!(outcomes.len(), items.len());
        let this_shop = &mut self.shops[shop];
        for (item, outcome) in items.iter().zip(outcomes) {
            let id = item.call.request_id;
            let outcome = outcome.map_err(|error| match error {
                payterms_chassis::AppError::Refused(refusal) => *refusal,
                other => panic!("{other}"),
            });
            if let Some((first, answer)) = this_shop.done.get(&id) {
                if first.call.input_hash == item.call.input_hash {
                    let outcome = outcome.unwrap();
                    assert!(outcome.replayed, "{item:?}");
                    assert_eq!(&outcome.message, answer, "byte for byte: {item:?}");
                    self.replayed += 1;
                } else {
                    assert_eq!(outcome.unwrap_err().reason, Reason::REQUEST_ID_REUSED, "{item:?}");
                }
                continue;
            }
            let wallet = this_shop
                .wallets
                .iter_mut()
                .find(|wallet| wallet.named.wallet == wallet_of(&item.command))
                .unwrap();
            let real =
                outcome.as_ref().ok().map(|answer| outcome_of(&item.command, &answer.message));
            let hold = real.as_ref().and_then(|(_, hold)| *hold);
            let expected = wallet
                .does(&mut self.ids, &item.command, hold, self.clock.now())
                .unwrap_or_else(|refusal| Came::Refused(refusal.reason));
            match (outcome, real) {
                (Ok(answer), Some((came, _))) => {
                    assert_eq!(came, expected, "{item:?}");
                    this_shop.ids.push(id);
                    this_shop.done.insert(id, (item.clone(), answer.message));
                }
                (Err(refusal), _) => {
                    assert_ne!(refusal.kind, Kind::Unavailable);
                    assert_eq!(Came::Refused(refusal.reason), expected, "{item:?}");
                    self.refused += 1;
                }
                _ => unreachable!("an answer is told"),
            }
        }
    }

    /// The rows are what the model has.
    async fn agrees(&self, shop: usize) {
        let this_shop = &self.shops[shop];
        let read = self.db.read(&this_shop.tenant).await.unwrap();
        for Own { named, wallet, .. } in &this_shop.wallets {
            let stored = wallets::find(&read, &this_shop.tenant, named.customer, named.wallet)
                .await
                .unwrap()
                .unwrap();
            // Readers do not load debts.
            assert_eq!(stored, Wallet { debts: Vec::new(), ..wallet.clone() });
            let select = "SELECT sequence, amount FROM debts WHERE tenant = $1 AND wallet_id = $2 ORDER BY sequence";
            let rows = sql::all(
                &read,
                select,
                vec![this_shop.tenant.as_str().into(), named.wallet.uuid().into()],
            )
            .await
            .unwrap();
            let debts: Vec<(i64, i64)> = rows
                .iter()
                .map(|row| {
                    (row.try_get("", "sequence").unwrap(), row.try_get("", "amount").unwrap())
                })
                .collect();
            assert_eq!(
                debts,
                wallet
                    .debts
                    .iter()
                    .map(|debt| (debt.sequence, debt.left.micros()))
                    .collect::<Vec<_>>()
            );
        }
    }
}

fn wallet_of(command: &BatchCommand) -> Id<Wallet> {
    match command {
        BatchCommand::Take(take, _) | BatchCommand::Authorize(take, _) => take.wallet.wallet,
        BatchCommand::Capture(hold, _) | BatchCommand::Void(hold) => hold.wallet.wallet,
        BatchCommand::Use(wallet, _) => wallet.wallet,
    }
}

async fn play(db: Db, clock: Hand, mixes: usize) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut table = Table::start(db, clock, seed).await;
    for round in 0..mixes {
        let shop = table.dice.random_range(0..TENANTS.len());
        if table.dice.random_bool(0.3) {
            let wallet = table.dice.random_range(0..4);
            table.grants(shop, wallet).await;
        }
        if table.dice.random_bool(0.1) {
            table.clock.turn(TimeDelta::minutes(table.dice.random_range(1..300)));
        }
        table.plays(shop).await;
        if round % 10 == 0 {
            table.agrees(shop).await;
        }
    }
    for shop in 0..TENANTS.len() {
        table.agrees(shop).await;
    }
    let done: usize = table.shops.iter().map(|shop| shop.done.len()).sum();
    assert!(
        done > mixes && table.replayed > mixes / 2 && table.refused > mixes / 2,
        "{done} {} {}",
        table.replayed,
        table.refused
    );
    table.db.close().await;
}

/// A wallet's database of PostgreSQL with this clock; none where there is no PostgreSQL.
pub async fn on_postgres(clock: &Hand) -> Option<Db> {
    let url = format!("postgres://payterms_wallet@{}", postgres::database().await?);
    let db = Db::open(&url, "wallet", Arc::new(clock.clone())).await.unwrap();
    Some(db.with_requests_in(<payterms_wallet::Wallet as payterms_chassis::Service>::REQUESTS_IN))
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_come_to_the_same_as_calls_alone_on_sqlite() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Hand::default());
    let url = format!("sqlite:{}", folder.path().join("wallet.db").display());
    let db = Db::open(&url, "wallet", Arc::new(clock.clone())).await.unwrap();
    payterms_migrations::migrate_sqlite(&db.schema_connection().await.unwrap(), "wallet")
        .await
        .unwrap();
    play(
        db.with_requests_in(<payterms_wallet::Wallet as payterms_chassis::Service>::REQUESTS_IN),
        clock,
        MIXES[0],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_come_to_the_same_as_calls_alone_on_postgres() {
    let clock = Hand::default();
    let Some(db) = on_postgres(&clock).await else { return };
    play(db, clock, MIXES[1]).await;
}
