//! Events as JSON over HTTP, and a stream of them that ends with its gateway.

use crate::{
    events::{all_of, until_told},
    wallets::grant,
};
use futures::StreamExt;
use payterms_proto::gateway::v1::WatchEventsRequest;
use payterms_suite::client::amount;
use payterms_testkit::{Database, World, people::person, reason};
use tonic::Code;

/// Over plain HTTP events are JSON with their type, in a list and in a stream.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_read_as_json() {
    let world = World::start(Database::Sqlite).await.unwrap();
    let (_, wallet) = world.usual().await;
    grant(&world, &wallet, amount("USD", 5, 0), 0).await;
    let staff = world.someone("STAFF", None);
    until_told(&staff, &mut all_of("tenants/acme"), &["CreditGranted"]).await;
    let token = world.suite.token(&person("acme", "STAFF", None), 600).unwrap();
    let http = reqwest::Client::new();
    let post = |method: &str, kind: &str, body: Vec<u8>| {
        let url =
            format!("http://{}/payterms.gateway.v1.EventService/{method}", world.suite.gateway);
        http.post(url).bearer_auth(&token).header("content-type", kind).body(body).send()
    };
    let asked = serde_json::json!({ "parent": "tenants/acme", "types": ["payterms.wallet.v1.CreditGranted"] }).to_string();
    let listed: serde_json::Value =
        post("ListEvents", "application/json", asked.clone().into_bytes())
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
    let event = &listed["events"][0];
    assert_eq!(
        event["data"]["@type"], "type.googleapis.com/payterms.wallet.v1.CreditGranted",
        "{listed}"
    );
    assert_eq!(event["data"]["wallet"]["name"].as_str(), Some(wallet.as_str()), "{listed}");
    let framed =
        [&[0][..], &u32::try_from(asked.len()).unwrap().to_be_bytes(), asked.as_bytes()].concat();
    let mut stream = post("WatchEvents", "application/connect+json", framed).await.unwrap();
    let mut bytes = Vec::new();
    let told = loop {
        bytes.extend(stream.chunk().await.unwrap().unwrap());
        let mut rest = bytes.as_slice();
        let mut messages = Vec::new();
        while let Some((head, after)) = rest.split_at_checked(5) {
            let length = u32::from_be_bytes(head[1..].try_into().unwrap());
            let Some((message, after)) = after.split_at_checked(usize::try_from(length).unwrap())
            else {
                break;
            };
            messages.push(serde_json::from_slice::<serde_json::Value>(message).unwrap());
            rest = after;
        }
        if let Some(message) = messages.iter().find(|message| message.get("events").is_some()) {
            break message.clone();
        }
    };
    assert_eq!(told["events"], listed["events"]);
    drop(stream);
    world.end().await;
}

/// A stream ends in order when the gateway stops, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_with_its_gateway() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let staff = world.someone("STAFF", None);
    let request =
        WatchEventsRequest { parent: "tenants/acme".to_owned(), ..WatchEventsRequest::default() };
    let mut watch = staff.events().watch_events(request).await.unwrap().into_inner();
    watch.next().await.unwrap().unwrap();
    let ending = tokio::spawn(world.end());
    let status = loop {
        match watch.next().await.unwrap() {
            Ok(_) => {}
            Err(status) => break status,
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    ending.await.unwrap();
}
