//! What was acknowledged stays, also while other callers' deadlines pass in the middle of their
//! calls and their connections are cut: on PostgreSQL, on PostgreSQL at the end of a slow line, and
//! on SQLite, one after the other.

use crate::{
    Measure,
    stage::{Durable, Stage},
};
use futures::{StreamExt, stream};
use payterms_chassis::{call::Caller, sql};
use payterms_proto::{
    invoicing::v1::{CreateCustomerRequest, Customer},
    wallet::v1::{
        GetWalletRequest, GrantCreditRequest, OpenWalletRequest, PostDebitRequest,
        PostDebitResponse,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    start::development_token,
};
use payterms_testkit::{
    people::person,
    postgres::open,
    rig::{Rig, retry},
    slow_line::SlowLine,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use sea_orm::DatabaseConnection;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};
use tonic::Request;
use uuid::Uuid;

/// Callers with time: two that are each alone on a wallet, which takes the single-call path, and
/// some together.
const ALONE: usize = 2;
const TOGETHER: usize = 12;
/// Callers whose deadlines are short, and who go away.
const HASTY: usize = 12;
/// Calls of one session: its token lives ten minutes.
const OF_SESSION: usize = 500;
/// Requests of a place that are asked again at its end.
const ASKED_AGAIN: usize = 2_000;
/// How late the database answers at the end of the slow line.
const LATE: Duration = Duration::from_millis(2);

/// What came of the calls of a caller.
#[derive(Debug, Default)]
struct Called {
    /// Requests that were answered, with the first bytes of some.
    acknowledged: Vec<Uuid>,
    answers: Vec<(PostDebitRequest, Vec<u8>)>,
    /// Requests without an answer: whether they have an effect is not known.
    cut: Vec<Uuid>,
}

/// Plays the load on each place and asserts that nothing is lost; prints what was counted.
pub async fn run(measure: &Measure, minutes: u64) {
    let each =
        if measure.quick { Duration::from_secs(6) } else { Duration::from_secs(minutes * 60) / 3 };
    println!(
        "| place | acknowledged | cut off | missing | stored twice | asked again, answered otherwise |"
    );
    println!("|---|---|---|---|---|---|");
    for (place, late) in [("PostgreSQL", None), ("PostgreSQL, 2 ms away", Some(LATE))] {
        let durable = Durable::start(measure).await;
        let stage = Stage::start(Some(&durable)).await;
        let stage = match late {
            Some(late) => {
                stage
                    .behind(|server| async move { SlowLine::open(server, late).await.address })
                    .await
            }
            None => stage,
        };
        let called = load(&stage, each).await;
        hold(place, &stage, &durable.rows().await, "wallet.", called).await;
    }
    let stage = Stage::start(None).await;
    let called = load(&stage, each).await;
    let file = stage.services.rig().data().join("wallet.db");
    hold("SQLite", &stage, &open(format!("sqlite:{}", file.display())).await, "", called).await;
}

fn session(stage: &Stage, subject: &str) -> Session {
    let rig = stage.services.rig();
    let caller = Caller { subject: subject.to_owned(), ..person("acme", "SERVICE", None) };
    let token = development_token(&rig.data().join("keys"), &caller, 600).expect("a token");
    Session::new(rig.gateway, &token).expect("a session")
}

async fn load(stage: &Stage, lasting: Duration) -> Vec<Called> {
    let (rig, mut wallets) = (stage.services.rig(), Vec::new());
    for _ in 0..ALONE + 2 {
        let wallet = wallet(rig).await;
        let (request_id, amount) = (request_id(), amount("USD", 1_000_000, 0));
        let grant = GrantCreditRequest {
            request_id,
            wallet: wallet.clone(),
            amount,
            ..GrantCreditRequest::default()
        };
        rig.someone("STAFF", None).lots().grant_credit(grant).await.expect("credit");
        wallets.push(wallet);
    }
    // The load begins once its wallets are there.
    let until = Instant::now() + lasting;
    let (alone, shared) = wallets.split_at(ALONE);
    let [together, hurried] = shared else { return Vec::new() };
    let alone = stream::iter(alone.iter().enumerate())
        .map(|(nth, wallet)| caller(stage, wallet, format!("alone:{nth}"), nth, false, until))
        .boxed();
    let many = stream::iter(0..TOGETHER)
        .map(|nth| caller(stage, together, "together".to_owned(), 100 + nth, false, until))
        .boxed();
    let hasty = stream::iter(0..HASTY)
        .map(|nth| caller(stage, hurried, "hasty".to_owned(), 200 + nth, true, until))
        .boxed();
    alone.chain(many).chain(hasty).buffer_unordered(ALONE + TOGETHER + HASTY).collect().await
}

/// A wallet of a customer of its own. The services have just begun: what one of them has not heard
/// yet is asked again.
async fn wallet(rig: &Rig) -> String {
    let customer = Customer {
        legal_name: "Brightside Ltd".to_owned(),
        country: "GB".to_owned(),
        ..Customer::default()
    };
    let create = CreateCustomerRequest {
        request_id: request_id(),
        parent: "tenants/acme".to_owned(),
        customer: Some(customer),
        ..Default::default()
    };
    let owner = rig.someone("OWNER", None);
    let made =
        retry(async || owner.customers().create_customer(create.clone()).await).await.into_inner();
    let parent = made.customer.unwrap_or_default().name;
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent,
        currency_code: "USD".to_owned(),
        ..Default::default()
    };
    let service = rig.someone("SERVICE", None);
    retry(async || service.wallets().open_wallet(open.clone()).await)
        .await
        .into_inner()
        .wallet
        .unwrap_or_default()
        .name
}

