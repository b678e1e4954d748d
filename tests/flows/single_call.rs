//! The fast path writes the same rows as a batch, and writes nothing if the cached wallet is stale.

use super::{
    batch_calls::{Hand, call, item, usd},
    mixes::on_postgres,
};
use payterms_chassis::{Call, Db, retry, sql, tenants};
use payterms_kernel::{Id, Money, TenantId};
use payterms_wallet::{
    commands::{
        batch::{BatchCommand, BatchItem},
        postings::Take,
        wallets::WalletRef,
    },
    store::{RequestsByTransfer, lot_cache::LotCache, recharges, wallets},
    use_cases::{
        batch::{fast_path::try_single_call, run_batch},
        wallets::save::save_wallets,
    },
};
use payterms_wallet_domain::{
    Account, AutoRecharge, LotKind, TaxKind, TransferKind, Wallet,
    wallet::{LotFunding, NewLot},
};
use rand::seq::SliceRandom;
use uuid::Uuid;

fn fresh() -> Uuid {
    Uuid::from_u128(rand::random())
}

/// A wallet with a taxed lot of three and a deposit of seven.
async fn wallet(db: &Db, tenant: &TenantId) -> WalletRef {
    tenants::register(db.connection(), tenant, false, "UTC").await.unwrap();
    let (customer, id, now) = (Id::from_uuid(fresh()), Id::from_uuid(fresh()), db.clock().now());
    let tx = db.begin(&call(tenant, fresh(), "staff")).await.unwrap();
    wallets::insert(&tx, &Wallet::open(id, customer, usd(0).currency(), now)).await.unwrap();
    tx.commit_rows().await.unwrap();
    let named = WalletRef { tenant: tenant.clone(), customer, wallet: id };
    for (cents, tax) in [(300, TaxKind::TaxedSale), (700, TaxKind::Deposit)] {
        adds(db, &named, usd(cents), tax).await;
    }
    named
}

async fn adds(db: &Db, named: &WalletRef, amount: Money, tax: TaxKind) {
    let mut tx = db.begin(&call(&named.tenant, fresh(), "staff")).await.unwrap();
    let mut locked = wallets::lock_many(&tx, &[named.wallet]).await.unwrap();
    let (tax_kind, now) = (Some(tax), tx.now());
    let new = NewLot {
        kind: LotKind::Purchased,
        tax_kind,
        priority: 0,
        amount,
        expires_at: None,
        description: String::new(),
    };
    locked[0]
        .wallet
        .add_lot(
            tx.ids(),
            new,
            LotFunding {
                kind: TransferKind::TopUp,
                source: Account::ProviderClearing,
                tax: usd(0),
                recharge: false,
            },
            now,
        )
        .unwrap();
    save_wallets(&tx, &mut locked, &RequestsByTransfer::new()).await.unwrap();
    tx.commit_rows().await.unwrap();
}

fn debit(named: &WalletRef, cents: i64) -> BatchItem {
    let take = Take {
        wallet: named.clone(),
        amount: usd(cents),
        description: "call \\x00 'quoted'".to_owned(),
        unlisted: true,
    };
    item(&named.tenant, fresh(), BatchCommand::Take(take, TransferKind::Debit))
}

