//! A call that never ends does not keep a process from ending: at the end of the drain it is cut,
//! the log says so, and the process ends in order. What was recorded until then stands, once.

use crate::{
    invariants,
    replicas::grant,
    rig::{self, Services, retry, until},
    usage::used,
};
use payterms_chassis::identity::Signer;
use payterms_kernel::SystemClock;
use payterms_proto::wallet::v1::{
    ListUsageRecordsRequest, RecordUsageRequest, RecordUsageStreamRequest,
};
use payterms_suite::{Session, client::amount};
use payterms_testkit::{
    certificates::{Authority, channel, client},
    endings::ended,
    people::person,
    security::Security,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// Records a use every moment for as long as somebody takes them, in one call.
fn never_ends(
    session: Session,
    wallet: &str,
    sent: &Arc<Mutex<Vec<RecordUsageRequest>>>,
) -> JoinHandle<Result<(), Status>> {
    let (uses, taken) = mpsc::channel(1);
    let (wallet, sent) = (wallet.to_owned(), sent.clone());
    tokio::spawn(async move {
        loop {
            let record = used(&wallet, "voice", "1", amount("USD", 1, 0));
            sent.lock().unwrap().push(record.clone());
            if uses.send(RecordUsageStreamRequest { record: Some(record) }).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    tokio::spawn(async move {
        session.usage().record_usage_stream(ReceiverStream::new(taken)).await.map(drop)
    })
}

/// The request ids of what stands recorded.
async fn recorded(session: &Session, wallet: &str) -> Vec<String> {
    let list = ListUsageRecordsRequest {
        parent: wallet.to_owned(),
        page_size: 500,
        ..ListUsageRecordsRequest::default()
    };
    let found =
        retry(async || session.usage().list_usage_records(list.clone()).await).await.into_inner();
    assert_eq!(found.next_page_token, "");
    found.usage_records.into_iter().map(|record| record.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_ends_is_cut_at_the_end_of_the_drain() {
    let rig = rig::start(false).await.unwrap();
    let people = rig.prepare("tok_visa").await;
    grant(&rig.someone("STAFF", None), &people.wallet, 10_000).await;
    let authority = Authority::new("parts");
    let mut services = Services::secured(rig, Security::of(&authority)).await;
    let security = services.security();
    let outside = security.someone(&authority, services.at("gateway"), "SERVICE", None);
    // The gateway ends as well and cuts its own call; so the wallet is also called past it.
    let signer = Signer::read(security.keys(), "gateway", Arc::new(SystemClock)).unwrap();
    let token = signer.internal("wallet", &person("acme", "SERVICE", None)).unwrap();
    let shown = client(&authority, Some(&security.certificates.folder("gateway")));
    let inside = Session::on(channel(services.at("wallet"), "wallet", shown), &token).unwrap();
    let sent = Arc::default();
    let calls = [outside.clone(), inside].map(|session| never_ends(session, &people.wallet, &sent));
    until(
        async || Ok::<_, Status>(recorded(&outside, &people.wallet).await.len()),
        |count| *count > 8,
    )
    .await;

    for ending in ["gateway", "wallet"].map(|name| services.begin_to_end(name)) {
        assert_eq!(ended(ending).await, Some(0), "a process that cut a call ends in order");
    }
    for call in calls {
        call.await.unwrap().unwrap_err();
    }
    for name in ["gateway", "wallet"] {
        let logged = services.logged(name);
        assert!(
            logged.contains("calls were still open at the end of the drain; they are cut"),
            "{name}: {logged}"
        );
    }

    for name in ["wallet", "gateway"] {
        services.restart(name, None).await;
    }
    let before: BTreeSet<_> = recorded(&outside, &people.wallet).await.into_iter().collect();
    // Whoever does not know what became of a use sends it again: each is there once.
    let all = std::mem::take(&mut *sent.lock().unwrap());
    let again = all.iter().cloned().map(|record| RecordUsageStreamRequest { record: Some(record) });
    let tally = outside
        .usage()
        .record_usage_stream(tokio_stream::iter(again.collect::<Vec<_>>()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(tally.refused_count, 0, "{:?}", tally.refusals);
    assert_eq!(
        usize::try_from(tally.replayed_count).unwrap(),
        before.len(),
        "what was recorded before the end stands"
    );
    assert_eq!(recorded(&outside, &people.wallet).await.len(), all.len(), "each use once");
    invariants::hold_in(services.rig().data(), None).await;
}
