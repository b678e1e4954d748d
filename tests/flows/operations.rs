//! What who runs the suite can do: repeat the past, look after dead letters, forget what is old.

use crate::rig::until;
use payterms_chassis::{Db, housekeeping};
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::{
        peers::v1::DeliverRequest,
        v1::{
            DeadLetter, DismissDeadLetterRequest, Event, ListDeadLettersRequest, RepublishRequest,
            RetryDeadLetterRequest,
        },
    },
    invoicing::v1::{Customer, UpdateCustomerRequest},
    wallet::v1::{ListWalletsRequest, OpenWalletRequest},
};
use payterms_suite::client::request_id;
use payterms_testkit::{Database, World, on_both, reason};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::{sync::Arc, time::Duration};
use tonic::Code;

on_both!(
    a_service_that_lost_its_copies_learns_them_again,
    a_dead_letter_holds_only_its_own_aggregate_up,
    a_dead_letter_is_passed_over,
    a_peer_delivers_its_own_events_only,
);

async fn run(conn: &DatabaseConnection, sql: String) -> u64 {
    conn.execute_raw(Statement::from_string(conn.get_database_backend(), sql))
        .await
        .unwrap()
        .rows_affected()
}

pub(crate) fn republish(aggregate: &str) -> RepublishRequest {
    RepublishRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        aggregate_type: aggregate.into(),
        ..RepublishRequest::default()
    }
}

async fn a_service_that_lost_its_copies_learns_them_again(world: &World) {
    world.tenant("acme").await;
    let customers = [world.customer("acme", "GB").await, world.customer("acme", "AU").await];
    let (conn, s) = world.rows("wallet").await;
    run(&conn, format!("DELETE FROM {s}customers")).await;
    run(&conn, format!("DELETE FROM {s}inbox_heads WHERE aggregate_type = 'customer'")).await;
    run(&conn, format!("DELETE FROM {s}inbox")).await;
    conn.close().await.unwrap();
    let open = OpenWalletRequest {
        request_id: request_id(),
        parent: customers[0].clone(),
        currency_code: "USD".into(),
        ..Default::default()
    };
    let lost = world.someone("SERVICE", None).wallets().open_wallet(open).await.unwrap_err();
    // The owner has it: whether the wallet says that its copy is behind depends on when it saw it
    // last.
    assert!(["COPY_BEHIND", "RESOURCE_NOT_FOUND"].contains(&reason(&lost).as_str()), "{lost:?}");
    let operator = world.someone("OPERATOR", None);
    let request = republish("customer");
    let answer =
        operator.operations("invoicing").republish(request.clone()).await.unwrap().into_inner();
    assert_eq!((answer.snapshot_count, answer.next_page_token.as_str()), (2, ""));
    assert_eq!(
        operator.operations("invoicing").republish(request).await.unwrap().into_inner(),
        answer,
        "a replay"
    );
    for customer in &customers {
        let open = OpenWalletRequest {
            request_id: request_id(),
            parent: customer.clone(),
            currency_code: "USD".into(),
            ..Default::default()
        };
        until(
            async || world.someone("SERVICE", None).wallets().open_wallet(open.clone()).await,
            |_| true,
        )
        .await;
    }
    let unknown =
        operator.operations("invoicing").republish(republish("nothing")).await.unwrap_err();
    assert_eq!(reason(&unknown), "AGGREGATE_TYPE_UNKNOWN");
    let nowhere =
        operator.operations("nowhere").republish(republish("customer")).await.unwrap_err();
    assert_eq!(reason(&nowhere), "SERVICE_UNKNOWN");
}

async fn dead_letters(world: &World) -> Vec<DeadLetter> {
    let list = ListDeadLettersRequest::default();
    world
        .someone("OPERATOR", None)
        .operations("wallet")
        .list_dead_letters(list)
        .await
        .unwrap()
        .into_inner()
        .dead_letters
}

