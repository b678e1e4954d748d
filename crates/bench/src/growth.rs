//! What size costs: a hundred times as many wallets, and ten million entries on one.

use crate::{
    Measure, books,
    crowd::{self, id_of},
    finding,
    load::{any, closed},
    machine::Machine,
    report::{self, Target, Way},
    stage::{Durable, Stage},
    wallet::{Call, turn, unary},
};
use payterms_proto::wallet::v1::{GetBalanceRequest, ListEntriesRequest};
use payterms_suite::Session;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use serde_json::json;
use std::{sync::Arc, time::Duration};

/// How much larger it gets, and how many entries one wallet gets.
const TIMES: usize = 100;
const ENTRIES: usize = 10_000_000;
/// Callers that read.
const READERS: usize = 16;

/// Reads the balance of one of these wallets.
fn balance(sessions: Vec<Session>, wallets: Arc<Vec<String>>) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let name = wallets.get(any(wallets.len())).cloned().unwrap_or_default();
        Box::pin(async move {
            session?
                .wallets()
                .get_balance(GetBalanceRequest { name, as_of: None })
                .await
                .ok()
                .map(|_| vec![uuid::Uuid::nil()])
        })
    }
}

/// Reads a page of a wallet's entries.
fn page(sessions: Vec<Session>, wallet: String) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let request = ListEntriesRequest {
            parent: wallet.clone(),
            page_size: 100,
            ..ListEntriesRequest::default()
        };
        Box::pin(async move {
            let listed = session?.wallets().list_entries(request).await.ok()?.into_inner();
            (!listed.entries.is_empty()).then(|| vec![uuid::Uuid::nil()])
        })
    }
}

/// Reads and posts for some turns.
async fn measured(
    measure: &Measure,
    stage: &Stage,
    machine: &Machine,
    wallets: &Arc<Vec<String>>,
    reads: &mut Way,
    posts: &mut Way,
) -> Vec<uuid::Uuid> {
    let mut acknowledged = Vec::new();
    for round in 0..=measure.rounds {
        // The first round warms up.
        let lasting = Duration::from_secs(if round == 0 { 2 } else { measure.seconds });
        let (read, cost) = turn(
            machine,
            closed(READERS, lasting, balance(stage.straight("wallet", 8), wallets.clone())),
        )
        .await;
        let (done, price) = turn(
            machine,
            closed(measure.callers, lasting, unary(stage.straight("wallet", 8), wallets.clone())),
        )
        .await;
        if round > 0 {
            reads.add(&read, cost);
            posts.add(&done, price);
        }
        acknowledged.extend(done.ids);
    }
    acknowledged
}

/// Gives a wallet a long history, as debits of a millionth each have it.
async fn lengthen(owner: &DatabaseConnection, wallet: &str, entries: usize) {
    let (wallet, statement) = (id_of(wallet), |text: String| async move {
        owner.execute_unprepared(&text).await.expect("rows")
    });
    statement(format!(
        "INSERT INTO wallet.transfers (tenant, id, wallet_id, kind, description, recorded_at, effective_at, request_id, input_hash, actor) \
         SELECT 'acme', md5('b' || n)::uuid, '{wallet}', 'DEBIT', '', now(), now(), md5('r' || n)::uuid, '\\x00', 'bench' \
         FROM generate_series(1, {entries}) n"
    ))
    .await;
    statement(format!(
        "INSERT INTO wallet.entries (tenant, transfer_id, line, account, contra, wallet_id, lot_id, amount, currency, sequence, \
         balance_after, recorded_at, effective_at) SELECT 'acme', md5('b' || n)::uuid, 1, 'CUSTOMER_CREDIT', 'REVENUE', w.id, l.id, -1, \
         'USD', w.sequence + n, w.posted - n, now(), now() FROM wallet.wallets w JOIN wallet.lots l ON l.wallet_id = w.id, generate_series(1, {entries}) n \
         WHERE w.id = '{wallet}'"
    ))
    .await;
    statement(format!(
        "UPDATE wallet.lots SET remaining = remaining - {entries} WHERE wallet_id = '{wallet}'"
    ))
    .await;
    statement(format!("UPDATE wallet.wallets SET posted = posted - {entries}, sequence = sequence + {entries} WHERE id = '{wallet}'"))
        .await;
    books::know(owner).await;
}

