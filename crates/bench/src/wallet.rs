//! The wallet's hot verbs: spread over many wallets, on one, one by one, in bulk and streamed.

use crate::{
    Measure, baseline, books, crowd,
    load::{Done, any, closed, fresh_id, paced},
    machine::{Machine, memory},
    report::{self, Target, Way, median},
    stage::{Durable, Stage},
};
use futures::future::BoxFuture;
use payterms_proto::{
    google::r#type::{Decimal, Money},
    wallet::v1::{
        GetBalanceRequest, PostDebitRequest, PostDebitsRequest, RecordUsageRequest,
        RecordUsageStreamRequest,
    },
};
use payterms_suite::Session;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// Debits of one bulk call, and uses of one stream.
const BULK: usize = 500;
/// Callers that send bulk.
const SENDERS: usize = 8;
/// Callers of one connection.
const SHARED: usize = 64;
/// Calls a second at a steady pace.
const PACE: u32 = 1_000;

/// A call that answers the ids that it did.
pub type Call = BoxFuture<'static, Option<Vec<Uuid>>>;

/// Wallets that calls go to.
type Wallets = Arc<Vec<String>>;

fn debit(wallets: &Wallets) -> (Uuid, PostDebitRequest) {
    let id = fresh_id();
    let wallet = wallets.get(any(wallets.len())).cloned().unwrap_or_default();
    let amount = Some(Money { currency_code: "USD".into(), units: 0, nanos: 10_000_000 });
    (
        id,
        PostDebitRequest { request_id: id.to_string(), wallet, amount, description: String::new() },
    )
}

/// One debit a call.
pub fn unary(sessions: Vec<Session>, wallets: Wallets) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let (id, request) = debit(&wallets);
        Box::pin(
            async move { session?.postings().post_debit(request).await.ok().map(|_| vec![id]) },
        )
    }
}

/// Many debits a call.
fn bulk(sessions: Vec<Session>, wallets: Wallets) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let (ids, debits): (Vec<_>, _) = (0..BULK).map(|_| debit(&wallets)).unzip();
        Box::pin(async move {
            let answer = session?
                .postings()
                .post_debits(PostDebitsRequest { debits })
                .await
                .ok()?
                .into_inner();
            assert!(
                answer.results.iter().all(|result| result.posting.is_some()),
                "every debit of a bulk is posted"
            );
            Some(ids)
        })
    }
}

/// Many uses a stream.
fn stream(sessions: Vec<Session>, wallets: Wallets) -> impl Fn(usize) -> Call + Clone {
    let sessions = Arc::new(sessions);
    move |caller| {
        let session = sessions.get(caller % sessions.len()).cloned();
        let (ids, records): (Vec<_>, Vec<_>) = (0..BULK).map(|_| usage(&wallets)).unzip();
        Box::pin(async move {
            let tally = session?
                .usage()
                .record_usage_stream(tokio_stream::iter(records))
                .await
                .ok()?
                .into_inner();
            assert_eq!(
                usize::try_from(tally.recorded_count),
                Ok(ids.len()),
                "every use of a stream is recorded"
            );
            Some(ids)
        })
    }
}

fn usage(wallets: &Wallets) -> (Uuid, RecordUsageStreamRequest) {
    let (id, debit) = debit(wallets);
    let record = RecordUsageRequest {
        request_id: debit.request_id,
        wallet: debit.wallet,
        product: "calls".into(),
        quantity: Some(Decimal { value: "2".into() }),
        unit_price: Some(Money { currency_code: "USD".into(), units: 0, nanos: 5_000_000 }),
        usage_time: None,
        ..Default::default()
    };
    (id, RecordUsageStreamRequest { record: Some(record) })
}

/// The ways that are measured, turn by turn.
struct Ways {
    tpcb: Way,
    alone: Way,
    one: Way,
    spread: Way,
    hot: Way,
    bulk: Way,
    stream: Way,
    waits: [Vec<f64>; 3],
}

