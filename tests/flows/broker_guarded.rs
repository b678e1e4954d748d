//! A broker that asks for a certificate and a user: a suite that has both speaks to it over TLS, and who lacks one is refused.

use crate::{
    kills::all_is_delivered,
    rig::{self, Services, until},
};
use payterms_chassis::{
    net::broker::BrokerOptions,
    production::{Mode, Objections},
};
use payterms_testkit::{
    broker::{Broker, Guarded},
    certificates::Authority,
    world::customer_of,
};
use std::{fs, time::Duration};

fn options_of(guarded: &Guarded) -> BrokerOptions {
    BrokerOptions {
        bus: vec![format!("tls://{}", guarded.broker.at)],
        bus_credentials: Some(guarded.seeds.join("wallet.nk")),
        bus_ca: Some(guarded.ca.clone()),
        bus_tls: Some(guarded.client.clone()),
        bus_replicas: 1,
    }
}

/// Services that have called each other's inboxes go over to a broker with a certificate, and each with a user of its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_service_shows_a_certificate_and_its_own_user() {
    let Some(guarded) = Broker::guarded(&Authority::new("brokers")).await else { return };
    let rig = rig::start(false).await.unwrap();
    rig.prepare("tok_visa").await;
    let options = [
        format!("--bus=tls://{}", guarded.broker.at),
        format!("--bus-credentials={}/{{part}}.nk", guarded.seeds.display()),
        format!("--bus-ca={}", guarded.ca.display()),
        format!("--bus-tls={}", guarded.client.display()),
    ];
    let services = Services::with(rig, options.to_vec()).await;
    let rig = services.rig();
    // It waits until the wallet has heard of the customer.
    customer_of(&rig.someone("OWNER", None), "acme", "AU").await;
    all_is_delivered(rig).await;
    assert_eq!(guarded.broker.log().matches("Violation").count(), 0, "{}", guarded.broker.log());

    // The wallet's user is nobody else: what it says in the name of invoicing reaches no stream.
    let wallet = options_of(&guarded).open("wallet", &mut Objections::new(Mode::Production)).await.unwrap();
    until(async || Ok(wallet.is_connected()), |connected| *connected).await;
    let mut jetstream = wallet.jetstream();
    jetstream.set_timeout(Duration::from_millis(500));
    let forged = async |source: &str| {
        let subject = format!("payterms.events.{source}.customer");
        jetstream.publish(subject, "forged".into()).await.unwrap().await.map(|answer| answer.stream)
    };
    assert!(forged("invoicing").await.is_err());
    assert_eq!(forged("wallet").await.unwrap(), "payterms-wallet");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lacks_a_certificate_or_the_user_is_refused() {
    let Some(guarded) = Broker::guarded(&Authority::new("brokers")).await else { return };
    let open = async |options: BrokerOptions| {
        let mut objections = Objections::new(Mode::Production);
        let broker = options.open("wallet", &mut objections).await;
        objections.settle().unwrap();
        broker.unwrap()
    };
    let good = open(options_of(&guarded)).await;
    until(async || Ok(good.is_connected()), |connected| *connected).await;
    let refused = async |options: BrokerOptions, said: &str| {
        let before = guarded.broker.log().matches(said).count();
        let broker = open(options).await;
        // Twice: it is tried again, and never let in.
        until(async || Ok(guarded.broker.log().matches(said).count()), |now| *now >= before + 2).await;
        assert!(!broker.is_connected(), "{said}");
    };
    let other = Authority::new("others");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    fs::write(&ca, other.pem()).unwrap();
    refused(BrokerOptions { bus_ca: Some(ca), ..options_of(&guarded) }, "TLS handshake error").await;
    refused(BrokerOptions { bus_tls: None, ..options_of(&guarded) }, "TLS handshake error").await;
    refused(BrokerOptions { bus_credentials: None, ..options_of(&guarded) }, "authentication error").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("user.creds");
    fs::write(&file, "canary").unwrap();
    let said = async |options: BrokerOptions| {
        let mut objections = Objections::new(Mode::Development);
        assert!(options.open("wallet", &mut objections).await.is_none());
        let said = objections.settle().unwrap_err();
        assert!(!said.contains("canary"), "{said}");
        said
    };
    let of = |bus: &[&str]| BrokerOptions { bus: bus.iter().map(|url| (*url).to_owned()).collect(), ..BrokerOptions::default() };
    let bus = ["tls://127.0.0.1:1"];
    let credentials = BrokerOptions { bus_credentials: Some(file), ..of(&bus) };
    assert!(said(credentials).await.contains("user.creds: it holds neither"));
    assert!(said(BrokerOptions { bus_ca: Some(folder.path().join("none.crt")), ..of(&bus) }).await.contains("none.crt"));
    assert!(said(BrokerOptions { bus_tls: Some(folder.path().to_owned()), ..of(&bus) }).await.contains("tls.crt"));
    assert!(said(of(&["tls://127.0.0.1:1", "nats://127.0.0.1:2"])).await.contains("all addresses"));
}
