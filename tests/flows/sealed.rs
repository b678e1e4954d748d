//! A key that values are sealed with is replaced while the suite runs: everything is sealed again
//! and opens without the key before, also where the process dies in the middle; and a value whose
//! key is missing is named.

use crate::{
    applications::{Desk, desk, desk_of},
    applications_linked::linked,
    attachments::{attach, download, pdf},
    invariants,
    kills_of_stripe::prepare,
    rig::{self, BINARY, retry, until},
    stripe,
    verify::payterms,
    webhooks::{create, known_everywhere, signs},
};
use payterms_proto::{
    credit::v1::{Programme, credit_application::State},
    wallet::v1::{StartMethodSetupRequest, payment_method::Kind},
};
use payterms_suite::client::request_id;
use payterms_testkit::{
    Database, World, process::free_address, receiver::Receiver, stripe::StripeServer,
};
use serde_json::Value;
use std::{path::Path, process::Command};

/// What is sealed of the tenant, by service.
const TABLES: [(&str, &str); 8] = [
    ("wallet", "wallet_settings"),
    ("wallet", "webhook_targets"),
    ("invoicing", "webhook_endpoints"),
    ("invoicing", "webhook_targets"),
    ("credit", "bank_links"),
    ("credit", "bank_file_parts"),
    ("credit", "webhook_targets"),
    ("plans", "webhook_targets"),
];

