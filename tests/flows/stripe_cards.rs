//! Cards at Stripe: saved on its page, charged, given back, declined; notifications are checked,
//! and a lost answer is asked for.

use crate::{
    invariants,
    stripe::{open, saved, setup, start, top_up},
    top_up_refunds::refund,
    top_ups::buy,
};
use payterms_proto::wallet::v1::{
    CreateTopUpRequest, TopUp, method_setup, top_up::State, top_up_refund,
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{
    World, on_both,
    rig::{retry, until},
    stripe::{Card, Fault, StripeServer, WEBHOOK_SECRET},
};
use tonic::Status;

on_both!(
    a_card_is_saved_charged_and_given_back,
    what_a_bank_declines_is_a_result,
    notifications_are_checked_and_the_state_is_asked_for,
    a_lost_answer_is_asked_for_at_stripe,
);

/// Tenant, customer, wallet, and the customer's admin, with cards by Stripe.
async fn shop(world: &World) -> (String, String, Session) {
    let (customer, wallet) = world.usual().await;
    open(&world.someone("OWNER", None)).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    (customer, wallet, admin)
}

async fn bought(admin: &Session, request: CreateTopUpRequest) -> TopUp {
    admin.top_ups().create_top_up(request).await.unwrap().into_inner().top_up.unwrap()
}

async fn a_card_is_saved_charged_and_given_back(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let started = start(&admin, &customer).await;
    assert!(
        started.hosted_url.starts_with(&format!("{}/c/pay/", world.stripe.url())),
        "{started:?}"
    );
    assert_eq!(setup(&admin, &started.name).await.state(), method_setup::State::Pending);
    let (back, _) = world.stripe.save_card(&started.hosted_url, Card::Good);
    let id = started.name.rsplit('/').next().unwrap();
    assert_eq!(back, format!("https://shop.example/back?setup={id}&outcome=saved"));
    let done = setup(&admin, &started.name).await;
    assert_eq!((done.state(), done.hosted_url.as_str()), (method_setup::State::Active, ""));
    let refused = start(&admin, &customer).await;
    let _ = world.stripe.save_card(&refused.hosted_url, Card::Discover);
    assert_eq!(setup(&admin, &refused.name).await.failure_reason, "CARD_BRAND_NOT_ACCEPTED");
    assert_eq!(world.stripe.objects("customer").len(), 1, "one customer for both");

    let request = buy(&wallet, "", amount("USD", 25, 0));
    let top_up = bought(&admin, request.clone()).await;
    assert_eq!(top_up.state(), State::Succeeded);
    assert_eq!(bought(&admin, request).await, top_up);
    let owner = world.someone("OWNER", None);
    let back = refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap();
    assert_eq!(back.state(), top_up_refund::State::Succeeded);
    let charges = world.stripe.objects("payment_intent");
    assert_eq!(
        (charges.len(), &charges[0]["amount"], &charges[0]["metadata"]["payterms_tenant"]),
        (1, &2_500.into(), &"acme".into())
    );
    invariants::hold(world).await;
}

async fn what_a_bank_declines_is_a_result(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let cards = [
        (Card::Declined("insufficient_funds"), State::Failed, "insufficient_funds"),
        (Card::Declined("generic_decline"), State::Failed, "generic_decline"),
        (Card::Authenticates, State::RequiresAction, ""),
        (Card::RequiresAction, State::RequiresAction, ""),
    ];
    for (card, state, code) in cards {
        let method = saved(&world.stripe, &admin, &customer, card).await;
        let request = buy(&wallet, &method, amount("USD", 25, 0));
        for _ in 0..2 {
            let top_up = bought(&admin, request.clone()).await;
            assert_eq!((top_up.state(), top_up.decline_code.as_str()), (state, code), "{card:?}");
        }
    }
    let ended = world.stripe.objects("payment_intent");
    assert!(
        ended.len() == 4 && ended.iter().all(|own| own["status"] == "canceled"),
        "nothing can be taken by them later: {ended:?}"
    );
    invariants::hold(world).await;
}

async fn a_lost_answer_is_asked_for_at_stripe(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    let buy_through = async |units: i64| {
        let request = buy(&wallet, "", amount("USD", units, 0));
        retry(async || {
            admin
                .top_ups()
                .create_top_up(request.clone())
                .await
                .map(|answer| answer.into_inner().top_up.unwrap())
        })
        .await
    };
    // The confirmation is lost and asked for by id at once.
    world.stripe.fail("POST /v1/payment_intents/pi", Fault::CutAfter);
    assert_eq!(buy_through(30).await.state(), State::Succeeded);
    // Neither is answered: the flow stays open, and its recovery asks.
    world.stripe.fail("POST /v1/payment_intents/pi", Fault::CutAfter);
    world.stripe.fail("GET /v1/payment_intents/pi", Fault::TooMany);
    let top_up = buy_through(40).await;
    assert_eq!(top_up.state(), State::Succeeded);
    let owner = world.someone("OWNER", None);
    world.stripe.fail("POST /v1/refunds", Fault::CutAfter);
    assert_eq!(
        refund(&owner, &top_up, amount("USD", 10, 0)).await.unwrap().state(),
        top_up_refund::State::Succeeded
    );
    assert_eq!(
        (
            world.stripe.faults_left(),
            world.stripe.objects("payment_intent").len(),
            world.stripe.objects("refund").len()
        ),
        (0, 2, 1)
    );
    invariants::hold(world).await;
}

async fn notifications_are_checked_and_the_state_is_asked_for(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    let gateway = world.suite.gateway;
    let notify = async |kind: &str, object: &serde_json::Value| {
        StripeServer::notify(gateway, "acme", kind, object).await
    };
    // The page tells by itself, also twice.
    let started = start(&admin, &customer).await;
    let (_, session) = world.stripe.save_card(&started.hosted_url, Card::Slow);
    let saved = serde_json::json!({ "id": session });
    for _ in 0..2 {
        assert_eq!(notify("checkout.session.completed", &saved).await, 204);
    }
    let method = setup(&admin, &started.name).await.payment_method;
    // A charge that takes time ends when Stripe says so, not when it was planned to be asked for.
    let slow = bought(&admin, buy(&wallet, &method, amount("USD", 25, 0))).await;
    assert_eq!(slow.state(), State::Processing);
    let intent = world.stripe.objects("payment_intent").pop().unwrap();
    let questions = || {
        world
            .stripe
            .requests()
            .iter()
            .filter(|own| own.starts_with("GET /v1/payment_intents/"))
            .count()
    };
    let before = questions();
    assert_eq!(notify("payment_intent.succeeded", &intent).await, 204);
    until(async || Ok::<_, Status>(questions()), |now| *now > before).await;
    assert_eq!(
        top_up(&admin, &slow.name).await.state(),
        State::Processing,
        "what a notification says is not believed"
    );
    world.stripe.settle(None);

    let body = StripeServer::event("payment_intent.succeeded", &intent);
    let post = async |secret: &str, age: i64, tenant: &str| {
        StripeServer::post(gateway, tenant, body.clone(), secret, age).await
    };
    world.tenant("other").await;
    assert_eq!(post("whsec_0123456789none", 0, "acme").await, 401, "another secret");
    assert_eq!(post(WEBHOOK_SECRET, 301, "acme").await, 401, "an old one");
    assert_eq!(post(WEBHOOK_SECRET, 0, "other").await, 401, "another tenant, which has no account");
    assert_eq!(post(WEBHOOK_SECRET, 0, "nobody").await, 401);
    let huge = "x".repeat(70_000);
    assert_eq!(StripeServer::post(gateway, "acme", huge, WEBHOOK_SECRET, 0).await, 413);
    for body in
        ["", "{", "[]", "{\"type\":\"payment_intent.succeeded\"}", &body.replace("false", "true")]
    {
        assert_eq!(
            StripeServer::post(gateway, "acme", body.to_owned(), WEBHOOK_SECRET, 0).await,
            204,
            "{body}"
        );
    }
    for kind in [
        "payment_intent.succeeded",
        "charge.dispute.created",
        "checkout.session.completed",
        "customer.created",
    ] {
        let foreign = serde_json::json!({ "id": "pi_999999", "payment_intent": "pi_999999" });
        assert_eq!(
            notify(kind, &foreign).await,
            204,
            "{kind}: the tenant charges by the account elsewhere, too"
        );
    }
    assert_eq!(
        top_up(&admin, &slow.name).await.state(),
        State::Processing,
        "nothing of this has changed anything"
    );

    assert_eq!(notify("payment_intent.succeeded", &intent).await, 204);
    until(
        async || Ok::<_, Status>(top_up(&admin, &slow.name).await),
        |own| own.state() == State::Succeeded,
    )
    .await;
    // A dispute is opened, twice told, and won before it is told of.
    let id = intent["id"].as_str().unwrap();
    let dispute = world.stripe.dispute(id, 2_500, "needs_response");
    for kind in ["charge.dispute.funds_withdrawn", "charge.dispute.created"] {
        assert_eq!(notify(kind, &dispute).await, 204);
    }
    assert_eq!(top_up(&admin, &slow.name).await.state(), State::ChargedBack);
    let won = world.stripe.decide_dispute(&dispute, "won");
    for (kind, object) in [("charge.dispute.closed", &won), ("charge.dispute.created", &dispute)] {
        assert_eq!(notify(kind, object).await, 204);
    }
    assert_eq!(top_up(&admin, &slow.name).await.state(), State::Succeeded);
    invariants::hold(world).await;
}
