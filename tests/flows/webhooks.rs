//! Webhooks as a receiver gets them: signed, again and again until it answers, in order for each
//! resource.

use crate::{invariants, mails::mails_of, verify::payterms, wallets::grant};
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use payterms_proto::{
    invoicing::v1::{
        CreateWebhookEndpointRequest, CreateWebhookEndpointResponse, DeleteWebhookEndpointRequest,
        DisableWebhookEndpointRequest, EnableWebhookEndpointRequest, GetWebhookEndpointRequest,
        MailKind, TestWebhookEndpointRequest, WebhookEndpoint,
        webhook_endpoint::{DisabledReason, State},
    },
    wallet::v1::{GetBalanceRequest, PostDebitRequest},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{
    World, on_both,
    receiver::{Behaviour, Received, Receiver},
    rig::until,
};
use sea_orm::{ConnectionTrait, Statement};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};

on_both!(
    events_of_all_services_arrive_signed_and_come_to_the_balances,
    what_waits_for_an_endpoint_is_listed,
    what_fails_is_sent_again_and_holds_up_nobody,
    an_endpoint_that_is_gone_or_fails_for_days_is_disabled_with_a_mail,
);

pub(crate) fn create(url: &str, types: &[&str]) -> CreateWebhookEndpointRequest {
    let types = types.iter().map(|kind| (*kind).to_owned()).collect();
    let webhook_endpoint =
        Some(WebhookEndpoint { url: url.to_owned(), types, ..WebhookEndpoint::default() });
    CreateWebhookEndpointRequest {
        request_id: request_id(),
        parent: "tenants/acme".to_owned(),
        webhook_endpoint,
    }
}

pub(crate) async fn created(
    world: &World,
    url: &str,
    types: &[&str],
) -> CreateWebhookEndpointResponse {
    world
        .someone("ADMIN", None)
        .webhook_endpoints()
        .create_webhook_endpoint(create(url, types))
        .await
        .unwrap()
        .into_inner()
}

/// Waits until every service delivers to an endpoint: it reaches them a moment after it was
/// created.
pub(crate) async fn known_everywhere(world: &World, endpoint: &str) {
    let id: uuid::Uuid = endpoint.rsplit('/').next().unwrap().parse().unwrap();
    for service in ["wallet", "credit", "plans", "invoicing"] {
        let (rows, schema) = world.rows(service).await;
        let find = Statement::from_sql_and_values(
            rows.get_database_backend(),
            format!("SELECT 1 AS found FROM {schema}webhook_targets WHERE endpoint_id = $1"),
            [id.into()],
        );
        let find = || async { Ok(rows.query_one_raw(find.clone()).await.unwrap().is_some()) };
        until(find, |found| *found).await;
    }
}

/// The names in the header of signatures that a secret has made.
pub(crate) fn signs(secret: &str, request: &Received) -> bool {
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    let content = format!(
        "{}.{}.{}",
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
        request.body
    );
    mac.update(content.as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    request.header("webhook-signature").split(' ').any(|signature| signature == expected)
}

fn types_of(requests: &[Received]) -> BTreeSet<String> {
    requests.iter().map(|request| request.event()["type"].as_str().unwrap().to_owned()).collect()
}

pub(crate) async fn debit(world: &World, wallet: &str) {
    let request = PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    };
    world.someone("SERVICE", None).postings().post_debit(request).await.unwrap();
}

/// The newest balance of a wallet that events tell, by the sequence number of its last entry.
fn newest_balance(requests: &[Received], wallet: &str) -> Option<(i64, serde_json::Value)> {
    let mut newest: BTreeMap<i64, serde_json::Value> = BTreeMap::new();
    let number = |value: &serde_json::Value| {
        value.as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or_default()
    };
    for request in requests {
        let event = request.event();
        if event["subject"] != wallet {
            continue;
        }
        if let Some(posted) =
            event["data"]["wallets"].as_array().and_then(|wallets| wallets.first())
        {
            newest.insert(number(&posted["lastSequence"]), posted["posted"].clone());
        } else if let Some(balance) = event["data"]["wallet"].get("balance") {
            newest.insert(number(&balance["sequence"]), balance["posted"].clone());
        }
    }
    newest.pop_last()
}

