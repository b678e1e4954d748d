//! A deployment that has no simulator any more: what would need it is refused, and nothing waits for
//! it for ever.

use crate::{
    invariants, recharges,
    rig::{self, Services, until},
    top_up_refunds::refund,
    top_ups::buy,
};
use payterms_proto::wallet::v1::{
    AutoRecharge, ListPaymentMethodsRequest, PostDebitRequest, RetryAutoRechargeRequest,
    SetCollectionMethodRequest, UpdateAutoRechargeRequest, auto_recharge::State,
    auto_recharge::ThresholdRecharge, top_up,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::reason;

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_provider_that_is_gone_is_refused_on_sqlite() {
    Box::pin(what_needs_a_provider_that_is_gone_is_refused(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_provider_that_is_gone_is_refused_on_postgres() {
    Box::pin(what_needs_a_provider_that_is_gone_is_refused(true)).await;
}

async fn what_needs_a_provider_that_is_gone_is_refused(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let (owner, service) = (rig.someone("OWNER", None), rig.someone("SERVICE", None));
    let list = ListPaymentMethodsRequest { parent: people.customer.clone(), ..Default::default() };
    let listed = people.admin.methods().list_payment_methods(list).await.unwrap().into_inner();
    let card = listed.payment_methods[0].name.clone();
    let request = buy(&people.wallet, &card, amount("USD", 40, 0));
    let bought = people.admin.top_ups().create_top_up(request).await.unwrap().into_inner();
    let bought = bought.top_up.unwrap();
    assert_eq!(bought.state(), top_up::State::Succeeded);
    let rules = AutoRecharge {
        name: format!("{}/autoRecharge", people.wallet),
        threshold: amount("USD", 20, 0),
        threshold_recharge: amount("USD", 50, 0).map(ThresholdRecharge::ThresholdAmount),
        ..AutoRecharge::default()
    };
    let update = UpdateAutoRechargeRequest {
        request_id: request_id(),
        auto_recharge: Some(rules),
        ..Default::default()
    };
    people.admin.recharges().update_auto_recharge(update).await.unwrap();

    let mut services = Services::of(rig).await;
    services.has_simulator = false;
    services.restart("wallet", None).await;
    let refused = refund(&owner, &bought, amount("USD", 10, 0)).await.unwrap_err();
    assert_eq!(reason(&refused), "METHOD_NOT_OFFERED");
    let collect =
        SetCollectionMethodRequest { request_id: request_id(), name: card, ..Default::default() };
    let refused = people.admin.methods().set_collection_method(collect).await.unwrap_err();
    assert_eq!(reason(&refused), "METHOD_NOT_OFFERED");
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 25, 0),
        ..Default::default()
    };
    service.postings().post_debit(debit).await.unwrap();
    let stopped = until(
        async || Ok(recharges::read(&people.admin, &people.wallet).await),
        |rules| rules.state() == State::Failed,
    )
    .await;
    assert_eq!(stopped.failure_reason, "METHOD_NOT_OFFERED");
    assert_eq!(people.posted().await, amount("USD", 15, 0), "no credit is held");

    services.has_simulator = true;
    services.restart("wallet", None).await;
    let retry = RetryAutoRechargeRequest {
        request_id: request_id(),
        name: stopped.name,
        ..Default::default()
    };
    people.admin.recharges().retry_auto_recharge(retry).await.unwrap();
    until(async || Ok(people.posted().await), |posted| *posted == amount("USD", 65, 0)).await;
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
}
