//! The suite is killed around each request to Stripe and started again: a card is charged once at
//! most, what only Stripe knows is found and booked, and nothing is given back twice.

use crate::{
    invariants,
    rig::{self, People, Rig, retry, until},
    stripe::{open, saved},
    top_ups::buy,
};
use payterms_proto::wallet::v1::{
    GetMethodSetupRequest, RefundTopUpRequest, StartMethodSetupRequest, method_setup,
    payment_method::Kind, top_up, top_up_refund,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    stripe::{Card, StripeServer},
    world::{customer_of, wallet_of},
};
use tonic::Status;

/// The points around each request of a charge, and those where its answer is not booked yet.
const CHARGED_AT: [&str; 6] = [
    "charge.before top_up",
    "stripe.after_create",
    "stripe.before_confirm",
    "stripe.after_confirm",
    "charge.after top_up",
    "top_up.before_record",
];
const REFUNDED_AT: [&str; 3] =
    ["top_up_refund.after_intent", "top_up_refund.after_provider", "top_up_refund.before_record"];

/// A tenant that charges cards by Stripe, and a customer with a card and a wallet.
pub(crate) async fn prepare(rig: &Rig, stripe: &StripeServer) -> People {
    let owner = rig.someone("OWNER", None);
    open(&owner).await;
    let customer = customer_of(&owner, "acme", "GB").await;
    let wallet = wallet_of(&rig.someone("SERVICE", None), &customer, "USD").await;
    let admin = rig.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(stripe, &admin, &customer, Card::Good).await;
    People { customer, wallet, admin }
}

async fn every_request_survives_a_kill(on_postgres: bool) {
    let stripe = StripeServer::start().await;
    let Some(mut rig) = rig::start_with(on_postgres, &[format!("--stripe={}", stripe.url())]).await
    else {
        return;
    };
    let people = prepare(&rig, &stripe).await;
    let mut top_ups = Vec::new();
    for point in CHARGED_AT {
        let request = buy(&people.wallet, "", amount("USD", 30, 0));
        let (caller, sent) = (people.admin.clone(), request.clone());
        rig.die_at(point, async move { caller.top_ups().create_top_up(sent).await }).await;
        let charge = async || {
            people
                .admin
                .top_ups()
                .create_top_up(request.clone())
                .await
                .map(|answer| answer.into_inner().top_up.unwrap())
        };
        let answer = retry(charge).await;
        assert_eq!(answer.state(), top_up::State::Succeeded, "{point}");
        assert_eq!(retry(charge).await, answer, "{point}: one answer");
        top_ups.push(answer);
        let intents = stripe.objects("payment_intent");
        let taken = intents.iter().filter(|value| value["status"] == "succeeded").count();
        assert_eq!(
            (taken, intents.len()),
            (top_ups.len(), top_ups.len()),
            "{point}: one intent, which took the money once"
        );
    }
    let owner = rig.someone("OWNER", None);
    for (point, top_up) in REFUNDED_AT.into_iter().zip(&top_ups) {
        let (name, explanation) = (top_up.name.clone(), "The account is closed.".to_owned());
        let request = RefundTopUpRequest {
            request_id: request_id(),
            name,
            credit: amount("USD", 10, 0),
            explanation,
        };
        let (caller, sent) = (owner.clone(), request.clone());
        rig.die_at(point, async move { caller.top_ups().refund_top_up(sent).await }).await;
        // As if it took a day until the suite came back.
        stripe.forget_keys();
        let refund = async || {
            owner
                .top_ups()
                .refund_top_up(request.clone())
                .await
                .map(|answer| answer.into_inner().top_up_refund.unwrap())
        };
        assert_eq!(retry(refund).await.state(), top_up_refund::State::Succeeded, "{point}");
    }
    assert_eq!(stripe.objects("refund").len(), REFUNDED_AT.len(), "nothing is given back twice");
    let posted = i64::try_from(top_ups.len() * 30 - REFUNDED_AT.len() * 10).unwrap();
    assert_eq!(people.posted().await, amount("USD", posted, 0));

    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        kind: Kind::Card.into(),
        ..Default::default()
    };
    let (caller, sent) = (people.admin.clone(), start.clone());
    rig.die_at("method_setup.before_record", async move {
        caller.methods().start_method_setup(sent).await
    })
    .await;
    let page = async || {
        people
            .admin
            .methods()
            .start_method_setup(start.clone())
            .await
            .map(|answer| answer.into_inner().method_setup.unwrap())
    };
    let setup = retry(page).await;
    assert_eq!(stripe.objects("checkout.session").len(), 2, "one page for each set-up");
    let _ = stripe.save_card(&setup.hosted_url, Card::Good);
    let get = GetMethodSetupRequest { name: setup.name };
    let read = async || {
        let answer = people.admin.methods().get_method_setup(get.clone()).await?;
        Ok::<_, Status>(answer.into_inner().method_setup.unwrap())
    };
    until(read, |method_setup| method_setup.state() == method_setup::State::Active).await;
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_survives_a_kill_on_sqlite() {
    every_request_survives_a_kill(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_survives_a_kill_on_postgres() {
    every_request_survives_a_kill(true).await;
}
