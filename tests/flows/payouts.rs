//! What Stripe keeps and pays out is read with each reconciliation: a payout shows what it is made
//! of, and one that is another amount is named.

use crate::{
    invariants,
    kills_of_stripe::prepare,
    reconciliations::{bought, counts, differences, last_hour, reconciled},
    rig,
    stripe::{open, saved},
    top_up_refunds::refund,
};
use payterms_proto::{
    google::r#type::Money,
    wallet::v1::{
        GetProviderBalanceRequest, ListProviderPayoutsRequest, ListProviderTransactionsRequest,
        ProviderPayout, ProviderSums, ProviderTransaction,
        provider_difference::{Kind as Apart, Record, State},
        provider_payout,
        provider_transaction::Kind,
    },
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{
    World, on_both, reason,
    rig::retry,
    stripe::{Card, Fault, StripeServer},
};
use prost_types::Timestamp;

on_both!(a_payout_shows_what_it_is_made_of, a_payout_that_is_another_amount_is_named);

async fn payouts(owner: &Session) -> Vec<ProviderPayout> {
    let list =
        ListProviderPayoutsRequest { parent: "tenants/acme".to_owned(), ..Default::default() };
    owner.reconciliations().list_provider_payouts(list).await.unwrap().into_inner().provider_payouts
}

async fn transactions(owner: &Session, payout: &str) -> Vec<ProviderTransaction> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let (parent, payout) = ("tenants/acme".to_owned(), payout.to_owned());
        let list = ListProviderTransactionsRequest { parent, page_size: 2, page_token, payout };
        let page =
            owner.reconciliations().list_provider_transactions(list).await.unwrap().into_inner();
        all.extend(page.provider_transactions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

async fn balance(owner: &Session, at_time: Option<Timestamp>) -> Vec<ProviderSums> {
    let read = GetProviderBalanceRequest { parent: "tenants/acme".to_owned(), at_time };
    owner.reconciliations().get_provider_balance(read).await.unwrap().into_inner().sums
}

fn usd(cents: i64) -> Option<Money> {
    amount("USD", cents / 100, i32::try_from(cents % 100).unwrap())
}

async fn a_payout_shows_what_it_is_made_of(world: &World) {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    open(&owner).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    let top_up = bought(&admin, &wallet, 100).await;
    refund(&owner, &top_up, amount("USD", 20, 0)).await.unwrap();
    bought(&admin, &wallet, 30).await;
    let second =
        world.stripe.objects("payment_intent").pop().unwrap()["id"].as_str().unwrap().to_owned();
    let dispute = world.stripe.dispute(&second, 3_000, "needs_response");
    assert_eq!(
        StripeServer::notify(world.suite.gateway, "acme", "charge.dispute.created", &dispute).await,
        204
    );
    // 10.00 by another program with the same account.
    world.stripe.charge_elsewhere(&second);
    assert_eq!(counts(&reconciled(&owner, last_hour()).await.unwrap()), [2, 1, 1, 0]);
    assert_eq!(payouts(&owner).await, []);
    // Fees: 3.20 and 1.17 of the charges, 1.17 of that elsewhere, 15.00 of the dispute.
    let before = balance(&owner, None).await;
    let sums = ProviderSums {
        charged: usd(13_000),
        refunded: usd(-2_000),
        disputed: usd(-3_000),
        other: usd(3_000),
        fees: usd(2_054),
        net: usd(8_946),
        paid_out: usd(0),
        balance: usd(8_946),
        transaction_count: 5,
    };
    assert_eq!(before, std::slice::from_ref(&sums), "all of it is in clearing");
    assert_eq!(balance(&owner, Some(Timestamp { seconds: 1, nanos: 0 })).await, []);

    let id = world.stripe.pay_out(0);
    let reconciliation = reconciled(&owner, last_hour()).await.unwrap();
    assert_eq!((counts(&reconciliation), reconciliation.payout_count), ([2, 1, 1, 0], 1));
    let paid =
        ProviderSums { paid_out: usd(-8_946), balance: usd(0), transaction_count: 6, ..sums };
    let listed = payouts(&owner).await;
    let [payout] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(
        (payout.provider_payout_id.as_str(), payout.automatic, &payout.amount),
        (id.as_str(), true, &usd(8_946))
    );
    assert_eq!((payout.state(), payout.sums.as_ref()), (provider_payout::State::Paid, Some(&paid)));
    assert!(payout.arrival_date.is_some() && payout.create_time.is_some());
    assert_eq!(balance(&owner, None).await, [paid], "nothing is left in clearing");
    let made_of = transactions(&owner, &payout.name).await;
    let count = |kind: Kind| {
        made_of.iter().filter(|own| own.kind() == kind && own.payout == payout.name).count()
    };
    assert_eq!(
        [Kind::Charge, Kind::Refund, Kind::Dispute, Kind::Other, Kind::Payout, Kind::Fee]
            .map(count),
        [2, 1, 1, 1, 1, 0]
    );
    let charge = made_of.iter().find(|own| own.provider_id == top_up.provider_charge_id).unwrap();
    assert_eq!((&charge.amount, &charge.fee, &charge.net), (&usd(10_000), &usd(320), &usd(9_680)));
    assert_eq!(charge.provider_charge_id, top_up.provider_charge_id);
    assert_eq!(made_of, transactions(&owner, "").await);
    // Read again it is the same, and what the bank sends back shows.
    world.stripe.fail_payout(&id);
    assert_eq!(reconciled(&owner, last_hour()).await.unwrap().payout_count, 0, "its list is known");
    assert_eq!(payouts(&owner).await[0].state(), provider_payout::State::Failed);
    assert_eq!(transactions(&owner, "").await, made_of);
    let request = ListProviderTransactionsRequest {
        parent: "tenants/acme".to_owned(),
        payout: "po_1".to_owned(),
        ..Default::default()
    };
    let refused = owner.reconciliations().list_provider_transactions(request).await.unwrap_err();
    assert_eq!(payterms_testkit::violations(&refused), ["payout: RESOURCE_NAME_INVALID"]);
    invariants::hold(world).await;
}

async fn a_payout_that_is_another_amount_is_named(world: &World) {
    let (customer, wallet) = world.usual().await;
    let owner = world.someone("OWNER", None);
    open(&owner).await;
    let admin = world.someone("CUSTOMER_ADMIN", Some(&customer));
    saved(&world.stripe, &admin, &customer, Card::Good).await;
    bought(&admin, &wallet, 100).await;
    let id = world.stripe.pay_out(1);
    world.stripe.fail("GET /v1/payouts", Fault::Forbidden);
    let refused = reconciled(&owner, last_hour()).await.unwrap();
    assert_eq!(
        refused.state(),
        payterms_proto::wallet::v1::provider_reconciliation::State::Failed,
        "the key may not read payouts"
    );
    // A limit of Stripe's is waited for, at its payouts and in the list of one.
    for fault in ["GET /v1/payouts", "GET /v1/balance_transactions"] {
        world.stripe.fail(fault, Fault::TooMany);
        let request = last_hour();
        assert_eq!(counts(&retry(async || reconciled(&owner, request.clone()).await).await)[3], 1);
    }
    let found = differences(&owner, State::Open).await;
    let [difference] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        (difference.record(), difference.kind(), &difference.provider_id),
        (Record::Payout, Apart::AmountDiffers, &id)
    );
    assert_eq!(
        (&difference.provider_amount, &difference.ledger_amount),
        (&usd(9_681), &usd(9_680))
    );
    // Stripe has listed a transaction late.
    world.stripe.change_payout(&id, 9_680);
    assert_eq!(counts(&reconciled(&owner, last_hour()).await.unwrap())[3], 0);
    assert_eq!(differences(&owner, State::Open).await, []);
    assert_eq!(differences(&owner, State::Gone).await.len(), 1);
    let staff = world.someone("CUSTOMER_ADMIN", Some(&customer));
    let list =
        ListProviderPayoutsRequest { parent: "tenants/acme".to_owned(), ..Default::default() };
    assert_eq!(
        reason(&staff.reconciliations().list_provider_payouts(list).await.unwrap_err()),
        "ROLE_REQUIRED"
    );
    invariants::hold(world).await;
}

async fn a_payout_survives_a_kill(on_postgres: bool) {
    let stripe = StripeServer::start().await;
    let Some(mut rig) = rig::start_with(on_postgres, &[format!("--stripe={}", stripe.url())]).await
    else {
        return;
    };
    let people = prepare(&rig, &stripe).await;
    let owner = rig.someone("OWNER", None);
    for (charges, point) in (1..).zip(["provider_payout.after_row", "provider_payout.after_list"]) {
        bought(&people.admin, &people.wallet, 100).await;
        let _ = stripe.pay_out(0);
        let request = last_hour();
        let (caller, sent) = (owner.clone(), request.clone());
        rig.die_at(point, async move { reconciled(&caller, sent).await }).await;
        let answer = retry(async || reconciled(&owner, request.clone()).await).await;
        assert_eq!((counts(&answer), answer.payout_count), ([charges, 0, 0, 0], 1), "{point}");
    }
    let nets: Vec<_> =
        payouts(&owner).await.into_iter().map(|own| own.sums.and_then(|sums| sums.net)).collect();
    assert_eq!(nets, [usd(9_680), usd(9_680)]);
    assert_eq!(transactions(&owner, "").await.len(), 4, "nothing is kept twice");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_survives_a_kill_on_sqlite() {
    a_payout_survives_a_kill(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payout_survives_a_kill_on_postgres() {
    a_payout_survives_a_kill(true).await;
}
