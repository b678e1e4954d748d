//! Services in production: calls go over lines on which each side shows its certificate, a payment
//! over three of them works, and who shows the wrong one gets nothing.

use crate::{
    database_roles::{NOT_SERVING, SERVING, health},
    invariants,
    kills_of_payments::{pays, to_pay},
    kills_of_stripe,
    rig::{BINARY, Rig, Services, retry, until},
    stripe::connection,
};
use payterms_chassis::identity::Signer;
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::peers::v1::DeliverRequest,
    invoicing::v1::{Contact, Customer, GetInvoiceRequest, UpdateCustomerRequest, payment::State},
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{
    certificates::{Authority, DOOR, PARTS, channel, client, connect},
    people::person,
    postgres, reason,
    security::Security,
    stripe::StripeServer,
};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::{Code, Status, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Whether health is answered on a channel.
async fn answers(channel: Channel) -> bool {
    let mut request = tonic::Request::new(HealthCheckRequest { service: "liveness".to_owned() });
    request.set_timeout(Duration::from_secs(5));
    HealthClient::new(channel)
        .check(request)
        .await
        .is_ok_and(|answer| answer.into_inner().status == SERVING)
}

/// A part's own call of invoicing over a channel: an empty delivery of events.
async fn delivers(channel: Channel, keys: &Path, issuer: &str) -> Result<(), Status> {
    let token = Signer::read(keys, issuer, Arc::new(SystemClock))
        .unwrap()
        .internal("invoicing", &person("acme", "PEER", None))
        .unwrap();
    Session::on(channel, &token)
        .unwrap()
        .inbox()
        .deliver(DeliverRequest { events: Vec::new() })
        .await
        .map(drop)
}

/// Every log line of every part is an object, and none names who pays, where, or with which card.
fn nobody_is_named(services: &Services) {
    for part in PARTS {
        let logged = services.logged(part);
        assert!(!logged.is_empty(), "{part} logs");
        for line in logged.lines() {
            assert!(
                serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()),
                "{part}: {line}"
            );
        }
        for personal in [
            "Brightside",
            "brightside.example",
            "High Street",
            "Quillfeather",
            "quillfeather",
            "0123456789acme",
            "4242",
        ] {
            assert!(!logged.contains(personal), "{part} logs {personal}: {logged}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_over_three_services_on_sqlite() {
    pays_over_tls(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_over_three_services_on_postgres() {
    // Production asks for a server that keeps what it has confirmed.
    let Some(server) = postgres::private("-c fsync=on") else { return };
    postgres::migrated(&format!("postgres@{}", server.place), "payterms").await;
    pays_over_tls(Some(format!("{}/payterms", server.place))).await;
}

async fn pays_over_tls(postgres: Option<String>) {
    let stripe = StripeServer::start().await;
    let rig = Rig::start(BINARY, postgres, &[format!("--stripe={}", stripe.url())]).await;
    let people = kills_of_stripe::prepare(&rig, &stripe).await;
    let invoice = to_pay(&rig, &people).await;
    let authority = Authority::new("parts");
    let services =
        Services::secured_with(rig, Security::of(&authority), vec!["--log-format=json".to_owned()])
            .await;
    let someone = |role: &str, customer| {
        services.security().someone(&authority, services.at("gateway"), role, customer)
    };
    // What sealed the tenant's key was made for development: here it is sealed with another.
    let owner = someone("OWNER", None);
    retry(async || owner.settings().connect_stripe(connection()).await).await;
    let admin = someone("CUSTOMER_ADMIN", Some(&people.customer));
    let request = pays(&people, &invoice);
    let pay = async || {
        admin
            .payments()
            .create_payment(request.clone())
            .await
            .map(|answer| answer.into_inner().payment.unwrap())
    };
    assert_eq!(retry(pay).await.state(), State::Succeeded);
    let charged: Vec<_> =
        stripe.listed("charges").iter().map(|value| value["amount"].clone()).collect();
    assert_eq!(charged, ["70.00"]);
    let get = GetInvoiceRequest { name: invoice.name.clone() };
    let read = retry(async || admin.invoices().get_invoice(get.clone()).await)
        .await
        .into_inner()
        .invoice
        .unwrap();
    assert_eq!(read.paid, read.total, "the events have come too");
    let contact = Contact {
        name: "Ann Quillfeather".into(),
        email: "ann@quillfeather.example".into(),
        receives_documents: true,
    };
    let request = UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer {
            name: people.customer.clone(),
            contacts: vec![contact],
            ..Customer::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["contacts".into()] }),
        ..Default::default()
    };
    retry(async || admin.customers().update_customer(request.clone()).await).await;
    nobody_is_named(&services);

    for name in PARTS {
        let probed = until(
            async || Ok(health(services.probes_of(name), ["liveness", "readiness"]).await),
            |said| said[1] != NOT_SERVING,
        )
        .await;
        assert_eq!(probed, [SERVING; 2], "{name} answers probes on their own port");
        assert_eq!(
            health(services.at(name), ["liveness"]).await,
            [0],
            "{name} answers nothing in plain text"
        );
    }
    let probes = format!("http://{}", services.probes_of("wallet"));
    assert_eq!(reqwest::get(format!("{probes}/readyz")).await.unwrap().status().as_u16(), 200);
    let call = reqwest::Client::new()
        .post(format!("{probes}/payterms.wallet.v1.WalletService/GetWallet"))
        .send()
        .await
        .unwrap();
    assert_eq!(call.status().as_u16(), 404, "no call is taken on the port of probes");

    // The invariants are read on the tests' shared server, and this one is the test's own.
    if services.rig().postgres.is_none() {
        invariants::hold_in(services.rig().data(), None).await;
        invariants::books_agree_in(services.rig().data(), None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_a_wrong_certificate_gets_nothing() {
    let authority = Authority::new("parts");
    let services =
        Services::secured(Rig::start(BINARY, None, &[]).await, Security::of(&authority)).await;
    let (at, folder) =
        (services.at("invoicing"), |part: &str| services.security().certificates.folder(part));
    let shown = |part: &str| channel(at, "invoicing", client(&authority, Some(&folder(part))));
    let keys = services.security().keys();

    // Plans' token over plans' line, and over the wallet's; the wallet's own token over its own
    // line.
    delivers(shown("plans"), keys, "plans").await.unwrap();
    let of_wallet = shown("wallet");
    for _ in 0..2 {
        let refused = delivers(of_wallet.clone(), keys, "credit").await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::Unauthenticated, "TOKEN_INVALID")
        );
    }
    delivers(of_wallet, keys, "wallet").await.unwrap();
    delivers(shown("credit"), keys, "credit").await.unwrap();
    let logged = services.logged("invoicing");
    assert_eq!(
        logged.matches("a token came over a connection of another part").count(),
        1,
        "once a connection: {logged}"
    );
    assert!(
        logged.contains("certificate=\"wallet\"") && logged.contains("issuer=\"credit\""),
        "{logged}"
    );

    let foreign = Authority::new("others");
    let elsewhere = tempfile::tempdir().unwrap();
    foreign.issue(elsewhere.path(), &["wallet"]);
    assert!(answers(shown("wallet")).await);
    assert!(
        !answers(channel(at, "invoicing", client(&authority, Some(elsewhere.path())))).await,
        "its authority is not believed"
    );
    assert!(!answers(channel(at, "invoicing", client(&authority, None))).await, "it shows none");
    assert!(
        !answers(channel(at, "invoicing", client(&foreign, Some(&folder("wallet"))))).await,
        "the client believes another authority"
    );
    until(
        async || Ok(services.logged("invoicing")),
        |logged| logged.matches("a connection is refused").count() >= 2,
    )
    .await;

    // The door asks nobody for a certificate, and speaks HTTP/1 too.
    let mut client = client(&authority, None);
    client.alpn_protocols = vec![b"http/1.1".to_vec()];
    let mut stream = connect(services.at("gateway"), DOOR, client).await.unwrap();
    let head = "POST /payterms.wallet.v1.WalletService/GetWallet HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 2\r\nconnection: close\r\n\r\n{}";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    let _ = stream.read_to_string(&mut said).await;
    assert!(said.starts_with("HTTP/1.1 401") && said.contains("TOKEN_MISSING"), "{said}");
}

/// Whether a server ends a connection on which these bytes came.
async fn is_closed_after(at: SocketAddr, bytes: &[u8]) -> bool {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    read.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_is_not_finished_is_ended() {
    let authority = Authority::new("parts");
    let services =
        Services::secured(Rig::start(BINARY, None, &[]).await, Security::of(&authority)).await;
    for part in ["wallet", "gateway"] {
        // Nothing; the beginning of a handshake; plain HTTP/2.
        for bytes in [&b""[..], &[0x16, 3, 1, 2, 0, 1, 0], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
            assert!(is_closed_after(services.at(part), bytes).await, "{part}: {bytes:?}");
        }
    }
    // A finished one without a request takes its place no longer either.
    let mut stream = connect(services.at("gateway"), DOOR, client(&authority, None)).await.unwrap();
    let mut answer = Vec::new();
    assert!(
        tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer))
            .await
            .is_ok()
    );
}