/// `payterms keys STEP seal webhooks` in a data folder: the ids of the keys that seal from then on.
pub(crate) fn keys(data: &Path, step: &str) -> Vec<String> {
    let mut command = Command::new(BINARY);
    command
        .args(["keys", step, "seal", "webhooks", "--output", "json"])
        .arg("--keys")
        .arg(data.join("keys"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    said["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["signs"].as_str().unwrap().to_owned())
        .collect()
}

/// The suite again, with the keys that are in its folder now.
pub(crate) async fn restarted(world: World) -> World {
    let World { suite, folder, postgres, .. } = world;
    suite.stop().await;
    World::again(folder, postgres).await
}

/// What `payterms sealed` or `reseal` says, and whether all is sealed with the keys that seal.
async fn said(world: &World, command: &str) -> (bool, Value) {
    let (code, out, err) = payterms(world, &[command, "--output", "json"]).await;
    assert!(matches!(code, 0 | 3), "{out}{err}");
    let said: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(said["well"].as_bool(), Some(code == 0), "{out}");
    (code == 0, said)
}

/// The tables of which something is in a state.
fn in_state<'a>(said: &'a Value, state: &str) -> Vec<(&'a str, &'a str)> {
    let all = said["sealedValues"].as_array().unwrap().iter();
    let mut tables: Vec<_> = all
        .filter(|own| own["keyState"] == state)
        .map(|own| (own["service"].as_str().unwrap(), own["table"].as_str().unwrap()))
        .collect();
    let place = |named: &(&str, &str)| TABLES.iter().position(|table| table == named);
    tables.sort_by_key(place);
    tables
}

async fn a_key_is_replaced(database: Database) {
    let Some(world) = World::start(database).await else { return };
    let opened = desk(&world, Programme::default()).await;
    let (customer, programme) = (opened.customer.clone(), opened.programme.clone());
    let application = linked(&world, &opened, "bank_steady").await.name;
    let content = pdf(2_500_000, "sealed in three parts");
    let sha256 = attach(&opened, &application, &content).await.unwrap().files[0].sha256.clone();
    stripe::open(&world.someone("OWNER", None)).await;
    let receiver = Receiver::start().await;
    let hook = create(&receiver.url("/hook"), &["payterms.invoicing.v1.CustomerChanged"]);
    let created = async |world: &World| {
        let answer = world
            .someone("ADMIN", None)
            .webhook_endpoints()
            .create_webhook_endpoint(hook.clone())
            .await;
        answer.unwrap().into_inner()
    };
    let endpoint = created(&world).await;
    known_everywhere(&world, &endpoint.webhook_endpoint.as_ref().unwrap().name).await;

    // Every process knows the next key before one of them seals with it.
    let before = keys(world.folder.path(), "list");
    assert_eq!(keys(world.folder.path(), "rotate"), before);
    let world = restarted(world).await;
    let (is_well, all) = said(&world, "sealed").await;
    assert!(is_well && in_state(&all, "KEY_STATE_SEALS") == TABLES, "{all}");

    let now = keys(world.folder.path(), "switch");
    assert!(now.iter().all(|id| !before.contains(id)));
    let world = restarted(world).await;
    let (is_well, all) = said(&world, "sealed").await;
    assert!(!is_well && in_state(&all, "KEY_STATE_OPENS") == TABLES, "{all}");
    assert!(
        all["sealedValues"].as_array().unwrap().iter().all(|own| own["tenant"] == "tenants/acme"),
        "{all}"
    );
    assert!(!said(&world, "sealed").await.0, "looking changes nothing");

    let (is_well, all) = said(&world, "reseal").await;
    assert!(is_well && in_state(&all, "KEY_STATE_SEALS") == TABLES, "{all}");
    // A link, three parts, an endpoint, a connection.
    assert_eq!(
        (all["rowCount"].as_i64(), &all["unopened"]),
        (Some(6), &Value::Array(Vec::new())),
        "{all}"
    );
    assert_eq!(
        said(&world, "reseal").await.1["rowCount"].as_i64(),
        Some(0),
        "nothing is done twice"
    );

    // Without the key before, everything opens.
    let first = std::fs::read(world.folder.path().join("keys/seal.key")).unwrap();
    assert_eq!(keys(world.folder.path(), "retire"), now);
    let world = restarted(world).await;
    assert!(said(&world, "sealed").await.0);
    let reopened: Desk = desk_of(&world, customer.clone(), programme.clone()).await;
    assert!(download(&reopened.reviewer, &application, &sha256).await.unwrap().1 == content);
    assert_eq!(
        reopened.submit(&application).await.unwrap().state(),
        State::InReview,
        "the accounts were read by the link"
    );
    let start = StartMethodSetupRequest {
        request_id: request_id(),
        parent: customer.clone(),
        kind: Kind::Card.into(),
        ..Default::default()
    };
    reopened.admin.methods().start_method_setup(start).await.unwrap();
    world.customer("acme", "AU").await;
    let sent = receiver.until("/hook", |all| !all.is_empty()).await;
    assert!(signs(&endpoint.secret, &sent[0]), "{sent:?}");
    assert_eq!(created(&world).await, endpoint, "and the repeated request shows the same secret");
    invariants::hold(&world).await;

    // With other keys nothing does, and what is missing is named.
    std::fs::write(world.folder.path().join("keys/seal.key"), &first[32..]).unwrap();
    let world = restarted(world).await;
    let (is_well, all) = said(&world, "reseal").await;
    assert!(!is_well && in_state(&all, "KEY_STATE_MISSING") == TABLES[4..6], "{all}");
    let unopened = all["unopened"].as_array().unwrap();
    let names = |row: &Value| {
        row.as_str().is_some_and(|row| row.contains(&now[0]) && row.contains("seal.key"))
    };
    assert!(unopened.len() == 4 && unopened.iter().all(names), "{unopened:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_and_nothing_is_lost_on_sqlite() {
    Box::pin(a_key_is_replaced(Database::Sqlite)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_and_nothing_is_lost_on_postgres() {
    Box::pin(a_key_is_replaced(Database::Postgres)).await;
}

async fn sealing_again_survives_kills(on_postgres: bool) {
    let stripe = StripeServer::start().await;
    let options = [format!("--stripe={}", stripe.url()), "--webhooks-inside=127.0.0.1".to_owned()];
    let Some(mut rig) = rig::start_with(on_postgres, &options).await else { return };
    let people = prepare(&rig, &stripe).await;
    let owner = rig.someone("OWNER", None);
    let mut hooks = Vec::new();
    // More than are sealed again in one transaction cannot be had of one tenant; two kinds in two
    // services are enough.
    for number in 0..3 {
        let request = create(&format!("https://hook.example/{number}"), &[]);
        let secret = retry(async || {
            owner.webhook_endpoints().create_webhook_endpoint(request.clone()).await
        })
        .await
        .into_inner()
        .secret;
        hooks.push((request, secret));
    }
    for point in ["sealed.before_commit", "sealed.after_commit"] {
        keys(rig.data(), "rotate");
        rig.restart(None).await;
        keys(rig.data(), "switch");
        let (data, gateway) = (rig.data().to_owned(), rig.gateway);
        let run = move |command: &str| {
            let mut program = Command::new(BINARY);
            program
                .args([command, "--output", "json"])
                .env("PAYTERMS_GATEWAY", format!("http://{gateway}"))
                .env("PAYTERMS_DATA", &data);
            let output = program.output().unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        };
        let reseal = run.clone();
        rig.die_at(point, async move {
            tokio::task::spawn_blocking(move || reseal("reseal")).await.unwrap()
        })
        .await;
        // Whatever the command came to, it is repeated.
        let (code, said) = run("reseal");
        assert_eq!(code, Some(0), "{point}: {said}");
        keys(rig.data(), "retire");
        rig.restart(None).await;
        let (code, said) = run("sealed");
        assert_eq!(code, Some(0), "{point}: {said}");
        for (request, secret) in &hooks {
            let again = retry(async || {
                owner.webhook_endpoints().create_webhook_endpoint(request.clone()).await
            })
            .await
            .into_inner();
            assert_eq!(&again.secret, secret, "{point}");
        }
        let start = StartMethodSetupRequest {
            request_id: request_id(),
            parent: people.customer.clone(),
            kind: Kind::Card.into(),
            ..Default::default()
        };
        retry(async || people.admin.methods().start_method_setup(start.clone()).await).await;
    }
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_again_survives_kills_on_sqlite() {
    sealing_again_survives_kills(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealing_again_survives_kills_on_postgres() {
    sealing_again_survives_kills(true).await;
}

async fn a_metric_shows_which_keys_are_needed(on_postgres: bool) {
    let metrics = free_address();
    let options = [format!("--metrics={metrics}"), "--figures-seconds=1".to_owned()];
    let Some(mut rig) = rig::start_with(on_postgres, &options).await else { return };
    rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let request = create("https://hook.example/", &[]);
    retry(async || owner.webhook_endpoints().create_webhook_endpoint(request.clone()).await).await;
    // Invoicing has the endpoint and its own copy of it, and each other service a copy.
    let shows = async |wanted: &str| {
        let read = async || {
            let page = reqwest::get(format!("http://{metrics}/metrics")).await;
            let text = match page {
                Ok(page) => page.text().await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            Ok(text)
        };
        until(read, |text: &String| {
            [("wallet", 1), ("invoicing", 2), ("credit", 1), ("plans", 1)].iter().all(|(part, count)| {
                ["SEALS", "OPENS", "MISSING"].iter().all(|state| {
                    let expected = if *state == wanted { *count } else { 0 };
                    text.contains(&format!(
                        "payterms_sealed_values{{payterms_key_state=\"{state}\",payterms_part=\"{part}\"}} {expected}\n"
                    ))
                })
            })
        })
        .await;
    };
    // A round that began before has not seen it; a process begins with one.
    rig.restart(None).await;
    shows("SEALS").await;
    for step in ["rotate", "switch"] {
        keys(rig.data(), step);
    }
    rig.restart(None).await;
    shows("OPENS").await;
    let first = std::fs::read(rig.data().join("keys/webhooks.key")).unwrap();
    std::fs::write(rig.data().join("keys/webhooks.key"), &first[..32]).unwrap();
    rig.restart(None).await;
    shows("MISSING").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_shows_which_keys_are_needed_on_sqlite() {
    a_metric_shows_which_keys_are_needed(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_metric_shows_which_keys_are_needed_on_postgres() {
    a_metric_shows_which_keys_are_needed(true).await;
}