async fn events_of_all_services_arrive_signed_and_come_to_the_balances(world: &World) {
    world.tenant("acme").await;
    let receiver = Receiver::start().await;
    let hook = created(world, &receiver.url("/all"), &[]).await;
    let (endpoint, secret) = (hook.webhook_endpoint.unwrap(), hook.secret);
    let grants =
        created(world, &receiver.url("/grants"), &["payterms.wallet.v1.CreditGranted"]).await;
    known_everywhere(world, &endpoint.name).await;
    known_everywhere(world, &grants.webhook_endpoint.unwrap().name).await;
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    grant(world, &wallet, amount("USD", 100, 0), 0).await;
    for _ in 0..5 {
        debit(world, &wallet).await;
    }
    let get = GetBalanceRequest { name: wallet.clone(), ..GetBalanceRequest::default() };
    let balance = world
        .someone("STAFF", None)
        .wallets()
        .get_balance(get)
        .await
        .unwrap()
        .into_inner()
        .balance
        .unwrap();
    let requests = receiver
        .until("/all", |all| {
            newest_balance(all, &wallet).is_some_and(|(sequence, _)| sequence == balance.sequence)
        })
        .await;
    let (_, posted) = newest_balance(&requests, &wallet).unwrap();
    assert_eq!((posted["units"].as_str(), balance.posted.unwrap().units), (Some("95"), 95));
    let requests = receiver
        .until("/all", |all| types_of(all).contains("payterms.invoicing.v1.CustomerChanged"))
        .await;
    let mut ids = BTreeSet::new();
    for request in &requests {
        let event = request.event();
        assert!(signs(&secret, request), "{request:?}");
        assert!(ids.insert(request.header("webhook-id").to_owned()), "it came before: {request:?}");
        assert_eq!(
            (event["specversion"].as_str(), event["id"].as_str()),
            (Some("1.0"), Some(request.header("webhook-id")))
        );
        assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
        assert_eq!(event["tenant"], "tenants/acme");
        assert!(!event["type"].as_str().unwrap().contains("Webhook"), "{event}");
    }
    let granted = receiver.until("/grants", |all| !all.is_empty()).await;
    assert_eq!(types_of(&granted), BTreeSet::from(["payterms.wallet.v1.CreditGranted".to_owned()]));
    let test = TestWebhookEndpointRequest { request_id: request_id(), name: endpoint.name.clone() };
    world.someone("OWNER", None).webhook_endpoints().test_webhook_endpoint(test).await.unwrap();
    let tested = receiver
        .until("/all", |all| types_of(all).contains("payterms.invoicing.v1.WebhookEndpointTested"))
        .await;
    assert_eq!(tested.last().unwrap().event()["data"]["name"], endpoint.name);
    assert!(
        !types_of(&receiver.received("/grants"))
            .contains("payterms.invoicing.v1.WebhookEndpointTested"),
        "it is another's"
    );
    invariants::hold(world).await;
}

async fn what_waits_for_an_endpoint_is_listed(world: &World) {
    world.tenant("acme").await;
    world.tenant("other").await;
    let (receiver, admin) = (Receiver::start().await, world.someone("ADMIN", None));
    receiver.behave("/fails", Behaviour::Status(503));
    let name = created(world, &receiver.url("/fails"), &["payterms.invoicing.v1.CustomerChanged"])
        .await
        .webhook_endpoint
        .unwrap()
        .name;
    world.customer("acme", "AU").await;
    world.customer("acme", "AU").await;
    let listed = async |tenant: &str| {
        let (code, out, err) =
            payterms(world, &["webhooks", "--tenant", tenant, "--output", "json"]).await;
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        Ok(serde_json::from_str::<serde_json::Value>(&out).unwrap()["waitingWebhooks"]
            .as_array()
            .unwrap()
            .clone())
    };
    let waits = |all: &Vec<serde_json::Value>| all.iter().any(|own| own["waitingCount"] == 2);
    let waiting = until(async || listed("acme").await, waits).await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(
        (&waiting[0]["service"], &waiting[0]["webhookEndpoint"], &waiting[0]["enabled"]),
        (&"invoicing".into(), &name.as_str().into(), &true.into())
    );
    assert!(waiting[0]["oldestTime"].is_string(), "{waiting:?}");
    assert!(listed("other").await.unwrap().is_empty());
    let disable = DisableWebhookEndpointRequest {
        request_id: request_id(),
        name: name.clone(),
        ..Default::default()
    };
    admin.webhook_endpoints().disable_webhook_endpoint(disable).await.unwrap();
    let (_, out, _) = payterms(world, &["webhooks"]).await;
    assert!(out.contains("disabled") && out.contains(&name), "{out}");
    let delete =
        DeleteWebhookEndpointRequest { request_id: request_id(), name, ..Default::default() };
    admin.webhook_endpoints().delete_webhook_endpoint(delete).await.unwrap();
    until(async || listed("acme").await, Vec::is_empty).await;
    assert_eq!(payterms(world, &["webhooks"]).await.1, "No webhook waits.\n");
}