/// Measures, and prints the tables.
pub async fn run(measure: &Measure) {
    let durable = Durable::start(measure).await;
    baseline::prepare(&durable, measure.quick);
    let stage = Stage::start(Some(&durable)).await;
    let machine = durable.machine(&stage, &["wallet"]).await;
    let owner = durable.rows().await;
    let hot: Wallets = Arc::new(vec![stage.wallet.clone()]);
    let many: Wallets = Arc::new(crowd::wallets(&owner, &stage.wallet, measure.accounts).await);
    let idle = ["wallet", "invoicing", "credit", "plans", "gateway"]
        .map(|name| (name, stage.services.pid(name).map_or(0.0, memory)));
    baseline::prepare_single(&owner).await;
    let mut ways = Ways {
        tpcb: Way::new("pgbench TPC-B"),
        alone: Way::new("SQL, a transaction each"),
        one: Way::new("debits, one caller"),
        spread: Way::new("debits, spread"),
        hot: Way::new("debits, one wallet"),
        bulk: Way::new("debits, bulk of 500"),
        stream: Way::new("uses, streams of 500"),
        waits: Default::default(),
    };
    let mut acknowledged = Vec::new();
    let connections = measure.callers.div_ceil(SHARED);
    acknowledged.extend(warm_up(measure, &stage, connections, &many).await);
    books::know(&owner).await;
    let (before, known) = (books::sizes(&owner).await, acknowledged.len());
    for _ in 0..measure.rounds {
        baseline::tpcb(&durable, &machine, measure.seconds, &mut ways.tpcb).await;
        baseline::single(&durable, &machine, measure.seconds, &mut ways.alone, measure.accounts)
            .await;
        let lasting = Duration::from_secs(measure.seconds);
        let sessions = |count| stage.straight("wallet", count);
        let turns = [
            (
                &mut ways.spread,
                turn(
                    &machine,
                    closed(measure.callers, lasting, unary(sessions(connections), many.clone())),
                )
                .await,
            ),
            (
                &mut ways.hot,
                turn(
                    &machine,
                    closed(measure.callers, lasting, unary(sessions(connections), hot.clone())),
                )
                .await,
            ),
            (
                &mut ways.bulk,
                turn(&machine, closed(SENDERS, lasting, bulk(sessions(SENDERS), many.clone())))
                    .await,
            ),
            (
                &mut ways.stream,
                turn(&machine, closed(SENDERS, lasting, stream(sessions(SENDERS), many.clone())))
                    .await,
            ),
            (
                &mut ways.one,
                turn(&machine, closed(1, lasting, unary(sessions(1), many.clone()))).await,
            ),
        ];
        for (way, (done, cost)) in turns {
            way.add(&done, cost);
            acknowledged.extend(done.ids);
        }
        let pace = if measure.quick { PACE / 10 } else { PACE };
        let spread = paced(pace, lasting, unary(sessions(connections), many.clone())).await;
        let one = paced(pace, lasting, unary(sessions(connections), hot.clone())).await;
        for (waits, wait) in
            ways.waits.iter_mut().zip([spread.wait_of(0.99), one.wait_of(0.99), one.wait_of(0.5)])
        {
            waits.push(wait);
        }
        acknowledged.extend(spread.ids.into_iter().chain(one.ids));
    }
    books::hold(&owner, &acknowledged, false).await;
    let stored =
        books::stored(&owner, &before, acknowledged.len() - known + ways.alone.count()).await;
    let crashed = crash(&durable, &stage, &many, &owner, acknowledged).await;
    let small = sqlite(measure).await;
    let targets = targets(&ways, &stored, &small, idle.map(|(_, mb)| mb));
    let [spread99, hot99, hot50] = ways.waits.clone().map(median);
    let more = json!({
        "spans": stage.spans(measure), "idle_mb": idle.map(|(name, mb)| json!({ name: mb })), "stored": stored.tables, "acknowledged_before_the_crash": crashed,
        "waits_ms": { "spread_p99": spread99, "one_p99": hot99, "one_p50": hot50 },
        "sqlite": { "one_caller_a_second": small.one, "callers_a_second": small.many },
    });
    report::print(
        measure,
        &[ways.tpcb, ways.alone, ways.one, ways.spread, ways.hot, ways.bulk, ways.stream],
        &targets,
        &more,
    );
}

/// Debits and uses before anything is measured; answers the request ids that were acknowledged.
async fn warm_up(
    measure: &Measure,
    stage: &Stage,
    connections: usize,
    many: &Wallets,
) -> Vec<Uuid> {
    let warm = closed(
        measure.callers,
        Duration::from_secs(1),
        unary(stage.straight("wallet", connections), many.clone()),
    )
    .await;
    let used = closed(
        SENDERS,
        Duration::from_secs(1),
        stream(stage.straight("wallet", SENDERS), many.clone()),
    )
    .await;
    warm.ids.into_iter().chain(used.ids).collect()
}

