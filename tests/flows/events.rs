//! Events as other systems read them at the gateway: all that happened, each once, in the order of
//! each wallet.

use crate::{holds::authorize, wallets::grant};
use payterms_chassis::identity::Signer;
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::{
        peers::v1::{
            GetEventsRequest, GetPlaceRequest, event_log_service_client::EventLogServiceClient,
        },
        v1::PublicEvent,
    },
    gateway::v1::{ListEventsRequest, ListEventsResponse},
    google::r#type::Money,
    wallet::v1::{
        CaptureHoldRequest, GetBalanceRequest, PostDebitRequest, PostingsMade, Wallet, WalletOpened,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tonic::{Code, Request, transport::Endpoint};

on_both!(the_events_of_wallets_come_to_their_balances);

pub(crate) fn all_of(parent: &str) -> ListEventsRequest {
    ListEventsRequest { parent: parent.to_owned(), ..ListEventsRequest::default() }
}

/// What a reader of events knows of wallets: it keeps ids, and the newest balance of each wallet.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub events: Vec<PublicEvent>,
    ids: BTreeSet<String>,
    /// The sequence number of the last entry that an event told of, and the balance after it, by
    /// wallet.
    wallets: BTreeMap<String, (i64, Option<Money>)>,
}

impl Reader {
    pub fn take(&mut self, events: Vec<PublicEvent>) {
        for event in events {
            assert!(self.ids.insert(event.id.clone()), "it came before: {event:?}");
            assert!(
                event.subject.starts_with(&event.tenant)
                    && event.subject.starts_with(&event.customer),
                "{event:?}"
            );
            self.follow(&event);
            self.events.push(event);
        }
    }

