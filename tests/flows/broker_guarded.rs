//! A broker that asks for a certificate and a user: a suite that has both speaks to it over TLS,
//! and who lacks one is refused.

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
    broker_users::Asking,
    certificates::Authority,
    world::customer_of,
};
use std::{fs, path::Path, time::Duration};

fn options_of(guarded: &Guarded) -> BrokerOptions {
    BrokerOptions {
        bus: vec![format!("tls://{}", guarded.broker.at)],
        bus_credentials: Some(guarded.seeds.join("wallet.nk")),
        bus_ca: Some(guarded.ca.clone()),
        bus_tls: Some(guarded.client.clone()),
        bus_replicas: 1,
    }
}

/// Services that have called each other's inboxes go over to a broker with a certificate, and each
/// with a user of its own.
#[tokio::test(flavor = "multi_thread")]
async fn each_service_shows_a_certificate_and_its_own_user() {
    let Some(guarded) = Broker::guarded(&Authority::new("brokers")).await else { return };
    let rig = rig::start(false).await.unwrap();
    rig.prepare("tok_visa").await;
    let services = Services::with(rig, guarded.options()).await;
    let rig = services.rig();
    // It waits until the wallet has heard of the customer.
    customer_of(&rig.someone("OWNER", None), "acme", "AU").await;
    all_is_delivered(rig).await;
    assert_eq!(guarded.broker.log().matches("Violation").count(), 0, "{}", guarded.broker.log());

    // The wallet's user is nobody else: what it says in the name of invoicing reaches no stream.
    let wallet =
        options_of(&guarded).open("wallet", &mut Objections::new(Mode::Production)).await.unwrap();
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
        until(async || Ok(guarded.broker.log().matches(said).count()), |now| *now >= before + 2)
            .await;
        assert!(!broker.is_connected(), "{said}");
    };
    let other = Authority::new("others");
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    fs::write(&ca, other.pem()).unwrap();
    refused(BrokerOptions { bus_ca: Some(ca), ..options_of(&guarded) }, "TLS handshake error")
        .await;
    refused(BrokerOptions { bus_tls: None, ..options_of(&guarded) }, "TLS handshake error").await;
    refused(
        BrokerOptions { bus_credentials: None, ..options_of(&guarded) },
        "authentication error",
    )
    .await;
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
    let of = |bus: &[&str]| BrokerOptions {
        bus: bus.iter().map(|url| (*url).to_owned()).collect(),
        ..BrokerOptions::default()
    };
    let bus = ["tls://127.0.0.1:1"];
    let credentials = BrokerOptions { bus_credentials: Some(file), ..of(&bus) };
    assert!(said(credentials).await.contains("user.creds: it holds neither"));
    assert!(said(of(&["tls://payterms:canary@127.0.0.1:1"])).await.contains("not in the address"));
    assert!(
        said(BrokerOptions { bus_ca: Some(folder.path().join("none.crt")), ..of(&bus) })
            .await
            .contains("none.crt")
    );
    assert!(
        said(BrokerOptions { bus_tls: Some(folder.path().to_owned()), ..of(&bus) })
            .await
            .contains("tls.crt")
    );
    assert!(said(of(&["tls://127.0.0.1:1", "nats://127.0.0.1:2"])).await.contains("all addresses"));
}

/// A user's credentials, a password and a token each open the line to a broker that asks for it,
/// and nothing else does.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_shown_what_it_asks_for() {
    let all =
        [Asking::for_credentials().await, Asking::for_password().await, Asking::for_token().await];
    let [Some(credentials), Some(password), Some(token)] = all else { return };
    for asking in [&credentials, &password, &token] {
        let open = async |file: Option<&Path>| {
            let options = BrokerOptions {
                bus: vec![asking.broker.url()],
                bus_credentials: file.map(Path::to_owned),
                bus_replicas: 1,
                ..BrokerOptions::default()
            };
            options.open("wallet", &mut Objections::new(Mode::Development)).await.unwrap()
        };
        let shown = open(Some(&asking.credentials)).await;
        until(async || Ok(shown.is_connected()), |connected| *connected).await;
        shown.jetstream().query_account().await.unwrap();
        for other in [
            None,
            [&credentials, &password, &token]
                .into_iter()
                .find(|other| other.broker.at != asking.broker.at),
        ] {
            let refusals = || asking.broker.log().matches("authentication error").count();
            let before = refusals();
            let refused = open(other.map(|other| other.credentials.as_path())).await;
            until(async || Ok(refusals()), |now| *now > before).await;
            assert!(!refused.is_connected());
        }
    }
}

/// The users that `k8s/nats-users` makes may do what their services do, and nothing in the name of
/// others.
#[tokio::test(flavor = "multi_thread")]
async fn the_users_of_the_script_are_enough() {
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../k8s/nats-users");
    for _ in 0..2 {
        assert!(
            std::process::Command::new(script).arg(folder.path()).status().unwrap().success(),
            "twice is as once"
        );
    }
    // A broker includes files beside its own; here it has what stands in it.
    let settings = format!(
        "authorization {{ {} }}\n",
        fs::read_to_string(folder.path().join("users.conf")).unwrap()
    );
    let Some(broker) = Broker::with_settings(&settings).await else { return };
    let rig = rig::start(false).await.unwrap();
    rig.prepare("tok_visa").await;
    let credentials = format!("--bus-credentials={}/{{part}}.creds", folder.path().display());
    let services = Services::with(rig, vec![broker.option(), credentials]).await;
    customer_of(&services.rig().someone("OWNER", None), "acme", "AU").await;
    all_is_delivered(services.rig()).await;
    assert_eq!(broker.log().matches("Violation").count(), 0, "{}", broker.log());
}