async fn what_fails_is_sent_again_and_holds_up_nobody(world: &World) {
    world.tenant("acme").await;
    let receiver = Receiver::start().await;
    let failing = [
        ("/500", Behaviour::Status(500)),
        ("/hangs", Behaviour::Hang),
        ("/resets", Behaviour::Reset),
        ("/redirects", Behaviour::Redirect(receiver.url("/elsewhere"))),
    ];
    for (path, behaviour) in &failing {
        receiver.behave(path, behaviour.clone());
        created(world, &receiver.url(path), &["payterms.invoicing.v1.CustomerChanged"]).await;
    }
    receiver.behave("/huge", Behaviour::Huge);
    for path in ["/huge", "/sound"] {
        created(world, &receiver.url(path), &["payterms.invoicing.v1.CustomerChanged"]).await;
    }
    for _ in 0..20 {
        world.customer("acme", "AU").await;
    }
    // While others fail and hang, these get everything, once.
    for path in ["/huge", "/sound"] {
        let all = receiver.until(path, |all| all.len() >= 20).await;
        let ids: BTreeSet<_> = all.iter().map(|request| request.header("webhook-id")).collect();
        assert_eq!(ids.len(), all.len(), "{path}");
    }
    // The first attempt of each of the others is there too, and those that fail get the same event
    // again.
    for (path, _) in &failing {
        let requests = receiver.until(path, |all| !all.is_empty()).await;
        receiver.behave(path, Behaviour::Status(200));
        let first = requests.first().unwrap().header("webhook-id").to_owned();
        if *path != "/hangs" {
            let again = |all: &[Received]| {
                all.iter().filter(|request| request.header("webhook-id") == first).count() > 1
            };
            let requests = receiver.until(path, again).await;
            let bodies: BTreeSet<_> = requests
                .iter()
                .filter(|request| request.header("webhook-id") == first)
                .map(|request| request.body.clone())
                .collect();
            assert_eq!(bodies.len(), 1, "the same event has the same body");
        }
    }
    assert!(receiver.received("/elsewhere").is_empty(), "a redirection is not followed");
}

/// Makes every delivery of a service that waits due at once, as if its pauses were over; and old,
/// where it is to be given up.
async fn hurry(world: &World, service: &str, attempts: Option<i64>) {
    let (rows, schema) = world.rows(service).await;
    let attempts = attempts.map(|attempts| format!(", attempts = {attempts}")).unwrap_or_default();
    let update = format!(
        "UPDATE {schema}webhook_deliveries SET due_at = created_at{attempts} WHERE state = 'PENDING'"
    );
    rows.execute_unprepared(&update).await.unwrap();
}

async fn an_endpoint_that_is_gone_or_fails_for_days_is_disabled_with_a_mail(world: &World) {
    world.tenant("acme").await;
    let (receiver, admin) = (Receiver::start().await, world.someone("ADMIN", None));
    let customer = world.customer("acme", "AU").await;
    let wallet = world.wallet(&customer, "USD").await;
    receiver.behave("/gone", Behaviour::Status(410));
    receiver.behave("/fails", Behaviour::Status(503));
    let mut endpoints = Vec::new();
    for path in ["/gone", "/fails"] {
        let endpoint = created(world, &receiver.url(path), &["payterms.wallet.v1.CreditGranted"])
            .await
            .webhook_endpoint
            .unwrap();
        known_everywhere(world, &endpoint.name).await;
        endpoints.push(endpoint.name);
    }
    grant(world, &wallet, amount("USD", 10, 0), 0).await;
    receiver.until("/fails", |all| !all.is_empty()).await;
    let state = async |name: &str| {
        let get = GetWebhookEndpointRequest { name: name.to_owned() };
        admin
            .webhook_endpoints()
            .get_webhook_endpoint(get)
            .await
            .map(|read| read.into_inner().webhook_endpoint.unwrap())
    };
    // What is gone is disabled at once, though the wallet met it and invoicing keeps it.
    let gone = until(|| state(&endpoints[0]), |own| own.state() == State::Disabled).await;
    assert_eq!(gone.disabled_reason(), DisabledReason::Gone);
    // The other one fails for three days.
    until(
        || async {
            hurry(world, "wallet", Some(9)).await;
            state(&endpoints[1]).await
        },
        |own| own.disabled_reason() == DisabledReason::Failing,
    )
    .await;
    assert!(
        mails_of(&admin, MailKind::WebhookDisabled, 2)
            .await
            .iter()
            .all(|mail| mail.customer.is_empty())
    );
    // Meanwhile something happens. Enabled again, the endpoint gets it.
    grant(world, &wallet, amount("USD", 20, 0), 0).await;
    receiver.behave("/fails", Behaviour::Status(200));
    let before = receiver.received("/fails").len();
    let enable = EnableWebhookEndpointRequest {
        request_id: request_id(),
        name: endpoints[1].clone(),
        ..Default::default()
    };
    let enabled = admin
        .webhook_endpoints()
        .enable_webhook_endpoint(enable)
        .await
        .unwrap()
        .into_inner()
        .webhook_endpoint
        .unwrap();
    assert_eq!(
        (enabled.state(), enabled.disabled_reason()),
        (State::Enabled, DisabledReason::Unspecified)
    );
    let resumed = receiver.until("/fails", |all| all.len() > before).await;
    assert_eq!(
        resumed.last().unwrap().event()["data"]["lot"]["amount"]["units"],
        "20",
        "{:?}",
        resumed.last().unwrap().event()
    );
    invariants::hold(world).await;
}
