//! What goes wrong at Stripe, and between Stripe and the wallet: a charge is made once at most, and
//! every answer that says something counts.

use crate::provider_bench::{
    ACCOUNT, Bench, DECLINED, GOOD, Later, TestCard, wallet_of, with_stripe,
};
use chrono::TimeDelta;
use payterms_chassis::seal::Seal;
use payterms_testkit::{
    Database,
    stripe::{self as there, Card, Fault},
};
use payterms_wallet::provider::{
    ChargeOrder, PaymentProvider, RefundOrder,
    stripe::{Stripe, client::Client},
};
use payterms_wallet_domain::{MethodKind, dispute::Outcome, refund::Refunded, top_up::Charged};
use std::sync::Arc;

/// All that goes wrong at a request, or with its answer.
const FAULTS: [Fault; 7] = [
    Fault::TooMany,
    Fault::Breaks,
    Fault::Conflict,
    Fault::CutAfter,
    Fault::HalfAfter,
    Fault::PageAfter,
    Fault::OtherVersion,
];

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
    let mut made = 0;
    for fault in FAULTS {
        // The first prefix is met by the making and by the confirmation, the second by questions
        // too.
        for requests in [
            &["POST /v1/payment_intents"][..],
            &["POST /v1/payment_intents", "POST /v1/payment_intents/pi"],
            &["GET /v1/payment_intents", "POST /v1/payment_intents/pi"],
        ] {
            if fault == Fault::Breaks && requests.len() == 1 {
                // Stripe repeats this fault for the key; the charge stays open until the key is
                // forgotten.
                continue;
            }
            for request in requests {
                if fault != Fault::Breaks || request.ends_with("pi") {
                    stripe.fail(request, fault);
                }
            }
            assert_eq!(
                charged(&bench, &bench.order(&good, "20.00")).await,
                Charged::Succeeded,
                "{fault:?} {requests:?}"
            );
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
    assert_eq!(
        charged(&bench, &refused).await,
        Charged::Declined("stolen_card".to_owned()),
        "a decline whose answer was lost"
    );
    let statuses: Vec<_> =
        stripe.objects("payment_intent").into_iter().map(|value| value["status"].clone()).collect();
    assert!(
        statuses.iter().all(|status| status == "succeeded"
            || status == "canceled"
            || status == "requires_confirmation"),
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
    let late = wallet_of(&bench.folder, Database::Sqlite, Arc::new(Later(TimeDelta::hours(24))))
        .await
        .unwrap();
    let seal = Seal::read(&bench.folder.path().join("webhooks.key")).unwrap();
    let provider = Stripe::new(Client::new(&stripe.url()).unwrap(), late.clone(), seal);
    let made = provider.charge(&lost).await.unwrap();
    assert_eq!(made.outcome, Charged::Succeeded, "it is found, and confirmed");
    assert_eq!(provider.charge(&lost).await.unwrap(), made);
    assert_eq!(
        provider.charge(&never).await.unwrap().outcome,
        Charged::Declined("rejected_by_provider".to_owned())
    );
    assert_eq!(stripe.objects("payment_intent").len(), 1, "nothing was made again");
    late.close().await;
}

#[tokio::test]
async fn what_stripe_does_not_know_any_more_is_not_fatal() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let token = bench.saved(GOOD).await;
    let waits = bench
        .provider
        .charge(
            &bench.order(&bench.saved(TestCard { card: Card::RefundSlow, ..GOOD }).await, "20.00"),
        )
        .await
        .unwrap();
    let refund = bench.refund(&waits.id, "5.00");
    assert!(bench.provider.refund(&refund).await.is_err(), "it is not decided");
    stripe.decide_refunds("succeeded");
    assert_eq!(bench.provider.refund(&refund).await.unwrap().outcome, Refunded::Succeeded);
    assert_eq!(stripe.objects("refund").len(), 1);
    let inquiry = stripe.dispute(&waits.id, 2_000, "warning_needs_response");
    assert_eq!(
        bench.provider.find_dispute(&bench.tenant, &waits.id).await.unwrap(),
        None,
        "an inquiry takes nothing"
    );
    drop(stripe.decide_dispute(&inquiry, "warning_closed"));
    let too_small = bench.provider.charge(&bench.order(&token, "0.10")).await.unwrap();
    assert_eq!(too_small.outcome, Charged::Declined("rejected_by_provider".to_owned()));
    let waits_for_person =
        bench.order(&bench.saved(TestCard { card: Card::RequiresAction, ..GOOD }).await, "20.00");
    for _ in 0..2 {
        assert_eq!(
            bench.provider.charge(&waits_for_person).await.unwrap().outcome,
            Charged::RequiresAction
        );
    }
    stripe.delete_customers();
    assert_eq!(
        bench.provider.charge(&bench.order(&token, "20.00")).await.unwrap().outcome,
        Charged::Declined("no_such_card".to_owned())
    );
    let token = bench.saved(GOOD).await;
    assert_eq!(
        bench.provider.charge(&bench.order(&token, "20.00")).await.unwrap().outcome,
        Charged::Succeeded,
        "another customer is made"
    );
    stripe.drop_key(there::KEY);
    assert!(
        bench.provider.charge(&bench.order(&token, "20.00")).await.is_err(),
        "a key that is rolled says nothing of the charge"
    );
    bench.end().await;
}

/// Asks until there is an answer, as drivers of flows do. Stripe repeats a fault for a key, until
/// it has forgotten the key.
async fn answered<T, E: std::fmt::Debug>(bench: &Bench, ask: impl AsyncFn() -> Result<T, E>) -> T {
    let first = ask().await;
    if let Ok(answer) = first {
        return answer;
    }
    bench.stripe.as_ref().unwrap().forget_keys();
    ask().await.expect("what goes wrong once is over")
}

#[tokio::test]
async fn whatever_goes_wrong_at_stripe_a_bank_is_debited_once() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let token = bench.saved(ACCOUNT).await;
    let mut made = 0;
    for fault in FAULTS {
        for request in
            ["POST /v1/payment_intents", "POST /v1/payment_intents/pi", "GET /v1/payment_intents"]
        {
            let order = bench.order_in("EUR", &token, "20.00");
            let is_made = request == "POST /v1/payment_intents";
            // The making gets no answer, so that there is a question; of Stripe's own faults
            // nothing is made.
            if is_made && fault == Fault::Breaks {
                continue;
            }
            stripe.fail(request, fault);
            if request.starts_with("GET") {
                stripe.fail("POST /v1/payment_intents", Fault::CutAfter);
            }
            let outcome = charged(&bench, &order).await;
            assert!(matches!(outcome, Charged::Processing(_)), "{fault:?} {request}: {outcome:?}");
            made += 1;
            let intents = stripe.objects("payment_intent");
            let debited = intents
                .iter()
                .filter(|own| own["status"] == "processing" || own["status"] == "succeeded")
                .count();
            assert_eq!(debited, made, "{fault:?} {request}");
            // What the bank decides is asked for, whatever the first question meets.
            stripe.settle(None);
            stripe.fail("GET /v1/payment_intents/pi", fault);
            let find =
                async || bench.provider.find_charge(&bench.tenant, order.key, order.now).await;
            assert_eq!(
                answered(&bench, find).await.unwrap().outcome,
                Charged::Succeeded,
                "{fault:?} {request}"
            );
            assert_eq!(stripe.faults_left(), 0, "{fault:?} {request}");
        }
    }
    bench.end().await;
}

