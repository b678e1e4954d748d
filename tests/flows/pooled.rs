//! The suite behind a pooler in transaction mode: a payment over three services, many debits at
//! once, and a pooler that does not set what connections need.

use crate::{
    invariants,
    kills_of_payments::{pays, prepare},
    replicas::{Load, grant, left},
    rig::{BINARY, Rig, retry},
};
use payterms_proto::invoicing::v1::payment::State;
use payterms_suite::client::amount;
use payterms_testkit::{
    pooler::{Pooler, connect_query},
    postgres,
};
use std::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_and_many_debits_behind_a_pooler() {
    let Some(place) = postgres::database().await else { return };
    let (server, name) = place.split_once('/').unwrap();
    let Some(pooler) = Pooler::before(server, Some(&connect_query())) else { return };
    let rig = Rig::start(
        BINARY,
        Some(format!("{}/{name}", pooler.at)),
        &["--database-pooled".to_owned()],
    )
    .await;
    let (people, invoice) = prepare(&rig, "tok_visa").await;
    let request = pays(&people, &invoice);
    let paid = retry(async || people.admin.payments().create_payment(request.clone()).await)
        .await
        .into_inner()
        .payment
        .unwrap();
    assert_eq!(paid.state(), State::Succeeded);
    assert_eq!(rig.charges().await, ["70"]);
    let before = left(&people).await.unwrap().units;
    grant(&rig.someone("STAFF", None), &people.wallet, 1_000).await;
    let load = Load::on(&rig.someone("SERVICE", None), &people.wallet);
    load.progress(200).await;
    let done = i64::try_from(load.ends().await).unwrap();
    assert_eq!(
        left(&people).await,
        amount("USD", before + 1_000 - done, 0),
        "each debit is booked once"
    );
    let (data, postgres) = (rig.data(), Some(place.as_str()));
    invariants::hold_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_sets_nothing_is_named() {
    let Some(place) = postgres::database().await else { return };
    let (server, name) = place.split_once('/').unwrap();
    let Some(pooler) = Pooler::before(server, None) else { return };
    let url = format!("--database-url=postgres://payterms_plans@{}/{name}", pooler.at);
    let unaware = Command::new(BINARY)
        .args(["config", "check", "plans", "--", "--mode=development", &url])
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&unaware.stdout).contains("set --database-pooled"),
        "{unaware:?}"
    );
    let check = Command::new(BINARY)
        .args(["config", "check", "plans", "--", "--mode=development", "--database-pooled", &url])
        .output();
    let said = String::from_utf8(check.unwrap().stdout).unwrap();
    let limits =
        "connections have no idle_in_transaction_session_timeout, lock_timeout, statement_timeout";
    for sentence in ["the search path is", limits, "give the pooler the connect_query"] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
}
