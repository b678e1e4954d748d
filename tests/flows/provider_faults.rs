//! What goes wrong at Stripe, and between Stripe and the wallet: a charge is made once at most, and every answer that says something counts.

use crate::provider_contract::{Bench, DECLINED, GOOD, Later, TestCard, wallet_of, with_stripe};
use chrono::TimeDelta;
use payterms_chassis::seal::Seal;
use payterms_testkit::{
    Database,
    stripe::{self as there, Card, Fault},
};
use payterms_wallet::provider::{
    ChargeOrder, PaymentProvider,
    stripe::{Stripe, client::Client},
};
use payterms_wallet_domain::{refund::Refunded, top_up::Charged};
use std::sync::Arc;

/// Asks until there is an answer, as drivers of flows do.
async fn charged(bench: &Bench, order: &ChargeOrder) -> Charged {
    for _ in 0..10 {
        if let Ok(made) = bench.provider.charge(order).await {
            return made.outcome;
        }
    }
    panic!("no answer after many tries");
}

#[tokio::test]
async fn whatever_goes_wrong_at_stripe_a_charge_is_made_once() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let (good, declined) = (bench.saved(GOOD).await, bench.saved(DECLINED).await);
    let faults = [Fault::TooMany, Fault::Breaks, Fault::Conflict, Fault::CutAfter, Fault::HalfAfter, Fault::PageAfter, Fault::OtherVersion];
    let mut made = 0;
    for fault in faults {
        // The first prefix is met by the making and by the confirmation, the second by questions too.
        for requests in [
            &["POST /v1/payment_intents"][..],
            &["POST /v1/payment_intents", "POST /v1/payment_intents/pi"],
            &["GET /v1/payment_intents", "POST /v1/payment_intents/pi"],
        ] {
            if fault == Fault::Breaks && requests.len() == 1 {
                // Stripe repeats this fault for the key; the charge stays open until the key is forgotten.
                continue;
            }
            for request in requests {
                if fault != Fault::Breaks || request.ends_with("pi") {
                    stripe.fail(request, fault);
                }
            }
            assert_eq!(charged(&bench, &bench.order(&good, "20.00")).await, Charged::Succeeded, "{fault:?} {requests:?}");
            made += 1;
            // What this charge did not meet would hit another.
            while stripe.faults_left() > 0 {
                let _ = bench.provider.charge(&bench.order(&declined, "20.00")).await;
            }
            assert_eq!(bench.listed("charges").await, made, "{fault:?} {requests:?}");
        }
    }
    let refused = bench.order(&declined, "20.00");
    stripe.fail("POST /v1/payment_intents/pi", Fault::CutAfter);
    assert_eq!(charged(&bench, &refused).await, Charged::Declined("stolen_card".to_owned()), "a decline whose answer was lost");
    let statuses: Vec<_> = stripe.objects("payment_intent").into_iter().map(|value| value["status"].clone()).collect();
    assert!(
        statuses.iter().all(|status| status == "succeeded" || status == "canceled" || status == "requires_confirmation"),
        "{statuses:?}"
    );
    bench.end().await;
}

/// What it means that a make got no answer, and Stripe has forgotten the key.
#[tokio::test]
async fn a_lost_intent_is_looked_up_after_a_day_and_never_made_again() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let token = bench.saved(GOOD).await;
    let (lost, never) = (bench.order(&token, "20.00"), bench.order(&token, "30.00"));
    // Neither the making nor the question after it is answered.
    for (order, fault) in [(&lost, Fault::CutAfter), (&never, Fault::TooMany)] {
        stripe.fail("POST /v1/payment_intents", fault);
        stripe.fail("GET /v1/payment_intents", Fault::TooMany);
        assert!(bench.provider.charge(order).await.is_err());
    }
    stripe.forget_keys();
    let db = bench.db.clone().unwrap();
    db.close().await;
    let late = wallet_of(&bench.folder, Database::Sqlite, Arc::new(Later(TimeDelta::hours(24)))).await.unwrap();
    let seal = Seal::read(&bench.folder.path().join("webhooks.key")).unwrap();
    let provider = Stripe::new(Client::new(&stripe.url()).unwrap(), late.clone(), seal);
    let made = provider.charge(&lost).await.unwrap();
    assert_eq!(made.outcome, Charged::Succeeded, "it is found, and confirmed");
    assert_eq!(provider.charge(&lost).await.unwrap(), made);
    assert_eq!(provider.charge(&never).await.unwrap().outcome, Charged::Declined("rejected_by_provider".to_owned()));
    assert_eq!(stripe.objects("payment_intent").len(), 1, "nothing was made again");
    late.close().await;
}

#[tokio::test]
async fn what_stripe_does_not_know_any_more_is_not_fatal() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let token = bench.saved(GOOD).await;
    let waits =
        bench.provider.charge(&bench.order(&bench.saved(TestCard { card: Card::RefundSlow, ..GOOD }).await, "20.00")).await.unwrap();
    let refund = bench.refund(&waits.id, "5.00");
    assert!(bench.provider.refund(&refund).await.is_err(), "it is not decided");
    stripe.decide_refunds("succeeded");
    assert_eq!(bench.provider.refund(&refund).await.unwrap().outcome, Refunded::Succeeded);
    assert_eq!(stripe.objects("refund").len(), 1);
    let inquiry = stripe.dispute(&waits.id, 2_000, "warning_needs_response");
    assert_eq!(bench.provider.find_dispute(&bench.tenant, &waits.id).await.unwrap(), None, "an inquiry takes nothing");
    drop(stripe.decide_dispute(&inquiry, "warning_closed"));
    let too_small = bench.provider.charge(&bench.order(&token, "0.10")).await.unwrap();
    assert_eq!(too_small.outcome, Charged::Declined("rejected_by_provider".to_owned()));
    let waits_for_person = bench.order(&bench.saved(TestCard { card: Card::RequiresAction, ..GOOD }).await, "20.00");
    for _ in 0..2 {
        assert_eq!(bench.provider.charge(&waits_for_person).await.unwrap().outcome, Charged::RequiresAction);
    }
    stripe.delete_customers();
    assert_eq!(bench.provider.charge(&bench.order(&token, "20.00")).await.unwrap().outcome, Charged::Declined("no_such_card".to_owned()));
    let token = bench.saved(GOOD).await;
    assert_eq!(bench.provider.charge(&bench.order(&token, "20.00")).await.unwrap().outcome, Charged::Succeeded, "another customer is made");
    stripe.drop_key(there::KEY);
    assert!(bench.provider.charge(&bench.order(&token, "20.00")).await.is_err(), "a key that is rolled says nothing of the charge");
    bench.end().await;
}
