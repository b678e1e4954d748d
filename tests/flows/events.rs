//! Events as other systems read them at the gateway: all that happened, each once, in the order of
//! each wallet, and to each reader no more than it may read otherwise.

use crate::{
    holds::authorize,
    invoices::{draft, issued, line},
    transfer_refunds::{PAYER, ask, on_account, refund},
    wallets::grant,
};
use futures::StreamExt;
use payterms_chassis::{Db, housekeeping, identity::Signer};
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::{
        peers::v1::{
            GetEventsRequest, GetPlaceRequest, event_log_service_client::EventLogServiceClient,
        },
        v1::PublicEvent,
    },
    gateway::v1::{ListEventsRequest, ListEventsResponse, WatchEventsRequest},
    google::r#type::Money,
    invoicing::v1::{Tenant, UpdateTenantRequest, transfer_refund::Credit},
    wallet::v1::{
        CaptureHoldRequest, GetBalanceRequest, PostDebitRequest, PostingsMade, Wallet, WalletOpened,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{Database, World, on_both, people::person, reason, violations};
use prost::Message;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tonic::{Code, Request, transport::Endpoint};

on_both!(
    the_events_of_wallets_come_to_their_balances,
    everybody_sees_what_they_may_read,
    a_cursor_is_good_for_its_own_stream,
    a_watch_goes_on_where_the_last_one_ended,
);

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

async fn list(session: &Session, request: ListEventsRequest) -> ListEventsResponse {
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

async fn debit(service: &Session, wallet: &str, units: i64) {
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

async fn everybody_sees_what_they_may_read(world: &World) {
    let (customer, wallet) = world.usual().await;
    let stranger = world.customer("acme", "AU").await;
    world.tenant("other").await;
    world.customer("other", "GB").await;
    let owner = world.someone("OWNER", None);
    grant(world, &wallet, amount("USD", 5, 0), 0).await;
    issued(&owner, draft(&customer, "USD", vec![line("Seats", amount("USD", 20, 0))])).await;
    let payment = on_account(&owner, &customer, ("A", "80.00", PAYER)).await;
    refund(&world.someone("ADMIN", None), ask(&payment, Credit::Surplus, amount("USD", 5, 0)))
        .await
        .unwrap();
    let staff = world.someone("STAFF", None);
    let texts = [
        "CreditGranted",
        "InvoiceChanged",
        "MailChanged",
        "TenantChanged",
        "CustomerChanged",
        "TransferRefundChanged",
    ];
    let of_tenant = until_told(&staff, &mut all_of("tenants/acme"), &texts).await;
    assert!(of_tenant.iter().all(|event| event.tenant == "tenants/acme"));
    let mail = of_tenant.iter().find(|event| event.r#type.ends_with(".MailChanged")).unwrap();
    assert!(mail.subject.starts_with("tenants/acme/mails/") && mail.data.is_none(), "{mail:?}");
    // A customer's people see their customer's events, and of these what they may read.
    let member = world.someone("MEMBER", Some(&customer));
    let public_events = read_on(&member, &mut all_of(&customer)).await;
    assert!(public_events.iter().all(|event| event.customer == customer));
    let ids = |events: &[PublicEvent]| {
        events.iter().map(|event| event.id.clone()).collect::<BTreeSet<_>>()
    };
    let expected: Vec<_> =
        of_tenant.iter().filter(|event| event.customer == customer).cloned().collect();
    assert_eq!(ids(&public_events), ids(&expected));
    // A customer's profile, and a refund by transfer, have what only people of the tenant read.
    for kind in [".CustomerChanged", ".TransferRefundChanged"] {
        let is_kind = |event: &&PublicEvent| event.r#type.ends_with(kind);
        assert!(public_events.iter().find(is_kind).unwrap().data.is_none(), "{kind}");
        assert!(expected.iter().find(is_kind).unwrap().data.is_some(), "{kind}");
    }
    // Everything else is not there, and nothing says whether it is.
    let refused = async |session: &Session, request: ListEventsRequest| {
        session.events().list_events(request).await.unwrap_err()
    };
    for (session, parent) in [
        (&member, "tenants/acme"),
        (&member, stranger.as_str()),
        (&staff, "tenants/other"),
        (&staff, "tenants/nobody"),
    ] {
        let status = refused(session, all_of(parent)).await;
        assert_eq!(
            (status.code(), reason(&status).as_str()),
            (Code::NotFound, "RESOURCE_NOT_FOUND"),
            "{parent}"
        );
    }
    let typed = |kind: &str, parent: &str| ListEventsRequest {
        types: vec![kind.to_owned()],
        ..all_of(parent)
    };
    for (session, parent, kind) in [
        (&member, customer.as_str(), "payterms.invoicing.v1.MailChanged"),
        (&staff, "tenants/acme", "payterms.credit.v1.AdvisedLimitChanged"),
        (&owner, "tenants/acme", "payterms.wallet.v1.MethodSetupChanged"),
        (&owner, "tenants/acme", "nothing"),
    ] {
        let status = refused(session, typed(kind, parent)).await;
        assert_eq!(violations(&status), ["types[0]: EVENT_TYPE_UNKNOWN"], "{kind}");
    }
    // What a tenant hides from its customers stays hidden from them in events.
    let tenant = Tenant { name: "tenants/acme".into(), invoices_hidden: true, ..Tenant::default() };
    let update_mask = Some(prost_types::FieldMask { paths: vec!["invoices_hidden".into()] });
    let hide = UpdateTenantRequest {
        request_id: request_id(),
        tenant: Some(tenant),
        update_mask,
        ..Default::default()
    };
    owner.tenants().update_tenant(hide).await.unwrap();
    let now = read_on(&member, &mut all_of(&customer)).await;
    assert!(now.iter().any(|event| event.r#type.ends_with(".CreditGranted")));
    assert!(!now.iter().any(|event| event.r#type.ends_with(".InvoiceChanged")));
    assert!(
        read_on(&staff, &mut all_of(&customer))
            .await
            .iter()
            .any(|event| event.r#type.ends_with(".InvoiceChanged"))
    );
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

async fn run(conn: &DatabaseConnection, sql: String) {
    assert!(
        conn.execute_raw(Statement::from_string(conn.get_database_backend(), sql))
            .await
            .unwrap()
            .rows_affected()
            > 0
    );
}

async fn a_cursor_is_good_for_its_own_stream(world: &World) {
    let (customer, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 5, 0), 0).await;
    let staff = world.someone("STAFF", None);
    let mut request = all_of("tenants/acme");
    until_told(&staff, &mut request, &["CreditGranted"]).await;
    let cursor = request.cursor.clone();
    let refused =
        async |request: ListEventsRequest| staff.events().list_events(request).await.unwrap_err();
    let with =
        |cursor: &str| ListEventsRequest { cursor: cursor.to_owned(), ..all_of("tenants/acme") };
    let types = vec!["payterms.wallet.v1.CreditGranted".to_owned()];
    let half = &cursor[..cursor.len() / 2];
    for wrong in [
        ListEventsRequest { parent: customer.clone(), ..with(&cursor) },
        ListEventsRequest { types, ..with(&cursor) },
        with(half),
        with("nonsense"),
        with(&"A".repeat(500)),
    ] {
        assert_eq!(violations(&refused(wrong).await), ["cursor: CURSOR_INVALID"]);
    }
    assert!(read_on(&staff, &mut with(&cursor)).await.is_empty());
    // A backup has the epoch of its database, but not what happened after it.
    let (conn, s) = world.rows("wallet").await;
    let last = format!("position = (SELECT max(position) FROM {s}outbox)");
    let event =
        if s.is_empty() { "zeroblob(16)" } else { "'00000000-0000-0000-0000-000000000000'" };
    run(&conn, format!("UPDATE {s}outbox SET event_id = {event} WHERE {last}")).await;
    let restored = refused(with(&cursor)).await;
    assert_eq!(
        (restored.code(), reason(&restored).as_str()),
        (Code::FailedPrecondition, "CURSOR_EPOCH_CHANGED")
    );
    let epoch =
        if s.is_empty() { "zeroblob(16)" } else { "'00000000-0000-0000-0000-000000000000'" };
    run(&conn, format!("UPDATE {s}event_log SET epoch = {epoch}")).await;
    assert_eq!(reason(&refused(with(&cursor)).await), "CURSOR_EPOCH_CHANGED");
    assert!(
        !read_on(&staff, &mut all_of("tenants/acme")).await.is_empty(),
        "who begins anew may read"
    );
    conn.close().await.unwrap();
}

async fn too_old(database: Database) {
    let Some(world) = World::start(database).await else { return };
    let (_, wallet) = world.usual().await;
    grant(&world, &wallet, amount("USD", 5, 0), 0).await;
    let staff = world.someone("STAFF", None);
    let mut request = ListEventsRequest { page_size: 1, ..all_of("tenants/acme") };
    let first = list(&staff, request.clone()).await;
    until_told(&staff, &mut request, &["CreditGranted", "WalletOpened"]).await;
    let (conn, s) = world.rows("wallet").await;
    let old = if s.is_empty() { "'2020-01-01 00:00:00+00:00'" } else { "'2020-01-01'" };
    run(&conn, format!("UPDATE {s}outbox SET recorded_at = {old}")).await;
    let url = match &world.postgres {
        Some(place) => format!("postgres://payterms_wallet@{place}"),
        None => format!("sqlite:{}", world.folder.path().join("wallet.db").display()),
    };
    let World { suite, folder, postgres, .. } = world;
    suite.stop().await;
    let db = Db::open(&url, "wallet", Arc::new(SystemClock)).await.unwrap();
    run(
        &conn,
        format!("UPDATE {s}outbox_cursors SET position = (SELECT max(position) FROM {s}outbox)"),
    )
    .await;
    assert!(housekeeping::sweep(&db).await.unwrap() > 0);
    db.close().await;
    conn.close().await.unwrap();
    let world = World::again(folder, postgres).await;
    let staff = world.someone("STAFF", None);
    let refused = staff
        .events()
        .list_events(ListEventsRequest { cursor: first.cursor, ..all_of("tenants/acme") })
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::FailedPrecondition, "CURSOR_TOO_OLD")
    );
    let read = read_on(&staff, &mut ListEventsRequest { page_size: 0, ..request }).await;
    assert!(
        read.iter().all(|event| event.source != "wallet"),
        "who had read all misses nothing: {read:?}"
    );
    grant(&world, &wallet, amount("USD", 6, 0), 0).await;
    let kept = until_told(&staff, &mut all_of("tenants/acme"), &["CreditGranted"]).await;
    assert_eq!(
        kept.iter().filter(|event| event.source == "wallet").count(),
        1,
        "what is kept is read without a cursor"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_may_be_too_old_on_sqlite() {
    too_old(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_may_be_too_old_on_postgres() {
    too_old(Database::Postgres).await;
}

async fn a_watch_goes_on_where_the_last_one_ended(world: &World) {
    let (customer, wallet) = world.usual().await;
    grant(world, &wallet, amount("USD", 50, 0), 0).await;
    let (service, member) =
        (world.someone("SERVICE", None), world.someone("MEMBER", Some(&customer)));
    let types = vec!["payterms.wallet.v1.PostingsMade".to_owned()];
    let mut request = WatchEventsRequest {
        parent: customer.clone(),
        types,
        from_now: true,
        ..WatchEventsRequest::default()
    };
    for round in 1..=3_i64 {
        let mut watch = member.events().watch_events(request.clone()).await.unwrap().into_inner();
        let first = watch.next().await.unwrap().unwrap();
        assert!(!first.cursor.is_empty() && first.unreachable.is_empty(), "{first:?}");
        request.cursor.clone_from(&first.cursor);
        let mut events = first.events;
        debit(&service, &wallet, round).await;
        while events.is_empty() {
            let message = watch.next().await.unwrap().unwrap();
            request.cursor = message.cursor;
            events.extend(message.events);
        }
        // In each later round the debit that nobody watched comes first, then this round's.
        while events.len() < if round == 1 { 1 } else { 2 } {
            let message = watch.next().await.unwrap().unwrap();
            request.cursor = message.cursor;
            events.extend(message.events);
        }
        assert!(events.iter().all(|event| event.subject == wallet), "{events:?}");
        assert_eq!(events.len(), if round == 1 { 1 } else { 2 }, "{events:?}");
        drop(watch);
        debit(&service, &wallet, 1).await;
    }
    // The same cursor is good for a list, and a list's for a watch.
    let mut list =
        ListEventsRequest { cursor: request.cursor, types: request.types, ..all_of(&customer) };
    until_told(&member, &mut list, &["PostingsMade"]).await;
    let wrong = WatchEventsRequest {
        parent: customer,
        cursor: list.cursor,
        ..WatchEventsRequest::default()
    };
    let refused = member.events().watch_events(wrong).await.unwrap_err();
    assert_eq!(violations(&refused), ["cursor: CURSOR_INVALID"]);
}