async fn caller(
    stage: &Stage,
    wallet: &str,
    subject: String,
    seed: usize,
    hasty: bool,
    until: Instant,
) -> Called {
    let (mut dice, mut called) = (StdRng::seed_from_u64(seed as u64), Called::default());
    while Instant::now() < until {
        let session = session(stage, &subject);
        for _ in 0..OF_SESSION {
            if Instant::now() >= until {
                break;
            }
            let deadline = if hasty {
                Duration::from_millis(dice.random_range(1..200))
            } else {
                Duration::from_secs(30)
            };
            if hasty {
                // They are many, and answered at once when they give up: without a pause nobody
                // else would be heard.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            if hasty && dice.random_bool(0.5) {
                let mut read = Request::new(GetWalletRequest { name: wallet.to_owned() });
                read.set_timeout(deadline / 4);
                let _ = session.wallets().get_wallet(read).await;
                continue;
            }
            // Some go away before their deadline: their stream is reset.
            let patience = if hasty && dice.random_bool(0.3) { deadline / 2 } else { deadline * 2 };
            let id = Uuid::from_u128(dice.random());
            let debit = PostDebitRequest {
                request_id: id.to_string(),
                wallet: wallet.to_owned(),
                amount: amount("USD", 0, 1),
                ..PostDebitRequest::default()
            };
            let mut request = Request::new(debit.clone());
            request.set_timeout(deadline);
            match tokio::time::timeout(patience, session.postings().post_debit(request)).await {
                Ok(Ok(answer)) => {
                    called.acknowledged.push(id);
                    if called.answers.len() < ASKED_AGAIN / HASTY {
                        called
                            .answers
                            .push((debit, prost::Message::encode_to_vec(answer.get_ref())));
                    }
                }
                _ => called.cut.push(id),
            }
        }
    }
    called
}

/// Asserts that each acknowledged request has its row once, that each row is of a request that was
/// sent, and that what is asked again is answered as it was.
async fn hold(
    place: &str,
    stage: &Stage,
    rows: &DatabaseConnection,
    schema: &str,
    called: Vec<Called>,
) {
    let mut stored: HashMap<Uuid, usize> = HashMap::new();
    let again = stream::iter(called.iter().flat_map(|called| &called.answers)).map(
        async |(request, answer)| {
            let session = session(stage, "again");
            let again: PostDebitResponse = session
                .postings()
                .post_debit(request.clone())
                .await
                .expect("an answer")
                .into_inner();
            prost::Message::encode_to_vec(&again) == *answer
        },
    );
    let otherwise =
        again.buffer_unordered(8).filter(|same| std::future::ready(!same)).count().await;
    let select = format!("SELECT request_id FROM {schema}transfers WHERE request_id IS NOT NULL");
    for row in sql::all(rows, &select, vec![]).await.expect("ids") {
        *stored.entry(row.try_get("", "request_id").expect("an id")).or_default() += 1;
    }
    let acknowledged = called.iter().map(|called| called.acknowledged.len()).sum::<usize>();
    let cut = called.iter().map(|called| called.cut.len()).sum::<usize>();
    let missing = called
        .iter()
        .flat_map(|called| &called.acknowledged)
        .filter(|id| !stored.contains_key(id))
        .count();
    let twice = stored.values().filter(|count| **count > 1).count();
    println!("| {place} | {acknowledged} | {cut} | {missing} | {twice} | {otherwise} |");
    assert_eq!((missing, twice, otherwise), (0, 0, 0), "{place}");
    let sent: std::collections::HashSet<_> =
        called.iter().flat_map(|called| called.acknowledged.iter().chain(&called.cut)).collect();
    assert!(stored.keys().all(|id| sent.contains(id)), "no row is of a request that nobody sent");
    assert!(acknowledged > 0 && cut > 0, "both kinds of callers were there");
}
