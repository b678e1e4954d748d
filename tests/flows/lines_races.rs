//! Many at once, on one replica and on two: draws never pass the limit, one request id has one
//! effect, and a card is not removed between the wallet's look at it and the switch.

use crate::{
    invariants,
    invariants_of_credit::credit_agrees,
    lines::{active, offered, usd},
    top_ups::card,
};
use payterms_proto::{
    credit::{
        peers::v1::{
            AuthorizeForPaymentRequest, CaptureForPaymentRequest, InvoiceToDefer,
            VoidForPaymentRequest,
        },
        v1::{
            ActivateLineRequest, ActivateLineResponse, DeactivateLineRequest, Programme,
            ReactivateLineRequest, credit_line::State,
        },
    },
    wallet::v1::{ListPaymentMethodsRequest, RemovePaymentMethodRequest, payment_method::Kind},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;
use tonic::{Code, Response, Status};

on_both!(draws_at_once_never_pass_the_limit, a_card_is_removed_while_the_line_is_put_aside);

/// Draws at once, of 1.00 each, against room for less.
const DRAWS: usize = 1_000;
const ROOM: i64 = 130;

async fn draws_at_once_never_pass_the_limit(world: &World) {
    let peer = world.peer("invoicing", "credit");
    draws(world, &[peer], 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_draws_on_two_replicas_never_pass_the_limit() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let peers = [world.peer("invoicing", "credit"), world.peer_at(&replica, "invoicing", "credit")];
    draws(&world, &peers, DRAWS).await;
    replica.stop().await;
    world.end().await;
}

/// The answer of a call; who waited too long for a connection comes again with the same request, as
/// flows do.
async fn answered<T, F: Future<Output = Result<Response<T>, Status>>>(
    call: impl Fn() -> F,
) -> Result<Response<T>, Status> {
    loop {
        let answer = call().await;
        let busy =
            |status: &Status| matches!(status.code(), Code::Unavailable | Code::ResourceExhausted);
        if !answer.as_ref().is_err_and(busy) {
            return answer;
        }
    }
}

async fn draws(world: &World, peers: &[Session], many: usize) {
    let credit = active(world, ROOM).await;
    let (name, customer) = (credit.line.name.clone(), credit.customer.clone());
    let of = |what: &str| format!("{customer}/{what}/{}", request_id());
    let request = (0..many).map(|_| AuthorizeForPaymentRequest {
        request_id: request_id(),
        name: name.clone(),
        payment: of("payments"),
        invoices: vec![InvoiceToDefer { invoice: of("invoices"), amount: usd(1) }],
    });
    let request: Vec<_> = request.collect();
    let calls = request.iter().zip(peers.iter().cycle()).map(|(sent, peer)| {
        let (sent, peer) = (sent.clone(), peer.clone());
        tokio::spawn(async move {
            let call = || {
                let (peer, sent) = (peer.clone(), sent.clone());
                async move { peer.payment_draws().authorize_for_payment(sent).await }
            };
            (answered(call).await, sent)
        })
    });
    let done = futures::future::join_all(calls).await.into_iter().map(Result::unwrap);
    let (won, lost): (Vec<_>, Vec<_>) = done.partition(|(answer, _)| answer.is_ok());
    assert_eq!(won.len(), usize::try_from(ROOM).unwrap(), "as many as there was room for");
    for (refused, _) in &lost {
        assert_eq!(reason(refused.as_ref().unwrap_err()), "CREDIT_LIMIT_EXCEEDED");
    }
    assert_eq!(credit.read().await.exposure, usd(ROOM));
    // Some are captured and some given back, each by both replicas at once; what was refused stays
    // refused.
    let ends = won.iter().enumerate().map(|(place, (_, sent))| {
        let (sent, peers) = (sent.clone(), peers.to_vec());
        async move {
            for peer in peers.iter().cycle().take(2) {
                let (name, payment) = (sent.name.clone(), sent.payment.clone());
                let step =
                    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, payment.as_bytes()).to_string();
                if place % 3 == 0 {
                    let void = VoidForPaymentRequest { request_id: step, name, payment };
                    answered(|| async {
                        peer.payment_draws().void_for_payment(void.clone()).await
                    })
                    .await
                    .unwrap();
                } else {
                    let capture = CaptureForPaymentRequest { request_id: step, name, payment };
                    answered(|| async {
                        peer.payment_draws().capture_for_payment(capture.clone()).await
                    })
                    .await
                    .unwrap();
                }
            }
        }
    });
    futures::future::join_all(ends).await;
    let given_back = won.len().div_ceil(3);
    assert_eq!(credit.read().await.exposure, usd(ROOM - i64::try_from(given_back).unwrap()));
    let (_, refused) = &lost[0];
    let again = AuthorizeForPaymentRequest { request_id: request_id(), ..refused.clone() };
    assert_eq!(
        reason(&peers[0].payment_draws().authorize_for_payment(again).await.unwrap_err()),
        "CREDIT_LIMIT_EXCEEDED"
    );
    let (_, voided) = &won[0];
    let again = AuthorizeForPaymentRequest { request_id: request_id(), ..voided.clone() };
    assert_eq!(
        reason(&peers[0].payment_draws().authorize_for_payment(again).await.unwrap_err()),
        "DRAW_STATE",
        "it was given up"
    );
    invariants::hold(world).await;
}

async fn a_card_is_removed_while_the_line_is_put_aside(world: &World) {
    let credit = active(world, 100).await;
    for _ in 0..6 {
        let list =
            ListPaymentMethodsRequest { parent: credit.customer.clone(), ..Default::default() };
        let methods = credit
            .admin
            .methods()
            .list_payment_methods(list)
            .await
            .unwrap()
            .into_inner()
            .payment_methods;
        let cards = methods
            .iter()
            .filter(|payment_method| payment_method.kind() == Kind::Card)
            .map(|payment_method| {
                let remove = RemovePaymentMethodRequest {
                    request_id: request_id(),
                    name: payment_method.name.clone(),
                    ..Default::default()
                };
                let admin = credit.admin.clone();
                async move { admin.methods().remove_payment_method(remove).await }
            });
        let off =
            DeactivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
        let off = async { credit.admin.lines().deactivate_line(off).await };
        let (removed, off) = tokio::join!(futures::future::join_all(cards), off);
        assert!(removed.iter().all(Result::is_ok));
        // Either the card went first and the line stayed, or the line went first and had a card in
        // its place.
        match off {
            Ok(answer) => {
                assert_eq!(answer.into_inner().credit_line.unwrap().state(), State::Inactive);
                assert_eq!(credit.pointers().await, (None, None));
                card(world, &credit.admin, &credit.customer, "tok_visa").await;
                let on = ReactivateLineRequest {
                    request_id: request_id(),
                    name: credit.line.name.clone(),
                };
                credit.admin.lines().reactivate_line(on).await.unwrap();
            }
            Err(status) => {
                assert_eq!(reason(&status), "OTHER_METHOD_REQUIRED");
                assert_eq!(credit.pointers().await, (Some(Kind::CreditLine), None));
                card(world, &credit.admin, &credit.customer, "tok_visa").await;
            }
        }
    }
    credit_agrees(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_activations_on_two_replicas_give_one_answer() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let credit = offered(&world, 100, Programme::default()).await;
    let token =
        replica.token(&person("acme", "CUSTOMER_ADMIN", Some(&credit.customer)), 600).unwrap();
    let admins = [credit.admin.clone(), Session::new(replica.gateway, &token).unwrap()];
    let request = ActivateLineRequest { request_id: request_id(), name: credit.line.name.clone() };
    let calls = admins.iter().cycle().take(20).map(|session| {
        let (session, sent) = (session.clone(), request.clone());
        tokio::spawn(async move { session.lines().activate_line(sent).await })
    });
    let answers = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|call| call.unwrap().unwrap().into_inner());
    let bytes: Vec<_> =
        answers.map(|answer| ActivateLineResponse::encode_to_vec(&answer)).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    assert_eq!(credit.verbs().await, ["OFFER", "ACTIVATE"]);
    credit_agrees(&world).await;
    replica.stop().await;
    world.end().await;
}
