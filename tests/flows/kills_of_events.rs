//! Who watches events misses none and gets none twice, while its connections are cut and services
//! and gateway are killed.

use crate::{
    events::{Reader, all_of, read_on},
    invariants,
    kills::grant,
    rig::{self, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    gateway::v1::{ListEventsRequest, WatchEventsRequest},
    wallet::v1::PostDebitRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::Mutex;
use tonic::Code;

/// Watches with the cursor of the last message, again and again, and breaks off after a few
/// messages. A reader keeps events and cursor together, as a program would in one transaction.
async fn watch(
    session: Session,
    parent: String,
    kept: Arc<Mutex<(Reader, String)>>,
    done: Arc<AtomicBool>,
) {
    for round in 0_usize.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let cursor = kept.lock().await.1.clone();
        let request =
            WatchEventsRequest { parent: parent.clone(), cursor, ..WatchEventsRequest::default() };
        let mut stream = match session.events().watch_events(request).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => {
                assert!(is_passing(&status), "{status:?}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
        };
        for _ in 0..=round % 7 {
            match stream.next().await {
                Some(Ok(message)) => {
                    let mut kept = kept.lock().await;
                    kept.0.take(message.events);
                    kept.1 = message.cursor;
                }
                Some(Err(status)) => {
                    assert!(is_passing(&status), "{status:?}");
                    break;
                }
                None => break,
            }
        }
    }
}

/// Whether a client comes again: the other end went away. A connection that breaks within a stream
/// is UNKNOWN to tonic.
fn is_passing(status: &tonic::Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::Internal
            | Code::DeadlineExceeded
    )
}

async fn nothing_is_missed(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    grant(&rig, &people, 500).await;
    let (service, staff) = (rig.someone("SERVICE", None), rig.someone("STAFF", None));
    let mut services = Services::of(rig).await;
    let (kept, done) = (
        Arc::new(Mutex::new((Reader::default(), String::new()))),
        Arc::new(AtomicBool::new(false)),
    );
    let watching =
        tokio::spawn(watch(staff.clone(), "tenants/acme".to_owned(), kept.clone(), done.clone()));
    let stop = Arc::new(AtomicBool::new(false));
    let (wallet, until_stopped) = (people.wallet.clone(), stop.clone());
    let writing = tokio::spawn(async move {
        while !until_stopped.load(Ordering::Relaxed) {
            let cent = PostDebitRequest {
                request_id: request_id(),
                wallet: wallet.clone(),
                amount: amount("USD", 0, 1),
                ..Default::default()
            };
            while service.postings().post_debit(cent.clone()).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    });
    for name in ["wallet", "gateway", "invoicing", "wallet", "credit", "gateway"] {
        let before = kept.lock().await.0.events.len();
        until(async || Ok(kept.lock().await.0.events.len()), |now| *now > before).await;
        services.restart(name, None).await;
    }
    // Right after positions were assigned, before anybody was told.
    services.die_at("wallet", "outbox.after_positions", std::future::ready(())).await;
    stop.store(true, Ordering::Relaxed);
    writing.await.unwrap();
    // In the end the watcher has what a reader has who reads all at once, and that comes to the
    // balance.
    let wallets = [people.wallet.clone()];
    let read_again = async || {
        let mut again = Reader::default();
        again.take(read_on(&staff, &mut all_of("tenants/acme")).await);
        Ok((again.ids() == kept.lock().await.0.ids(), again.agrees(&staff, &wallets).await))
    };
    until(read_again, |same| *same == (true, true)).await;
    done.store(true, Ordering::Relaxed);
    watching.abort();
    let rig = services.into_rig();
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_on_sqlite() {
    nothing_is_missed(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missed_on_postgres() {
    nothing_is_missed(true).await;
}

/// A service that is down holds up its own events alone, and readers are told which it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_down_holds_up_its_own_events_alone() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    let staff = rig.someone("STAFF", None);
    let mut services = Services::of(rig).await;
    let mut request = ListEventsRequest { page_size: 500, ..all_of("tenants/acme") };
    let first = ListEventsRequest { page_size: 1, ..request.clone() };
    request.cursor =
        retry(async || staff.events().list_events(first.clone()).await).await.into_inner().cursor;
    services.stop("invoicing");
    let begin = all_of("tenants/acme");
    assert_eq!(
        staff.events().list_events(begin).await.unwrap_err().code(),
        Code::Unavailable,
        "where to begin is not known"
    );
    let page = until(
        async || staff.events().list_events(request.clone()).await.map(tonic::Response::into_inner),
        |page| page.events.iter().any(|event| event.subject == people.wallet),
    )
    .await;
    assert_eq!(page.unreachable, ["invoicing"]);
    assert!(page.events.iter().all(|event| event.source != "invoicing"));
    let watched = WatchEventsRequest {
        parent: "tenants/acme".into(),
        cursor: page.cursor,
        ..WatchEventsRequest::default()
    };
    let mut watch = staff.events().watch_events(watched).await.unwrap().into_inner();
    let mut reader = Reader::default();
    reader.take(page.events);
    loop {
        let message = watch.next().await.unwrap().unwrap();
        reader.take(message.events);
        if message.unreachable == ["invoicing"] {
            break;
        }
    }
    services.restart("invoicing", None).await;
    // The stream goes on by itself, with what had waited.
    while !reader.events.iter().any(|event| event.source == "invoicing") {
        let message = watch.next().await.unwrap().unwrap();
        reader.take(message.events);
        request.cursor = message.cursor;
    }
    drop(watch);
    reader.take(read_on(&staff, &mut request).await);
    assert!(
        reader.events.iter().any(|event| event.r#type.ends_with(".CustomerChanged")),
        "what waited is told"
    );
}
