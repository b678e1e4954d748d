//! Calls that are done together in one transaction: each has the effect, and the refusal, that it
//! would have alone, whatever waits beside it, and on whichever replica.

use crate::{
    invariants,
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::{
    AuthorizeHoldRequest, AuthorizeHoldResponse, CaptureHoldRequest, GetWalletRequest, Hold,
    PostDebitRequest, PostDebitResponse, VoidHoldRequest, hold::State,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;
use tonic::{Code, Response, Status};

on_both!(calls_at_once_have_the_effects_of_calls_alone);

/// Calls at once, and what is there to be taken, in whole units.
const CALLS: usize = 400;
const CREDIT: i64 = 400;

/// One call of the mix.
#[derive(Clone)]
enum Ask {
    Debit(PostDebitRequest),
    Hold(AuthorizeHoldRequest),
}

/// What it came to: the answer's bytes, and the hold where one was made.
type Came = Result<(Vec<u8>, Option<Hold>), Status>;

impl Ask {
    fn id(&self) -> &str {
        match self {
            Self::Debit(request) => &request.request_id,
            Self::Hold(request) => &request.request_id,
        }
    }

    fn units(&self) -> i64 {
        match self {
            Self::Debit(request) => request.amount.as_ref().map_or(0, |amount| amount.units),
            Self::Hold(request) => request.amount.as_ref().map_or(0, |amount| amount.units),
        }
    }

    async fn send(self, session: Session) -> Came {
        match self {
            Self::Debit(request) => {
                let answer =
                    session.postings().post_debit(request).await.map(Response::into_inner)?;
                Ok((PostDebitResponse::encode_to_vec(&answer), None))
            }
            Self::Hold(request) => {
                let answer =
                    session.holds().authorize_hold(request).await.map(Response::into_inner)?;
                Ok((AuthorizeHoldResponse::encode_to_vec(&answer), answer.hold))
            }
        }
    }
}

/// Fresh calls, repeated ones, ids with other content, and more than there is.
fn mix(wallet: &str, seed: u64) -> Vec<Ask> {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut all: Vec<Ask> = Vec::new();
    for _ in 0..CALLS {
        let units = dice.random_range(1..=4);
        let fresh = debit(wallet, amount("USD", units, 0));
        let ask = match dice.random_range(0..10) {
            0..5 => Ask::Debit(fresh),
            5..7 => {
                let (request_id, wallet, amount) = (fresh.request_id, fresh.wallet, fresh.amount);
                Ask::Hold(AuthorizeHoldRequest { request_id, wallet, amount, ..Default::default() })
            }
            7 => Ask::Debit(PostDebitRequest { amount: amount("USD", CREDIT + units, 0), ..fresh }),
            _ if all.is_empty() => Ask::Debit(fresh),
            other => {
                let known = all[dice.random_range(0..all.len())].clone();
                match known {
                    Ask::Debit(request) if other == 9 => {
                        Ask::Debit(PostDebitRequest { amount: amount("USD", 9, 0), ..request })
                    }
                    known => known,
                }
            }
        };
        all.push(ask);
    }
    all
}

async fn posted(world: &World, wallet: &str) -> (i64, i64) {
    let read = world
        .someone("STAFF", None)
        .wallets()
        .get_wallet(GetWalletRequest { name: wallet.to_owned() })
        .await
        .unwrap();
    let balance = read.into_inner().wallet.unwrap().balance.unwrap();
    (balance.posted.unwrap().units, balance.available.unwrap().units)
}

/// Plays a mix on a wallet, each call on one of the sessions; holds are taken or let go by all at
/// once.
async fn play(world: &World, wallet: &str, sessions: &[Session], seed: u64) {
    let request = mix(wallet, seed);
    let calls = request.iter().enumerate().map(|(place, ask)| {
        let (ask, session) = (ask.clone(), sessions[place % sessions.len()].clone());
        tokio::spawn(ask.send(session))
    });
    let came: Vec<Came> =
        futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    let (mut answers, mut holds, mut spent, mut held) = (BTreeMap::new(), BTreeMap::new(), 0, 0);
    for (ask, came) in request.iter().zip(&came) {
        match came {
            Ok((bytes, hold)) => {
                let known = answers.insert(ask.id().to_owned(), bytes.clone());
                assert!(
                    known.as_ref().is_none_or(|known| known == bytes),
                    "seed {seed}: one id, one answer"
                );
                if known.is_none() && hold.is_none() {
                    spent += ask.units();
                }
                if let Some(hold) = hold.clone().filter(|_| known.is_none()) {
                    held += ask.units();
                    holds.insert(hold.name.clone(), hold);
                }
            }
            Err(status) => {
                assert_eq!(status.code(), Code::FailedPrecondition, "seed {seed}: {status:?}");
                assert!(
                    ["INSUFFICIENT_FUNDS", "REQUEST_ID_REUSED"].contains(&reason(status).as_str()),
                    "seed {seed}: {status:?}"
                );
            }
        }
    }
    assert!(
        answers.len() > 100 && came.iter().filter(|came| came.is_err()).count() > 20,
        "seed {seed}: a mix"
    );
    assert_eq!(
        posted(world, wallet).await,
        (CREDIT - spent, CREDIT - spent - held),
        "seed {seed}: each id once, none lost"
    );
    let ends = holds.into_keys().enumerate().map(|(place, name)| {
        let (sessions, id) = (sessions.to_vec(), request_id());
        tokio::spawn(async move {
            let mut states = Vec::new();
            for session in sessions.iter().cycle().take(2) {
                let (request_id, name) = (id.clone(), name.clone());
                let hold = if place % 2 == 0 {
                    let capture = CaptureHoldRequest { request_id, name, ..Default::default() };
                    session.holds().capture_hold(capture).await.unwrap().into_inner().hold
                } else {
                    session
                        .holds()
                        .void_hold(VoidHoldRequest { request_id, name })
                        .await
                        .unwrap()
                        .into_inner()
                        .hold
                };
                states.push(hold.unwrap());
            }
            assert_eq!(states[0], states[1], "one answer");
            let captured = states.iter().take(1).filter(|hold| hold.state() == State::Captured);
            captured.filter_map(|hold| hold.amount.as_ref()).map(|amount| amount.units).sum::<i64>()
        })
    });
    let taken: i64 = futures::future::join_all(ends).await.into_iter().map(Result::unwrap).sum();
    let left = CREDIT - spent - taken;
    assert_eq!(
        posted(world, wallet).await,
        (left, left),
        "seed {seed}: what was held is taken or free"
    );
}

async fn with_credit(world: &World, sessions: &[Session]) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", CREDIT, 0), 0).await;
    play(world, &wallet, sessions, rand::random()).await;
    invariants::hold(world).await;
}

async fn calls_at_once_have_the_effects_of_calls_alone(world: &World) {
    with_credit(world, &[world.someone("SERVICE", None)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_at_once_on_two_replicas_too() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let token = replica.token(&person("acme", "SERVICE", None), 600).unwrap();
    let other = Session::new(replica.gateway, &token).unwrap();
    with_credit(&world, &[world.someone("SERVICE", None), other]).await;
    replica.stop().await;
    world.end().await;
}
