//! What was sent to an endpoint of webhooks is shown and sent again, verifies with what others
//! wrote, and is lost in no crash.

use crate::{
    clients,
    kills::grant as grant_of,
    rig,
    wallets::grant,
    webhooks::{created, debit, known_everywhere},
};
use payterms_proto::{
    common::v1::{WebhookDelivery, webhook_delivery::State},
    gateway::v1::{
        ListWebhookDeliveriesRequest, RedeliverWebhookEventRequest, RedeliverWebhookEventsRequest,
    },
    invoicing::v1::{
        CreateWebhookEndpointRequest, DeleteWebhookEndpointRequest, UpdateWebhookEndpointRequest,
        WebhookEndpoint,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    World, on_both, reason,
    receiver::{Behaviour, Received, Receiver},
    rig::until,
};
use prost_types::FieldMask;
use sea_orm::{ConnectionTrait, Statement};
use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
};
use tonic::Status;

on_both!(
    deliveries_are_listed_and_sent_again,
    what_happens_right_after_an_endpoint_was_made_or_changed_arrives,
    receivers_in_two_languages_verify_what_arrives,
);

async fn list(world: &World, parent: &str, state: State) -> Result<Vec<WebhookDelivery>, Status> {
    let admin = world.someone("ADMIN", None);
    let mut request = ListWebhookDeliveriesRequest {
        parent: parent.to_owned(),
        state: state.into(),
        page_size: 2,
        ..Default::default()
    };
    let mut all = Vec::new();
    loop {
        let page =
            admin.webhook_deliveries().list_webhook_deliveries(request.clone()).await?.into_inner();
        all.extend(page.webhook_deliveries);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(all);
        }
    }
}

/// The other services hear of an endpoint a moment after the answer.
async fn what_happens_right_after_an_endpoint_was_made_or_changed_arrives(world: &World) {
    let (_, wallet) = world.usual().await;
    let receiver = Receiver::start().await;
    let (granted, posted) = ("payterms.wallet.v1.CreditGranted", "payterms.wallet.v1.PostingsMade");
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    for round in 0..5 {
        let path = format!("/new-{round}");
        let endpoint =
            created(world, &receiver.url(&path), &[granted]).await.webhook_endpoint.unwrap();
        for _ in 0..3 {
            grant(world, &wallet, amount("USD", 10, 0), 0).await;
        }
        known_everywhere(world, &endpoint.name).await;
        // Events of one wallet arrive in order: once this one is there, nothing before it is to
        // come.
        grant(world, &wallet, amount("USD", 7, 0), 0).await;
        let units = |own: &Received| {
            own.event()["data"]["lot"]["amount"]["units"].as_str().unwrap().to_owned()
        };
        let all = receiver.until(&path, |all| all.iter().any(|own| units(own) == "7")).await;
        assert_eq!(
            all.iter().map(units).collect::<Vec<_>>(),
            ["10", "10", "10", "7"],
            "all since it was made, and nothing of before"
        );
        let paths = Some(FieldMask { paths: vec!["types".to_owned()] });
        let changed = WebhookEndpoint {
            types: vec![granted.to_owned(), posted.to_owned()],
            name: endpoint.name.clone(),
            ..WebhookEndpoint::default()
        };
        let change = UpdateWebhookEndpointRequest {
            request_id: request_id(),
            webhook_endpoint: Some(changed),
            update_mask: paths,
            ..Default::default()
        };
        world
            .someone("ADMIN", None)
            .webhook_endpoints()
            .update_webhook_endpoint(change)
            .await
            .unwrap();
        debit(world, &wallet).await;
        receiver.until(&path, |all| all.iter().any(|own| own.event()["type"] == posted)).await;
        let gone = DeleteWebhookEndpointRequest {
            request_id: request_id(),
            name: endpoint.name,
            ..Default::default()
        };
        world
            .someone("ADMIN", None)
            .webhook_endpoints()
            .delete_webhook_endpoint(gone)
            .await
            .unwrap();
    }
}

