//! A cursor of events is good for its own stream until it is too old; a watch goes on from it.

use crate::{
    events::{all_of, debit, list, read_on, until_told},
    wallets::grant,
};
use futures::StreamExt;
use payterms_chassis::{Db, housekeeping};
use payterms_kernel::SystemClock;
use payterms_proto::gateway::v1::{ListEventsRequest, WatchEventsRequest};
use payterms_suite::client::amount;
use payterms_testkit::{Database, World, on_both, reason, violations};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::sync::Arc;
use tonic::Code;

on_both!(a_cursor_is_good_for_its_own_stream, a_watch_goes_on_where_the_last_one_ended);

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