/// What is stored of a tenant, without the ids that differ from wallet to wallet.
async fn rows(db: &Db, tenant: &TenantId) -> Vec<String> {
    let read = db.read(tenant).await.unwrap();
    let mut all = Vec::new();
    for table in [
        "wallets",
        "lots",
        "transfers",
        "entries",
        "accruals",
        "due",
        "requests",
        "aggregate_heads",
        "outbox",
    ] {
        let text = "id,wallet_id,customer_id,transfer_id,lot_id,request_id,tenant,subject,aggregate_id,event_id,data,state_hash,before_hash,position,input_hash";
        let select = format!(
            "SELECT '{table} ' || (to_jsonb(own) - string_to_array('{text}', ','))::text AS row FROM {table} own WHERE tenant = $1"
        );
        let found = sql::all(&read, &select, vec![tenant.as_str().into()]).await.unwrap();
        all.extend(found.iter().map(|row| row.try_get::<String>("", "row").unwrap()));
    }
    all.sort();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_alone_writes_what_one_of_a_batch_writes() {
    let clock = Hand::default();
    let Some(db) = on_postgres(&clock).await else { return };
    let tenants = ["acme", "globex"].map(|name| name.parse().unwrap());
    let mut stored = Vec::new();
    for (tenant, together) in tenants.iter().zip([true, false]) {
        let (named, mut cache) = (wallet(&db, tenant).await, LotCache::default());
        // The second takes the rest of the first lot and some of the deposit, which accrues; the
        // third accrues more.
        for (nth, cents) in [100, 250, 150].into_iter().enumerate() {
            cache = if together { LotCache::default() } else { cache };
            let request = debit(&named, cents);
            let kept = try_single_call(&db, &cache, &request).await.unwrap();
            // A wallet that is not in the cache, or whose first use of a month it is, is not
            // debited alone.
            assert_eq!(kept.is_some(), !together && nth == 2);
            if kept.is_none() {
                run_batch(&db, &cache, &[request]).await.unwrap().remove(0).unwrap();
            }
        }
        stored.push(rows(&db, tenant).await);
    }
    assert_eq!(stored[0].len(), 1 + 2 + 5 + 8 + 1 + 1 + 1 + 3, "{:#?}", stored[0]);
    assert_eq!(stored[0], stored[1]);
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_it_was_taken_for_is_decided_under_the_lock() {
    let clock = Hand::default();
    let Some(db) = on_postgres(&clock).await else { return };
    for case in [
        "as it was",
        "credit came",
        "seen before",
        "other kind",
        "suspended",
        "zone",
        "test clock",
        "rules",
        "too much",
    ] {
        let tenant: TenantId = format!("of-{}", case.replace(' ', "-")).parse().unwrap();
        let (named, cache) = (wallet(&db, &tenant).await, LotCache::default());
        let first = debit(&named, 50);
        run_batch(&db, &cache, std::slice::from_ref(&first)).await.unwrap().remove(0).unwrap();
        let mut request = debit(&named, 50);
        match case {
            "credit came" => adds(&db, &named, usd(100), TaxKind::Deposit).await,
            "seen before" => request = first,
            "other kind" => {
                let mut tx =
                    db.begin(&Call { input_hash: vec![7], ..request.call.clone() }).await.unwrap();
                tx.seen().await.unwrap();
                tx.commit(payterms_proto::wallet::v1::GetWalletRequest::default()).await.unwrap();
            }
            "suspended" => tenants::register(db.connection(), &tenant, true, "UTC").await.unwrap(),
            "zone" => {
                tenants::register(db.connection(), &tenant, false, "Asia/Tokyo").await.unwrap();
            }
            "test clock" => {
                tenants::set_clock(db.connection(), &tenant, db.clock().now(), b"seed", None)
                    .await
                    .unwrap();
            }
            "rules" => {
                let tx = db.begin(&call(&tenant, fresh(), "staff")).await.unwrap();
                let (locked, _) = cache.for_single_call(&tenant, named.wallet).unwrap();
                recharges::save(tx.conn(), &tenant, &locked.wallet, &AutoRecharge::default())
                    .await
                    .unwrap();
                tx.commit_rows().await.unwrap();
            }
            "too much" => request = debit(&named, 100_000),
            _ => {}
        }
        let before = rows(&db, &tenant).await;
        let kept = try_single_call(&db, &cache, &request).await.unwrap();
        assert_eq!(kept.is_some(), case == "as it was", "{case}");
        assert_eq!(
            rows(&db, &tenant).await == before,
            case != "as it was",
            "{case}: nothing is written"
        );
        let outcome = match run_batch(&db, &cache, &[request.clone()]).await {
            Ok(mut outcomes) => outcomes.remove(0),
            Err(error) => Err(error),
        };
        let text = match outcome {
            Ok(answer) => if answer.replayed { "replayed" } else { "done" }.to_owned(),
            Err(payterms_chassis::AppError::Refused(refusal)) => refusal.reason.into(),
            Err(error) => panic!("{case}: {error}"),
        };
        let expected = match case {
            "as it was" | "seen before" => "replayed",
            "other kind" => "REQUEST_ID_REUSED",
            "suspended" => "TENANT_SUSPENDED",
            "too much" => "INSUFFICIENT_FUNDS",
            _ => "done",
        };
        assert_eq!(text, expected, "{case}");
        assert_eq!(
            cache.for_single_call(&tenant, named.wallet).map(|(_, zone)| zone.name()),
            zone_after(case),
            "{case}"
        );
    }
    db.close().await;
}

/// What a wallet's next debit may count its days in, where it may come alone.
fn zone_after(case: &str) -> Option<&'static str> {
    match case {
        "zone" => Some("Asia/Tokyo"),
        "test clock" | "rules" => None,
        _ => Some("UTC"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_debit_one_by_one_do_each_request_once() {
    let clock = Hand::default();
    let Some(db) = on_postgres(&clock).await else { return };
    let tenant = "acme".parse().unwrap();
    let named = wallet(&db, &tenant).await;
    let requests: Vec<_> = (0..150).map(|_| debit(&named, 10)).collect();
    // Each asks for the same in its own order; there is credit for a hundred.
    let replica = |mut items: Vec<BatchItem>, db: Db| async move {
        let cache = LotCache::default();
        let mut done = 0;
        items.shuffle(&mut rand::rng());
        for item in items {
            let outcomes =
                retry(|| run_batch(&db, &cache, std::slice::from_ref(&item))).await.unwrap();
            done += usize::from(
                outcomes.into_iter().all(|outcome| outcome.is_ok_and(|answer| !answer.replayed)),
            );
        }
        done
    };
    let (one, other) = tokio::join!(
        tokio::spawn(replica(requests.clone(), db.clone())),
        tokio::spawn(replica(requests, db.clone()))
    );
    assert_eq!(one.unwrap() + other.unwrap(), 100);
    let read = db.read(&tenant).await.unwrap();
    let left = wallets::find(&read, &tenant, named.customer, named.wallet).await.unwrap().unwrap();
    assert_eq!((left.posted, left.sequence, left.lots.len()), (usd(0), 102, 0));
    drop(read);
    db.close().await;
}
