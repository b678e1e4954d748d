//! The line to the database is lost without a word: the service says so, takes a new connection,
//! works again, and ends when it is told to.

use crate::{invariants, kills::grant, rig};
use payterms_proto::wallet::v1::PostDebitRequest;
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    rig::{Services, retry, until},
    slow_line::SlowLine,
};
use std::time::Duration;
use tonic::Status;

async fn readiness(services: &Services) -> Result<u16, Status> {
    let answer = reqwest::get(format!("http://{}/readyz", services.at("wallet"))).await;
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| Status::unavailable(error.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_the_database_that_is_lost_is_replaced() {
    let Some(mut rig) = rig::start(true).await else { return };
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 100).await;
    let place = rig.postgres.clone().unwrap();
    let (server, name) = place.split_once('/').unwrap();
    let line = SlowLine::open(
        tokio::net::lookup_host(server).await.unwrap().next().unwrap(),
        Duration::ZERO,
    )
    .await;
    rig.postgres = Some(format!("{}/{name}", line.address));
    let mut services = Services::of(rig).await;
    let service = services.rig().someone("SERVICE", None);
    let debit = || PostDebitRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 1, 0),
        ..PostDebitRequest::default()
    };
    let post = async |request: PostDebitRequest| {
        retry(async || service.postings().post_debit(request.clone()).await).await
    };
    let mut answered = Vec::new();
    for _ in 0..5 {
        let request = debit();
        answered.push((request.clone(), post(request).await.into_inner()));
    }
    for _ in 0..2 {
        line.lose_open_connections();
        let request = debit();
        answered.push((request.clone(), post(request).await.into_inner()));
        until(async || readiness(&services).await, |status| *status == 200).await;
    }
    line.lose_all();
    until(async || readiness(&services).await, |status| *status == 503).await;
    // Nothing is to be had from the database: the process ends all the same.
    services.terminate("wallet").await;
    services.terminate("credit").await;

    let mut rig = services.into_rig();
    rig.postgres = Some(place);
    rig.restart(None).await;
    let service = rig.someone("SERVICE", None);
    for (request, answer) in answered {
        let again = retry(async || service.postings().post_debit(request.clone()).await).await;
        assert_eq!(again.into_inner(), answer, "what was acknowledged is there");
    }
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}