/// Waits until the wallet has a dead letter.
pub(crate) async fn until_dead(world: &World) {
    while dead_letters(world).await.is_empty() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Puts an event that nobody can read behind the first one of a customer.
pub(crate) async fn poison(world: &World, customer: &str) {
    let id = customer.rsplit('/').next().unwrap();
    let (conn, s) = world.rows("invoicing").await;
    let event = format!(
        "INSERT INTO {s}outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, \
         recorded_at) SELECT {event}, tenant, aggregate_type, aggregate_id, 2, event_type, {data}, '', false, occurred_at, recorded_at \
         FROM {s}outbox WHERE aggregate_id = '{id}'",
        event = if s.is_empty() { "randomblob(16)" } else { "gen_random_uuid()" },
        data = if s.is_empty() { "x'FFFF'" } else { "'\\xFFFF'::bytea" },
    );
    assert_eq!(run(&conn, event).await, 1);
    run(&conn, format!("UPDATE {s}aggregate_heads SET version = 2 WHERE aggregate_id = '{id}'"))
        .await;
    conn.close().await.unwrap();
}

/// Moves a customer to another tier.
pub(crate) fn update(customer: &str) -> UpdateCustomerRequest {
    UpdateCustomerRequest {
        request_id: request_id(),
        customer: Some(Customer {
            name: customer.into(),
            tier: "gold".into(),
            ..Customer::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["tier".into()] }),
        ..Default::default()
    }
}

pub(crate) async fn a_dead_letter_holds_only_its_own_aggregate_up(world: &World) {
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    let other = world.customer("acme", "AU").await;
    let id = customer.rsplit('/').next().unwrap();
    poison(world, &customer).await;
    let owner = world.someone("OWNER", None);
    let updated = owner.customers().update_customer(update(&customer)).await.unwrap();
    let followed = owner.after(&owner.customers().update_customer(update(&other)).await.unwrap());
    let list =
        |customer: &str| ListWalletsRequest { parent: customer.into(), ..Default::default() };
    until(async || followed.wallets().list_wallets(list(&other)).await, |_| true).await;
    until_dead(world).await;
    let letter = dead_letters(world).await.pop().unwrap();
    assert_eq!((letter.aggregate_id.as_str(), letter.version, letter.attempt_count), (id, 2, 5));
    let behind = owner.after(&updated).wallets().list_wallets(list(&customer)).await.unwrap_err();
    assert_eq!(reason(&behind), "COPY_BEHIND");
    let operator = world.someone("OPERATOR", None);
    let retry = RetryDeadLetterRequest { request_id: request_id(), name: letter.name };
    let tried = operator.operations("wallet").retry_dead_letter(retry).await.unwrap().into_inner();
    assert!(!tried.applied && !tried.failure.is_empty(), "{tried:?}");
    operator.operations("invoicing").republish(republish("customer")).await.unwrap();
    owner.after(&updated).wallets().list_wallets(list(&customer)).await.unwrap();
    assert!(dead_letters(world).await.is_empty(), "the snapshot stands for what was lost");
}

pub(crate) async fn a_dead_letter_is_passed_over(world: &World) {
    world.tenant("acme").await;
    let customer = world.customer("acme", "GB").await;
    poison(world, &customer).await;
    let owner = world.someone("OWNER", None);
    let updated = owner.customers().update_customer(update(&customer)).await.unwrap();
    until_dead(world).await;
    let name = dead_letters(world).await.pop().unwrap().name;
    let dismiss = DismissDeadLetterRequest { request_id: request_id(), name };
    let answer = world
        .someone("OPERATOR", None)
        .operations("wallet")
        .dismiss_dead_letter(dismiss)
        .await
        .unwrap()
        .into_inner();
    assert!(answer.dismissed && answer.failure.is_empty(), "{answer:?}");
    let list = ListWalletsRequest { parent: customer, ..Default::default() };
    until(async || owner.after(&updated).wallets().list_wallets(list.clone()).await, |_| true)
        .await;
    assert!(dead_letters(world).await.is_empty(), "what came behind it is applied");
}

async fn a_peer_delivers_its_own_events_only(world: &World) {
    world.tenant("acme").await;
    let peer = world.peer("invoicing", "wallet");
    let event = |source: &str| Event {
        id: request_id(),
        source: source.into(),
        tenant: "acme".into(),
        version: 1,
        ..Event::default()
    };
    let deliver = async |events: Vec<Event>| peer.inbox().deliver(DeliverRequest { events }).await;
    deliver(vec![event("invoicing")]).await.unwrap();
    let refused = deliver(vec![event("invoicing"), event("wallet")]).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "SOURCE_NOT_CALLER")
    );
    assert_eq!(
        reason(&deliver(vec![event("invoicing"); 201]).await.unwrap_err()),
        "TOO_MANY_ITEMS"
    );
}

async fn count(conn: &DatabaseConnection, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS rows FROM {table}");
    let row = conn
        .query_one_raw(Statement::from_string(conn.get_database_backend(), sql))
        .await
        .unwrap()
        .unwrap();
    row.try_get("", "rows").unwrap()
}

/// Rows older than they need be go; younger ones, and events that somebody has not got, stay.
async fn old_rows_go(database: Database) {
    let Some(world) = World::start(database).await else { return };
    world.usual().await;
    let (conn, s) = world.rows("invoicing").await;
    let World { suite, folder, postgres, .. } = world;
    suite.stop().await;
    let url = match &postgres {
        Some(place) => format!("postgres://payterms_invoicing@{place}"),
        None => format!("sqlite:{}", folder.path().join("invoicing.db").display()),
    };
    let db = Db::open(&url, "invoicing", Arc::new(SystemClock)).await.unwrap();
    assert_eq!(housekeeping::sweep(&db).await.unwrap(), 0, "all is young");
    let old = if s.is_empty() { "'2020-01-01 00:00:00+00:00'" } else { "'2020-01-01'" };
    run(&conn, format!("UPDATE {s}outbox SET recorded_at = {old}")).await;
    run(&conn, format!("UPDATE {s}requests SET recorded_at = {old}")).await;
    let behind = run(
        &conn,
        format!("UPDATE {s}outbox_cursors SET position = 1 WHERE subscriber = 'wallet'"),
    )
    .await;
    assert_eq!(behind, 1);
    let events = count(&conn, &format!("{s}outbox")).await;
    assert!(events > 1, "{events} events");
    housekeeping::sweep(&db).await.unwrap();
    assert_eq!(count(&conn, &format!("{s}requests")).await, 0);
    assert_eq!(count(&conn, &format!("{s}outbox")).await, events - 1, "the wallet has got one");
    db.close().await;
    conn.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_go_on_sqlite() {
    old_rows_go(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_rows_go_on_postgres() {
    old_rows_go(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_replica_stops_another_hands_its_events_on() {
    let Some(first) = World::start(Database::Postgres).await else { return };
    first.tenant("acme").await;
    let second = first.replica().await;
    let world = first.replaced_by(second).await;
    world.customer("acme", "GB").await;
    world.end().await;
}