pub(crate) async fn deliveries_are_listed_and_sent_again(world: &World) {
    world.tenant("acme").await;
    let receiver = Receiver::start().await;
    // What happened before there was an endpoint.
    let customer = world.customer("acme", "AU").await;
    let types = ["payterms.wallet.v1.CreditGranted", "payterms.invoicing.v1.CustomerChanged"];
    let hook = created(world, &receiver.url("/hook"), &types).await;
    let endpoint = hook.webhook_endpoint.unwrap().name;
    known_everywhere(world, &endpoint).await;
    let wallet = world.wallet(&customer, "USD").await;
    for _ in 0..5 {
        grant(world, &wallet, amount("USD", 10, 0), 0).await;
    }
    world.customer("acme", "AU").await;
    receiver.until("/hook", |all| all.len() >= 6).await;
    let delivered =
        until(async || list(world, &endpoint, State::Delivered).await, |all| all.len() >= 6).await;
    let whole = ListWebhookDeliveriesRequest { parent: endpoint.clone(), ..Default::default() };
    let whole = world
        .someone("ADMIN", None)
        .webhook_deliveries()
        .list_webhook_deliveries(whole)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (whole.webhook_deliveries.len(), whole.next_page_token.as_str()),
        (6, ""),
        "a page is filled across services"
    );
    let sources: BTreeSet<_> = delivered.iter().map(|own| own.source.as_str()).collect();
    assert_eq!((delivered.len(), sources), (6, BTreeSet::from(["invoicing", "wallet"])));
    assert!(
        delivered.iter().all(|own| own.attempt_count == 1
            && own.outcome == "DELIVERED"
            && own.http_status == 200),
        "{delivered:?}"
    );
    assert_eq!(list(world, &endpoint, State::Failed).await.unwrap(), []);
    // One of the wallet's again.
    let admin = world.someone("ADMIN", None);
    let again = delivered.iter().find(|own| own.source == "wallet").unwrap();
    let id = again.name.rsplit('/').next().unwrap().to_owned();
    let request =
        RedeliverWebhookEventRequest { request_id: request_id(), name: again.name.clone() };
    let first = admin
        .webhook_deliveries()
        .redeliver_webhook_event(request.clone())
        .await
        .unwrap()
        .into_inner();
    let second =
        admin.webhook_deliveries().redeliver_webhook_event(request).await.unwrap().into_inner();
    assert_eq!(
        (first.webhook_delivery.as_ref().unwrap().state(), &first),
        (State::Pending, &second)
    );
    let times = |all: &[Received]| all.iter().filter(|own| own.header("webhook-id") == id).count();
    receiver.until("/hook", |all| times(all) == 2).await;
    let unknown = format!("{endpoint}/deliveries/{}", request_id());
    let unknown = RedeliverWebhookEventRequest { request_id: request_id(), name: unknown };
    assert_eq!(
        reason(&admin.webhook_deliveries().redeliver_webhook_event(unknown).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    // All again, with what happened before.
    let before = receiver.received("/hook").len();
    let start_time = Some(prost_types::Timestamp { seconds: 0, nanos: 0 });
    let span = RedeliverWebhookEventsRequest {
        request_id: request_id(),
        parent: endpoint.clone(),
        start_time,
        ..Default::default()
    };
    admin.webhook_deliveries().redeliver_webhook_events(span).await.unwrap();
    let all = receiver.until("/hook", |all| all.len() >= before + 7).await;
    assert_eq!(times(&all), 3);
    let about = |own: &Received| own.event()["subject"] == customer;
    assert!(all.iter().any(about), "the customer was there before the endpoint");
    // Nothing of a span in which nothing happened, and nothing of an endpoint that is none.
    let end_time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let empty = RedeliverWebhookEventsRequest {
        request_id: request_id(),
        parent: endpoint.clone(),
        start_time,
        end_time,
    };
    admin.webhook_deliveries().redeliver_webhook_events(empty.clone()).await.unwrap();
    let parent = format!("tenants/acme/webhookEndpoints/{}", request_id());
    let nowhere =
        RedeliverWebhookEventsRequest { request_id: request_id(), parent: parent.clone(), ..empty };
    assert_eq!(
        reason(&admin.webhook_deliveries().redeliver_webhook_events(nowhere).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    assert_eq!(
        reason(&list(world, &parent, State::Unspecified).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
}

/// Gives a verifier requests and returns what it says.
fn verified(mut command: Command, given: &serde_json::Value) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn receivers_in_two_languages_verify_what_arrives(world: &World) {
    world.tenant("acme").await;
    let receiver = Receiver::start().await;
    let hook =
        created(world, &receiver.url("/hook"), &["payterms.invoicing.v1.CustomerChanged"]).await;
    for _ in 0..3 {
        world.customer("acme", "AU").await;
    }
    let requests = receiver.until("/hook", |all| all.len() >= 3).await;
    let requests: Vec<_> = requests
        .iter()
        .map(|own| serde_json::json!({ "headers": own.headers, "body": own.body }))
        .collect();
    let expected = format!("{} payterms.invoicing.v1.CustomerChanged", requests.len());
    let given = serde_json::json!({ "secret": hook.secret, "requests": requests });
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    if let Some(python) = clients::python_with("standardwebhooks") {
        let mut command = Command::new(python);
        command.arg(here.join("webhooks.py"));
        assert_eq!(verified(command, &given), expected);
    }
    if let Some(modules) = clients::node_modules() {
        let mut command = Command::new("node");
        command.arg(here.join("webhooks.cjs")).arg(modules);
        assert_eq!(verified(command, &given), expected);
    }
}

/// Killed before and after it makes deliveries, and before and after it sends one: the event
/// arrives, and at most twice.
async fn nothing_is_lost(on_postgres: bool) {
    let Some(mut rig) =
        rig::start_with(on_postgres, &["--webhooks-inside=127.0.0.1".to_owned()]).await
    else {
        return;
    };
    let people = rig.prepare("tok_visa").await;
    let receiver = Receiver::start().await;
    receiver.behave("/hook", Behaviour::Status(204));
    let request = CreateWebhookEndpointRequest {
        parent: "tenants/acme".to_owned(),
        ..crate::webhooks::create(&receiver.url("/hook"), &["payterms.wallet.v1.CreditGranted"])
    };
    rig.someone("ADMIN", None).webhook_endpoints().create_webhook_endpoint(request).await.unwrap();
    let (rows, schema) =
        crate::invariants::rows_of("wallet", rig.data(), rig.postgres.as_deref()).await;
    // The endpoint reaches the wallet a moment after it was created.
    let known = Statement::from_string(
        rows.get_database_backend(),
        format!("SELECT 1 AS found FROM {schema}webhook_targets"),
    );
    until(async || Ok(rows.query_one_raw(known.clone()).await.unwrap().is_some()), |found| *found)
        .await;
    grant_of(&rig, &people, 1).await;
    receiver.until("/hook", |all| !all.is_empty()).await;
    for (number, point) in [
        "webhooks.before_deliveries",
        "webhooks.after_deliveries",
        "webhooks.before_send",
        "webhooks.after_send",
    ]
    .into_iter()
    .enumerate()
    {
        let units = i64::try_from(number).unwrap() + 10;
        let expected = units.to_string();
        let (service, wallet) = (rig.someone("STAFF", None), people.wallet.clone());
        let request = payterms_proto::wallet::v1::GrantCreditRequest {
            request_id: request_id(),
            wallet,
            amount: amount("USD", units, 0),
            ..Default::default()
        };
        rig.die_at(point, async move { service.lots().grant_credit(request).await.ok() }).await;
        // What the process that died had claimed is due when the claim lapses, which is now.
        let of_it = |own: &Received| {
            own.event()["data"]["lot"]["amount"]["units"].as_str() == Some(expected.as_str())
        };
        let hurry = format!(
            "UPDATE {schema}webhook_deliveries SET due_at = created_at WHERE state = 'PENDING'"
        );
        let arrived = async || {
            rows.execute_unprepared(&hurry).await.unwrap();
            Ok(receiver
                .received("/hook")
                .iter()
                .filter(|own| of_it(own))
                .map(|own| own.header("webhook-id").to_owned())
                .collect())
        };
        let ids: Vec<String> = until(arrived, |ids: &Vec<String>| {
            ids.len() >= if point.ends_with("after_send") { 2 } else { 1 }
        })
        .await;
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 1, "the same event has the same id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_crash_loses_a_webhook_on_sqlite() {
    nothing_is_lost(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_crash_loses_a_webhook_on_postgres() {
    nothing_is_lost(true).await;
}
