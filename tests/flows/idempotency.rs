//! One request id has one effect, whoever sends it and however often.

use crate::{
    invariants,
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::{GetWalletRequest, PostDebitResponse};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;
use tonic::Code;

on_both!(twenty_sends_of_one_id_give_one_effect_and_equal_bytes, an_id_with_other_content_is_refused);

async fn twenty(world: &World, wallet: &str, sessions: &[Session]) {
    let request = debit(wallet, amount("USD", 1, 0));
    let calls = (0..20).map(|n| {
        let (session, request) = (sessions[n % sessions.len()].clone(), request.clone());
        tokio::spawn(async move { session.postings().post_debit(request).await })
    });
    let answers: Vec<_> = futures::future::join_all(calls).await.into_iter().map(|call| call.unwrap().unwrap()).collect();
    let replayed = answers.iter().filter(|answer| answer.metadata().contains_key("idempotent-replayed")).count();
    let bytes: Vec<_> = answers.into_iter().map(|answer| PostDebitResponse::encode_to_vec(answer.get_ref())).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    assert_eq!(replayed, 19);
    let read = GetWalletRequest { name: wallet.into() };
    let after = world.someone("STAFF", None).wallets().get_wallet(read).await.unwrap().into_inner().wallet.unwrap();
    assert_eq!(after.balance.unwrap().posted, amount("USD", 9, 0));
    invariants::hold(world).await;
}

async fn twenty_sends_of_one_id_give_one_effect_and_equal_bytes(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    twenty(world, &wallet, &[world.someone("SERVICE", None)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_give_one_effect_too() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let (_, wallet) = world.usual().await;
    grant(&world, &wallet, amount("USD", 10, 0), 0).await;
    let token = replica.token(&person("acme", "SERVICE", None), 600).unwrap();
    let other = Session::new(replica.gateway, &token).unwrap();
    twenty(&world, &wallet, &[world.someone("SERVICE", None), other]).await;
    replica.stop().await;
    world.end().await;
}

async fn an_id_with_other_content_is_refused(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let request = debit(&wallet, amount("USD", 1, 0));
    service.postings().post_debit(request.clone()).await.unwrap();
    let other = payterms_proto::wallet::v1::PostDebitRequest { amount: amount("USD", 2, 0), ..request };
    let refused = service.postings().post_debit(other).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "REQUEST_ID_REUSED"));
    invariants::hold(world).await;
}
