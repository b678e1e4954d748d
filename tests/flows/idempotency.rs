//! One request id has one effect, whoever sends it and however often.

use crate::{
    invariants,
    wallets::{debit, grant},
};
use payterms_proto::wallet::v1::{
    GetWalletRequest, PostDebitRequest, PostDebitResponse, PostDebitsRequest,
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;
use tonic::Code;

on_both!(
    twenty_sends_of_one_id_give_one_effect_and_equal_bytes,
    an_id_with_other_content_is_refused,
    debits_in_bulk_are_those_sent_alone,
);

async fn twenty(world: &World, wallet: &str, sessions: &[Session]) {
    let request = debit(wallet, amount("USD", 1, 0));
    let calls = (0..20).map(|n| {
        let (session, request) = (sessions[n % sessions.len()].clone(), request.clone());
        tokio::spawn(async move { session.postings().post_debit(request).await })
    });
    let answers: Vec<_> = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|call| call.unwrap().unwrap())
        .collect();
    let replayed = answers
        .iter()
        .filter(|answer| answer.metadata().contains_key("idempotent-replayed"))
        .count();
    let bytes: Vec<_> = answers
        .into_iter()
        .map(|answer| PostDebitResponse::encode_to_vec(answer.get_ref()))
        .collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    assert_eq!(replayed, 19);
    let read = GetWalletRequest { name: wallet.into() };
    let after = world
        .someone("STAFF", None)
        .wallets()
        .get_wallet(read)
        .await
        .unwrap()
        .into_inner()
        .wallet
        .unwrap();
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
    let other = PostDebitRequest { amount: amount("USD", 2, 0), ..request };
    let refused = service.postings().post_debit(other).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "REQUEST_ID_REUSED")
    );
    invariants::hold(world).await;
}

/// A debit is the same one, sent alone or with others; each is refused alone.
async fn debits_in_bulk_are_those_sent_alone(world: &World) {
    let (_, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    let service = world.someone("SERVICE", None);
    let usd = |units| debit(&wallet, amount("USD", units, 0));
    let (one, two, too_much, nothing) = (usd(4), usd(5), usd(7), usd(0));
    let other = PostDebitRequest { amount: amount("USD", 1, 0), ..one.clone() };
    let alone = service.postings().post_debit(one.clone()).await.unwrap().into_inner().posting;
    let debits = vec![one, too_much, two.clone(), nothing, two.clone(), other];
    let told = async || {
        let request = PostDebitsRequest { debits: debits.clone() };
        service.postings().post_debits(request).await.unwrap().into_inner().results
    };
    let first = told().await;
    let short: Vec<_> = first
        .iter()
        .map(|result| (result.posting.is_some(), result.replayed, result.reason.as_str()))
        .collect();
    let refused = |reason| (false, false, reason);
    assert_eq!(
        short,
        [
            (true, true, ""),
            refused("INSUFFICIENT_FUNDS"),
            (true, false, ""),
            refused("AMOUNT_NOT_POSITIVE"),
            (true, true, ""),
            refused("REQUEST_ID_REUSED"),
        ]
    );
    assert_eq!((&first[0].posting, &first[4].posting), (&alone, &first[2].posting));
    assert!(first.iter().zip(&debits).all(|(result, debit)| result.request_id == debit.request_id));
    assert_eq!(
        service.postings().post_debit(two).await.unwrap().into_inner().posting,
        first[2].posting
    );
    assert!(told().await.iter().all(|result| result.posting.is_none() || result.replayed));
    let many = PostDebitsRequest { debits: vec![usd(1); 501] };
    assert_eq!(reason(&service.postings().post_debits(many).await.unwrap_err()), "TOO_MANY_ITEMS");
    invariants::hold(world).await;
}