/// The ratios, with what is asked of them.
fn targets(ways: &Ways, stored: &books::Stored, small: &Small, idle: [f64; 5]) -> Vec<Target> {
    let idle_most = idle.into_iter().fold(0.0, f64::max);
    let [spread99, hot99, hot50] = ways.waits.clone().map(median);
    let database =
        |way: &Way| way.of_each(|cost| cost.database) / ways.tpcb.of_each(|cost| cost.database);
    let log = ways.spread.of_each(|cost| cost.log as f64);
    vec![
        Target::at_least("1 unary debits / TPC-B", ways.spread.rate() / ways.tpcb.rate(), 4.0, 2.0),
        Target::at_least("2 bulk debits / TPC-B", ways.bulk.rate() / ways.tpcb.rate(), 10.0, 6.0),
        Target::at_least(
            "2 streamed uses / TPC-B",
            ways.stream.rate() / ways.tpcb.rate(),
            10.0,
            6.0,
        ),
        Target::at_least("3 one wallet / spread", ways.hot.rate() / ways.spread.rate(), 0.95, 0.7),
        Target::at_most(
            "4 database CPU of a debit / of TPC-B, unary",
            database(&ways.spread),
            0.10,
            0.25,
        ),
        Target::at_most("4 the same, bulk", database(&ways.bulk), 0.07, 0.12),
        Target::at_least(
            "5 debits per sync, unary",
            ways.spread.per(|cost| cost.syncs as f64),
            100.0,
            40.0,
        ),
        Target::at_most("6 at 1,000 a second: p99 one wallet / spread", hot99 / spread99, 1.2, 2.0),
        Target::at_most("6 the same: p99 / p50, one wallet", hot99 / hot50, 4.0, 8.0),
        Target::at_most("9 log bytes of a debit", log, 1_100.0, 1_800.0),
        Target::at_most("9 stored bytes of a posting", stored.total, 550.0, 900.0),
        Target::at_most("10 idle memory of a service, MB", idle_most, 20.0, 40.0),
        Target::at_most("10 exec to serving, ms", small.start * 1_000.0, 150.0, 1_000.0),
        Target::at_least("11 SQLite: 512 callers / 1 caller", small.many / small.one, 6.0, 3.0),
    ]
}

/// A turn and what it cost.
pub async fn turn(
    machine: &Machine,
    load: impl Future<Output = Done>,
) -> (Done, crate::machine::Reading) {
    let before = machine.read().await;
    let done = load.await;
    (done, machine.read().await.since(before))
}

/// The database stops at once in the middle of the load; what was acknowledged is there. Answers
/// how much that was.
async fn crash(
    durable: &Durable,
    stage: &Stage,
    wallets: &Wallets,
    owner: &sea_orm::DatabaseConnection,
    before: Vec<Uuid>,
) -> usize {
    let Some(private) = &durable.private else { return 0 };
    let load = tokio::spawn(closed(
        64,
        Duration::from_secs(3),
        unary(stage.straight("wallet", 4), wallets.clone()),
    ));
    tokio::time::sleep(Duration::from_millis(700)).await;
    private.stop_at_once();
    private.start_again();
    let done = load.await.expect("callers end");
    let count = done.ids.len();
    assert!(count > 0, "something was acknowledged before the stop");
    let acknowledged: Vec<_> = before.into_iter().chain(done.ids).collect();
    books::hold(owner, &acknowledged, true).await;
    count
}

/// What the embedded database does.
struct Small {
    one: f64,
    many: f64,
    start: f64,
}

async fn sqlite(measure: &Measure) -> Small {
    let mut stage = Stage::start(None).await;
    let wallets: Wallets = Arc::new(vec![stage.wallet.clone()]);
    let (mut one, mut many, mut start) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..measure.rounds {
        let lasting = Duration::from_secs(measure.seconds);
        let alone = closed(1, lasting, unary(stage.straight("wallet", 1), wallets.clone())).await;
        let connections = measure.callers.div_ceil(SHARED);
        let all = closed(
            measure.callers,
            lasting,
            unary(stage.straight("wallet", connections), wallets.clone()),
        )
        .await;
        one.push(alone.ids.len() as f64 / alone.seconds);
        many.push(all.ids.len() as f64 / all.seconds);
        let before = std::time::Instant::now();
        stage.services.restart("wallet", None).await;
        let read = GetBalanceRequest { name: stage.wallet.clone(), as_of: None };
        let session = stage.straight("wallet", 1).pop().expect("a session");
        while session.wallets().get_balance(read.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        start.push(before.elapsed().as_secs_f64());
    }
    Small { one: median(one), many: median(many), start: median(start) }
}