    fn follow(&mut self, event: &PublicEvent) {
        let Some(data) = &event.data else { return };
        assert_eq!(data.type_url, format!("type.googleapis.com/{}", event.r#type));
        let seen =
            self.wallets.get(&event.subject).map(|(sequence, _)| *sequence).unwrap_or_default();
        if event.r#type == "payterms.wallet.v1.PostingsMade" {
            let [posted] =
                PostingsMade::decode(data.value.as_slice()).unwrap().wallets.try_into().unwrap();
            assert_eq!((&posted.wallet, event.version), (&event.subject, 0));
            assert!(
                posted.first_sequence <= seen + 1,
                "entries after {seen} were left out: {posted:?}"
            );
            let sequence = posted.last_sequence.max(seen);
            self.wallets.insert(posted.wallet, (sequence, posted.posted));
        } else if event.subject.contains("/wallets/") && event.subject.split('/').count() == 6 {
            // All events of wallets begin with the wallet.
            let wallet: Wallet =
                WalletOpened::decode(data.value.as_slice()).unwrap().wallet.unwrap();
            let balance = wallet.balance.unwrap();
            assert!(balance.sequence >= seen, "{event:?} goes back from {seen}");
            self.wallets.insert(wallet.name, (balance.sequence, balance.posted));
        }
    }

    /// The ids of the events.
    pub fn ids(&self) -> &BTreeSet<String> {
        &self.ids
    }

    /// Whether the wallets of these events are as the API has them.
    pub async fn agrees(&self, reader: &Session, wallets: &[String]) -> bool {
        for wallet in wallets {
            let get = GetBalanceRequest { name: wallet.clone(), ..GetBalanceRequest::default() };
            let balance =
                reader.wallets().get_balance(get).await.unwrap().into_inner().balance.unwrap();
            if self.wallets.get(wallet) != Some(&(balance.sequence, balance.posted)) {
                return false;
            }
        }
        true
    }
}

/// Reads pages until there is no more for now.
pub(crate) async fn read_on(
    session: &Session,
    request: &mut ListEventsRequest,
) -> Vec<PublicEvent> {
    let mut events = Vec::new();
    loop {
        let page = list(session, request.clone()).await;
        assert!(page.unreachable.is_empty(), "{page:?}");
        events.extend(page.events);
        request.cursor = page.cursor;
        if !page.more {
            return events;
        }
    }
}

pub(crate) async fn list(session: &Session, request: ListEventsRequest) -> ListEventsResponse {
    session.events().list_events(request).await.unwrap().into_inner()
}

/// Reads on until an event of each type is there: they are published a moment after their effect.
pub(crate) async fn until_told(
    session: &Session,
    request: &mut ListEventsRequest,
    types: &[&str],
) -> Vec<PublicEvent> {
    let mut events = Vec::new();
    for _ in 0..400 {
        events.extend(read_on(session, request).await);
        if types
            .iter()
            .all(|kind| events.iter().any(|event: &PublicEvent| event.r#type.ends_with(kind)))
        {
            return events;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{types:?} were not told: {events:#?}");
}

pub(crate) async fn debit(service: &Session, wallet: &str, units: i64) {
    let request = PostDebitRequest {
        request_id: request_id(),
        wallet: wallet.into(),
        amount: amount("USD", units, 0),
        ..Default::default()
    };
    service.postings().post_debit(request).await.unwrap();
}

async fn the_events_of_wallets_come_to_their_balances(world: &World) {
    let (customer, wallet) = world.usual().await;
    let other = world.wallet(&world.customer("acme", "AU").await, "USD").await;
    let wallets = [wallet, other];
    let service = world.someone("SERVICE", None);
    let mut writing = tokio::task::JoinSet::new();
    for wallet in &wallets {
        grant(world, wallet, amount("USD", 500, 0), 0).await;
        for number in 0..40_i64 {
            let (service, wallet) = (service.clone(), wallet.clone());
            writing.spawn(async move {
                if number % 4 == 0 {
                    let hold = service
                        .holds()
                        .authorize_hold(authorize(&wallet, 3))
                        .await
                        .unwrap()
                        .into_inner()
                        .hold
                        .unwrap();
                    let capture = CaptureHoldRequest {
                        request_id: request_id(),
                        name: hold.name,
                        amount: amount("USD", 2, 0),
                        ..Default::default()
                    };
                    service.holds().capture_hold(capture).await.unwrap();
                } else {
                    debit(&service, &wallet, 1).await;
                }
            });
        }
    }
    // Reading goes on beside the writing, in small pages, which end within batches too.
    let (mut reader, mut request) =
        (Reader::default(), ListEventsRequest { page_size: 3, ..all_of("tenants/acme") });
    while !writing.is_empty() {
        reader.take(read_on(&service, &mut request).await);
        while writing.try_join_next().is_some() {}
    }
    while !reader.agrees(&service, &wallets).await {
        reader.take(read_on(&service, &mut request).await);
    }
    let opened = reader
        .events
        .iter()
        .find(|event| event.r#type == "payterms.wallet.v1.WalletOpened")
        .unwrap();
    assert_eq!(
        (opened.version, &opened.customer, &opened.source),
        (1, &customer, &"wallet".to_owned())
    );
    // Who reads again, in other pages, of one wallet's customer and of some types, reads the same.
    let mut again = Reader::default();
    again.take(
        read_on(&service, &mut ListEventsRequest { page_size: 500, ..all_of("tenants/acme") })
            .await,
    );
    assert_eq!(again.ids, reader.ids);
    let types = vec![
        "payterms.wallet.v1.PostingsMade".to_owned(),
        "payterms.wallet.v1.HoldCaptured".to_owned(),
    ];
    let some =
        read_on(&service, &mut ListEventsRequest { types: types.clone(), ..all_of(&customer) })
            .await;
    let expected: Vec<_> = again
        .events
        .iter()
        .filter(|event| event.customer == customer && types.contains(&event.r#type))
        .cloned()
        .collect();
    assert_eq!(some, expected);
    crate::invariants::hold(world).await;
}

fn signed<M>(token: &str, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// While a new version is rolled out, a replica of before does not pass over what it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_does_not_know_a_type_yet_says_so() {
    let world = World::start(Database::Sqlite).await.unwrap();
    world.usual().await;
    let signer =
        Signer::read(&world.folder.path().join("keys"), "gateway", Arc::new(SystemClock)).unwrap();
    let token = signer.internal("wallet", &person("acme", "PEER", None)).unwrap();
    let channel = Endpoint::from_shared(format!("http://{}", world.suite.services["wallet"]))
        .unwrap()
        .connect_lazy();
    let mut log = EventLogServiceClient::new(channel);
    let place = log
        .get_place(signed(&token, GetPlaceRequest { from_now: false }))
        .await
        .unwrap()
        .into_inner()
        .place;
    let get = |kind: &str| {
        signed(
            &token,
            GetEventsRequest {
                after: place.clone(),
                types: vec![kind.to_owned()],
                ..GetEventsRequest::default()
            },
        )
    };
    assert!(
        log.get_events(get("payterms.wallet.v1.WalletOpened"))
            .await
            .unwrap()
            .into_inner()
            .place
            .is_some()
    );
    let refused = log.get_events(get("payterms.wallet.v1.NotYetThought")).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "UNAVAILABLE"));
    world.end().await;
}