/// A customer who has ended a mandate is debited no more, and is asked for another method: nothing
/// is tried again.
#[tokio::test]
async fn an_ended_mandate_is_a_final_decline() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let token = bench.saved(ACCOUNT).await;
    stripe.end_mandates();
    let order = bench.order_in("EUR", &token, "20.00");
    let declined = Charged::Declined("revocation_of_authorization".to_owned());
    assert_eq!(bench.provider.charge(&order).await.unwrap().outcome, declined);
    assert_eq!(
        stripe.objects("payment_intent").pop().unwrap()["status"],
        "canceled",
        "nothing can be taken by it later"
    );
    bench.end().await;
}

#[tokio::test]
async fn whatever_goes_wrong_at_stripe_money_is_given_back_once() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let card =
        bench.provider.charge(&bench.order(&bench.saved(GOOD).await, "500.00")).await.unwrap();
    let debit = bench.order(&bench.saved(ACCOUNT).await, "500.00");
    let debit = ChargeOrder { amount: bench.order_in("EUR", "", "500.00").amount, ..debit };
    bench.provider.charge(&debit).await.unwrap();
    stripe.settle(None);
    let debit =
        bench.provider.find_charge(&bench.tenant, debit.key, debit.now).await.unwrap().unwrap();
    let mut made = 0;
    for (charge, currency) in [(&card.id, "USD"), (&debit.id, "EUR")] {
        for fault in FAULTS {
            for request in ["POST /v1/refunds", "GET /v1/refunds"] {
                stripe.fail(request, fault);
                let amount = bench.order_in(currency, "", "5.00").amount;
                let order = RefundOrder { amount, ..bench.refund(charge, "5.00") };
                let back = answered(&bench, async || bench.provider.refund(&order).await).await;
                assert_eq!(back.outcome, Refunded::Succeeded, "{fault:?} {request}");
                made += 1;
                assert_eq!(
                    (stripe.objects("refund").len(), stripe.faults_left()),
                    (made, 0),
                    "{fault:?} {request}"
                );
            }
        }
    }
    bench.end().await;
}

