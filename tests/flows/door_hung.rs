//! A service that hangs costs its callers seconds, whether the gateway asks it or another service.

use crate::{kills::grant, rig};
use payterms_proto::{
    invoicing::v1::{EnableMeteredServiceRequest, MeteredService, PaymentTerm, payment_term},
    wallet::v1::PostDebitRequest,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    reason,
    rig::{Services, retry, until},
};
use std::{process::Command, time::Duration};
use tonic::{Code, Request};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_costs_seconds() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 10).await;
    let services = Services::of(rig).await;
    let service = services.rig().someone("SERVICE", None);
    let debit = PostDebitRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    };
    let send = async || {
        let mut request = Request::new(debit.clone());
        request.set_timeout(Duration::from_secs(29));
        service.postings().post_debit(request).await
    };
    let first = retry(send).await.into_inner();
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, &services.pid("wallet").unwrap().to_string()])
            .status()
            .unwrap()
    };
    assert!(signal("-STOP").success());
    let hangs = send().await.unwrap_err();
    assert_eq!(
        hangs.code(),
        Code::Unavailable,
        "the line is found dead long before the deadline: {hangs:?}"
    );
    assert!(signal("-CONT").success());
    assert_eq!(retry(send).await.into_inner(), first);
}

/// The same between two services: invoicing asks the wallet, which hangs.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_hangs_costs_seconds() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let services = Services::of(rig).await;
    let owner = services.rig().someone("OWNER", None);
    let terms = MeteredService {
        product: "maps".into(),
        display_name: "Maps".into(),
        currency_code: "USD".into(),
        payment_term: Some(PaymentTerm { kind: payment_term::Kind::NetDays.into(), days: 0 }),
        ..MeteredService::default()
    };
    let send = async || {
        let metered_service = Some(terms.clone());
        let enable = EnableMeteredServiceRequest {
            request_id: request_id(),
            parent: people.customer.clone(),
            metered_service,
            ..Default::default()
        };
        let mut request = Request::new(enable);
        request.set_timeout(Duration::from_secs(29));
        owner.metered_services().enable_metered_service(request).await.map(|_| ())
    };
    // Whether it may be enabled does not matter: the wallet was asked.
    let answered = async || match send().await {
        Err(refused) if refused.code() == Code::Unavailable => Err(refused),
        other => Ok(other.map_err(|refused| reason(&refused))),
    };
    until(answered, |_| true).await.unwrap();
    let signal = |name: &str| {
        Command::new("kill")
            .args([name, &services.pid("wallet").unwrap().to_string()])
            .status()
            .unwrap()
    };
    assert!(signal("-STOP").success());
    let hangs = send().await.unwrap_err();
    assert_eq!(
        hangs.code(),
        Code::Unavailable,
        "the line is found dead long before the deadline: {hangs:?}"
    );
    assert!(signal("-CONT").success());
    assert_eq!(
        until(answered, |_| true).await,
        Err("SERVICE_STATE".to_owned()),
        "it is enabled already"
    );
}
