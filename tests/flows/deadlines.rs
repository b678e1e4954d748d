//! What was acknowledged stays (I36), also while other callers' deadlines pass in the middle of
//! their calls and their connections are cut: each acknowledged request id has its rows once, and
//! each request id that has rows is answered with what they say.

use crate::{
    invariants::{self, rows_of, selected},
    wallets::{debit, grant},
};
use futures::{StreamExt, future::join_all};
use payterms_proto::wallet::v1::{
    AuthorizeHoldRequest, AuthorizeHoldResponse, GetWalletRequest, PostDebitRequest,
    PostDebitResponse,
};
use payterms_suite::{Session, Suite, client::amount};
use payterms_testkit::{Database, World, people::person};
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tonic::{Code, Request, Status};

/// Callers with time, whose answers must stay; callers without, who are cut off in the middle.
const PATIENT: usize = 2;
const HASTY: usize = 4;

#[derive(Debug, Clone)]
enum Ask {
    Debit(PostDebitRequest),
    Hold(AuthorizeHoldRequest),
}

impl Ask {
    fn of(wallet: &str, dice: &mut StdRng) -> Self {
        let debit = debit(wallet, amount("USD", 0, 10));
        if dice.random_bool(0.7) {
            return Self::Debit(debit);
        }
        let PostDebitRequest { request_id, wallet, amount, .. } = debit;
        Self::Hold(AuthorizeHoldRequest { request_id, wallet, amount, ..Default::default() })
    }

    fn id(&self) -> String {
        match self {
            Self::Debit(debit) => debit.request_id.clone(),
            Self::Hold(hold) => hold.request_id.clone(),
        }
    }

    /// Calls within a deadline; the answer's bytes.
    async fn send(&self, session: &Session, deadline: Duration) -> Result<Vec<u8>, Status> {
        match self {
            Self::Debit(debit) => {
                let mut request = Request::new(debit.clone());
                request.set_timeout(deadline);
                session
                    .postings()
                    .post_debit(request)
                    .await
                    .map(|answer| PostDebitResponse::encode_to_vec(answer.get_ref()))
            }
            Self::Hold(hold) => {
                let mut request = Request::new(hold.clone());
                request.set_timeout(deadline);
                session
                    .holds()
                    .authorize_hold(request)
                    .await
                    .map(|answer| AuthorizeHoldResponse::encode_to_vec(answer.get_ref()))
            }
        }
    }
}

/// What was asked, and the answer where one came.
type Called = Vec<(Ask, Option<Vec<u8>>)>;

async fn patient(session: Session, wallet: String, seed: u64, calls: usize) -> Called {
    let (mut dice, mut called) = (StdRng::seed_from_u64(seed), Vec::new());
    for _ in 0..calls {
        let ask = Ask::of(&wallet, &mut dice);
        let answer = ask.send(&session, Duration::from_secs(30)).await.unwrap();
        called.push((ask, Some(answer)));
    }
    called
}

/// Writes and reads with deadlines of 1 to 200 ms; every third call is dropped by the client before
/// its deadline, which resets its stream.
async fn hasty(
    session: Session,
    wallet: String,
    seed: u64,
    done: tokio_util::sync::CancellationToken,
) -> Called {
    let (mut dice, mut called) = (StdRng::seed_from_u64(seed), Vec::new());
    while !done.is_cancelled() {
        let deadline = Duration::from_millis(dice.random_range(1..200));
        if dice.random_bool(0.6) {
            let mut read = Request::new(GetWalletRequest { name: wallet.clone() });
            read.set_timeout(deadline / 4);
            let _ = session.wallets().get_wallet(read).await;
            continue;
        }
        let ask = Ask::of(&wallet, &mut dice);
        let patience = if dice.random_bool(0.3) { deadline / 2 } else { deadline * 2 };
        let answer = tokio::time::timeout(patience, ask.send(&session, deadline)).await;
        if let Ok(Err(status)) = &answer {
            let over = [
                Code::DeadlineExceeded,
                Code::Cancelled,
                Code::ResourceExhausted,
                Code::Unavailable,
            ];
            assert!(over.contains(&status.code()), "{status:?}");
        }
        called.push((ask, answer.ok().and_then(Result::ok)));
    }
    called
}

/// Patient callers make so many calls each; the hasty ones call until these are through.
async fn nothing_acknowledged_is_lost(world: &World, suite: &Suite, calls: usize) {
    let (_, first) = world.usual().await;
    let customer = world.customer("acme", "GB").await;
    let second = world.wallet(&customer, "USD").await;
    for wallet in [&first, &second] {
        grant(world, wallet, amount("USD", 1_000, 0), 0).await;
    }
    let caller = || {
        Session::new(suite.gateway, &suite.token(&person("acme", "SERVICE", None), 600).unwrap())
            .unwrap()
    };
    let done = tokio_util::sync::CancellationToken::new();
    let hasty = (0..HASTY)
        .map(|nth| tokio::spawn(hasty(caller(), second.clone(), nth as u64, done.clone())));
    let hasty: Vec<_> = hasty.collect();
    let patient = (0..PATIENT)
        .map(|nth| tokio::spawn(patient(caller(), first.clone(), 100 + nth as u64, calls)));
    let mut called: Called = join_all(patient).await.into_iter().flat_map(Result::unwrap).collect();
    done.cancel();
    called.extend(join_all(hasty).await.into_iter().flat_map(Result::unwrap));

    // What is asked again is answered as it was; it also waits for what still goes on.
    let service = caller();
    let again = futures::stream::iter(&called)
        .map(async |(ask, _)| ask.send(&service, Duration::from_secs(30)).await.unwrap());
    let again: Vec<_> = again.buffered(8).collect().await;
    for ((ask, answer), again) in called.iter().zip(&again) {
        assert!(
            answer.as_ref().is_none_or(|answer| answer == again),
            "answered otherwise the second time: {ask:?}"
        );
    }
    let kept: BTreeSet<_> = called.iter().map(|(ask, _)| ask.id().replace('-', "")).collect();
    let (conn, s) = rows_of("wallet", world.folder.path(), world.postgres.as_deref()).await;
    let ids = format!(
        "SELECT HEX(request_id)HEX FROM {s}transfers WHERE request_id IS NOT NULL AND kind = 'DEBIT' \
         UNION ALL SELECT HEX(request_id)HEX FROM {s}requests WHERE method LIKE '%AuthorizeHold'"
    );
    let mut stored: BTreeMap<String, usize> = BTreeMap::new();
    for id in selected(&conn, &ids).await {
        *stored.entry(id).or_default() += 1;
    }
    assert!(stored.values().all(|count| *count == 1), "an id has its rows once");
    let lost: Vec<_> = kept.iter().filter(|id| !stored.contains_key(*id)).collect();
    assert!(lost.is_empty(), "of {} acknowledged ids {} have no row", kept.len(), lost.len());
    assert_eq!(stored.len(), kept.len(), "no row is of an id that nobody sent");
    invariants::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    let world = World::start(Database::Sqlite).await.unwrap();
    nothing_acknowledged_is_lost(&world, &world.suite, 150).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_on_postgres() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    nothing_acknowledged_is_lost(&world, &world.suite, 150).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_far_from_postgres() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let far = world.replica_far_from_postgres(Duration::from_millis(5)).await;
    nothing_acknowledged_is_lost(&world, &far, 25).await;
    far.stop().await;
    world.end().await;
}