#[tokio::test]
async fn whatever_goes_wrong_at_stripe_disputes_and_pages_are_as_they_are() {
    let bench = with_stripe(Database::Sqlite, TimeDelta::zero()).await.unwrap();
    let stripe = bench.stripe.clone().unwrap();
    let card =
        bench.provider.charge(&bench.order(&bench.saved(GOOD).await, "20.00")).await.unwrap();
    let debit = bench.order_in("EUR", &bench.saved(ACCOUNT).await, "20.00");
    let debit_id = bench.provider.charge(&debit).await.unwrap().id;
    stripe.settle(None);
    bench.take_back(&card.id, None, false).await;
    bench.take_back(&debit_id, None, true).await;
    for fault in FAULTS {
        for (charge, outcome) in [(&card.id, None), (&debit_id, Some(Outcome::Lost))] {
            stripe.fail("GET /v1/disputes", fault);
            let find = async || bench.provider.find_dispute(&bench.tenant, charge).await;
            assert!(
                find().await.is_err(),
                "{fault:?}: what is not known is no dispute that is gone"
            );
            assert_eq!(find().await.unwrap().unwrap().outcome, outcome, "{fault:?}");
        }
        for kind in [MethodKind::Card, MethodKind::BankDebit] {
            let (order, before) = (bench.setup(kind), stripe.objects("checkout.session").len());
            stripe.fail("POST /v1/checkout/sessions", fault);
            let page = answered(&bench, async || bench.provider.create_setup(&order).await).await;
            // A page that nobody was sent to charges nothing, and a key that is forgotten opens
            // another.
            assert!(stripe.objects("checkout.session").len() - before <= 2, "{fault:?}");
            stripe.fail("GET /v1/checkout/sessions", fault);
            let saved = async || bench.provider.saved_card(&bench.tenant, &page.setup_id).await;
            assert!(saved().await.is_err(), "{fault:?}");
            assert_eq!(saved().await.unwrap(), None, "{fault:?}");
        }
    }
    assert_eq!(stripe.faults_left(), 0);
    bench.end().await;
}
