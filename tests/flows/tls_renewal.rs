//! Certificates and their authority are replaced while calls are made, and none of these fails.

use crate::{
    replicas::grant,
    rig::{BINARY, Rig, Services, until},
};
use payterms_chassis::{
    Network,
    net::pool::{Outgoing, Payload, pools},
    net::tls::{
        Door, Part,
        files::Files,
        sides::{DOOR_FILES, PART_FILES},
    },
};
use payterms_proto::wallet::v1::{GetBalanceRequest, PostDebitRequest};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{
    certificates::{Authority, Certificates, DOOR, PARTS, channel, client},
    security::Security,
};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

/// Clients that make calls one after the other and send none again.
struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn start(service: &Session, wallet: &str) -> Self {
        let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let client = |_| {
            let (service, wallet, stop, done) =
                (service.clone(), wallet.to_owned(), stop.clone(), done.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let amount = amount("USD", 1, 0);
                    let debit = PostDebitRequest {
                        request_id: request_id(),
                        wallet: wallet.clone(),
                        amount,
                        ..PostDebitRequest::default()
                    };
                    service.postings().post_debit(debit).await.expect("no call fails");
                    done.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        Self { clients: (0..4).map(client).collect(), stop, done }
    }

    /// Waits until calls have gone on after what was done last.
    async fn progress(&self) {
        let before = self.done.load(Ordering::SeqCst);
        until(
            async || Ok::<_, Status>(self.done.load(Ordering::SeqCst)),
            |done| *done > before + 20,
        )
        .await;
    }

    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.await.unwrap();
        }
        self.done.load(Ordering::SeqCst)
    }
}

/// Waits until every part has taken its changed files so often.
async fn all_have_changed(services: &Services, times: usize) {
    for part in PARTS {
        let folder = format!(
            "certificates have changed folder={}",
            services.security().certificates.folder(part).display()
        );
        until(
            async || Ok::<_, Status>(services.logged(part).matches(&folder).count()),
            |found| *found >= times,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_their_authority_are_replaced_under_load() {
    let rig = Rig::start(BINARY, None, &[]).await;
    let people = rig.prepare("tok_visa").await;
    grant(&rig.someone("STAFF", None), &people.wallet, 100_000).await;
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let services = Services::secured(rig, Security::of(&old)).await;
    let service = services.security().someone(&old, services.at("gateway"), "SERVICE", None);
    let load = Load::start(&service, &people.wallet);
    load.progress().await;
    let certificates = &services.security().certificates;
    let kept = tempfile::tempdir().unwrap();
    old.issue(kept.path(), &["invoicing"]);
    let is_let_in = async |authority: &Authority, folder: &std::path::Path| {
        let channel = channel(services.at("wallet"), "wallet", client(authority, Some(folder)));
        HealthClient::new(channel).check(HealthCheckRequest::default()).await.is_ok()
    };
    assert!(is_let_in(&old, kept.path()).await);

    certificates.trust(&[&old, &new]);
    all_have_changed(&services, 1).await;
    load.progress().await;
    for part in PARTS {
        new.issue(&certificates.folder(part), &[part]);
    }
    all_have_changed(&services, 2).await;
    load.progress().await;
    assert!(
        is_let_in(&new, kept.path()).await,
        "old certificates are good as long as their authority is believed"
    );
    certificates.trust(&[&new]);
    all_have_changed(&services, 3).await;
    load.progress().await;
    assert!(!is_let_in(&new, kept.path()).await, "the old authority is believed no more");
    assert!(is_let_in(&new, &certificates.folder("invoicing")).await);

    // Files that cannot be used change nothing.
    new.issue_ended(&certificates.folder("wallet"), &["wallet"]);
    until(
        async || Ok::<_, Status>(services.logged("wallet")),
        |logged| logged.contains("tls.crt: it ended at 2020-01-01"),
    )
    .await;
    load.progress().await;
    fs::write(certificates.folder("wallet").join("ca.crt"), "none").unwrap();
    until(
        async || Ok::<_, Status>(services.logged("wallet")),
        |logged| logged.contains("those from before stay"),
    )
    .await;
    load.progress().await;
    assert!(is_let_in(&new, &certificates.folder("invoicing")).await);

    new.issue(&certificates.folder("door"), &[DOOR]);
    let renewed = services.security().someone(&new, services.at("gateway"), "SERVICE", None);
    let read = GetBalanceRequest { name: people.wallet.clone(), as_of: None };
    until(async || renewed.wallets().get_balance(read.clone()).await, |_| true).await;
    load.progress().await;
    assert!(load.end().await > 100);
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let (authority, other) = (Authority::new("parts"), Authority::new("others"));
    let certificates = Certificates::of(&authority);
    let folder = certificates.folder("wallet");
    let read = |part: &str| {
        Files::read(&folder, &PART_FILES).and_then(|files| Part::read(part, &files).map(drop))
    };
    read("wallet").unwrap();
    assert_eq!(read("plans").unwrap_err(), "tls.crt: it does not have the DNS name plans");
    let certificate = fs::read(folder.join("tls.crt")).unwrap();
    other.issue(&folder, &["wallet"]);
    fs::write(folder.join("tls.crt"), &certificate).unwrap();
    assert!(
        read("wallet").unwrap_err().starts_with("tls.crt with tls.key: "),
        "the key is another one's"
    );
    for (file, said) in [
        ("ca.crt", "it holds no certificate"),
        ("tls.key", "tls.key: "),
        ("tls.crt", "it holds no certificate"),
    ] {
        authority.issue(&folder, &["wallet"]);
        certificates.trust(&[&authority]);
        fs::write(folder.join(file), "none").unwrap();
        let fault = read("wallet").unwrap_err();
        assert!(fault.contains(file) && fault.contains(said), "{fault}");
    }
    for (part, files) in [("wallet", &PART_FILES[..]), ("door", &DOOR_FILES[..])] {
        authority.issue_ended(&certificates.folder(part), &[part]);
        let files = Files::read(&certificates.folder(part), files).unwrap();
        let fault = if part == "door" {
            Door::read(&files).map(drop)
        } else {
            Part::read(part, &files).map(drop)
        };
        assert_eq!(fault.unwrap_err(), "tls.crt: it ended at 2020-01-01 00:00:00 UTC");
    }
    fs::remove_file(folder.join("ca.crt")).unwrap();
    assert!(read("wallet").unwrap_err().contains("ca.crt: No such file"));
    let fault = Part::follow("wallet", &folder, CancellationToken::new()).unwrap_err();
    assert!(fault.contains(&folder.display().to_string()), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_another_part_gets_no_call() {
    let authority = Authority::new("parts");
    let services =
        Services::secured(Rig::start(BINARY, None, &[]).await, Security::of(&authority)).await;
    let part = Part::follow(
        "plans",
        &services.security().certificates.folder("plans"),
        CancellationToken::new(),
    )
    .unwrap();
    let answered = async |name: &str, at: &str| {
        let addresses = [(name.to_owned(), services.at(at))].into_iter().collect();
        let pools =
            pools(&Network { addresses, part: Some(part.clone()), ..Network::default() }, 1);
        let (head, ()) =
            http::Request::post("/grpc.health.v1.Health/Check").body(()).unwrap().into_parts();
        let sent = Outgoing {
            head: &head,
            body: Payload::Whole(bytes::Bytes::from_static(b"\0\0\0\0\0")),
        };
        pools[name]
            .send(sent, pools[name].next_lane())
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    answered("invoicing", "invoicing").await.unwrap();
    let fault = answered("invoicing", "wallet").await.unwrap_err();
    assert!(fault.contains("not valid for name"), "{fault}");
}