/// Measures, and prints the tables.
pub async fn run(measure: &Measure) {
    let durable = Durable::start(measure).await;
    let stage = Stage::start(Some(&durable)).await;
    let machine = durable.machine(&stage, &["wallet"]).await;
    let owner = durable.rows().await;
    let few = Arc::new(crowd::wallets(&owner, &stage.wallet, measure.accounts).await);
    let (mut read_few, mut post_few) =
        (Way::new("balances, few wallets"), Way::new("debits, few wallets"));
    let mut acknowledged =
        measured(measure, &stage, &machine, &few, &mut read_few, &mut post_few).await;
    let (times, entries) = if measure.quick { (2, 1_000) } else { (TIMES, ENTRIES) };
    let many = Arc::new(
        crowd::more_wallets(&owner, &stage.wallet, measure.accounts, measure.accounts * times)
            .await,
    );
    let (mut read_many, mut post_many) =
        (Way::new("balances, many wallets"), Way::new("debits, many wallets"));
    acknowledged
        .extend(measured(measure, &stage, &machine, &many, &mut read_many, &mut post_many).await);
    books::hold(&owner, &acknowledged, false).await;
    let (long, short) =
        (many.first().cloned().unwrap_or_default(), many.last().cloned().unwrap_or_default());
    lengthen(&owner, &long, entries).await;
    // As many lines on the page as on the other.
    lengthen_short(&owner, &short).await;
    let (mut page_short, mut page_long) =
        (Way::new("a page, short history"), Way::new("a page, long history"));
    for _ in 0..measure.rounds {
        for (way, wallet) in [(&mut page_short, &short), (&mut page_long, &long)] {
            let lasting = Duration::from_secs(measure.seconds);
            let (done, cost) = turn(
                &machine,
                closed(READERS, lasting, page(stage.straight("wallet", 8), wallet.clone())),
            )
            .await;
            way.add(&done, cost);
        }
    }
    let (found, finding) = finding::pages(measure, &stage, &machine, &owner).await;
    let [found_few, found_many] = found;
    let database = |way: &Way| way.of_each(|cost| cost.database);
    let targets = [
        Target::at_most(
            "8 a balance, many wallets / few: time",
            read_few.rate() / read_many.rate(),
            1.25,
            1.6,
        ),
        Target::at_most(
            "8 a debit, many wallets / few: database CPU",
            database(&post_many) / database(&post_few),
            2.0,
            3.0,
        ),
        Target::at_most(
            "8 a page, long history / short: time",
            page_short.rate() / page_long.rate(),
            1.5,
            3.0,
        ),
        finding,
    ];
    report::print(
        measure,
        &[read_few, read_many, post_few, post_many, page_short, page_long, found_few, found_many],
        &targets,
        &json!({ "times": times, "entries": entries }),
    );
}

/// Gives a wallet a page of history.
async fn lengthen_short(owner: &DatabaseConnection, wallet: &str) {
    let wallet = id_of(wallet);
    let entries = format!(
        "INSERT INTO wallet.transfers (tenant, id, wallet_id, kind, description, recorded_at, effective_at) SELECT 'acme', \
         md5('s' || n)::uuid, '{wallet}', 'GRANT', '', now(), now() FROM generate_series(1, 100) n; \
         INSERT INTO wallet.entries (tenant, transfer_id, line, account, wallet_id, lot_id, amount, currency, sequence, balance_after, \
         recorded_at, effective_at) SELECT 'acme', md5('s' || n)::uuid, 1, 'CUSTOMER_CREDIT', '{wallet}', NULL, 1, 'USD', 1000 + n, n, \
         now(), now() FROM generate_series(1, 100) n"
    );
    owner.execute_unprepared(&entries).await.expect("rows");
}
