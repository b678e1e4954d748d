//! Events over NATS: the stories are told by processes of their own, and a broker that is killed,
//! started again, wiped and purged in the middle of a load fails nobody. In the end all copies
//! agree, and each event was applied once.

use crate::{
    invariants,
    kills::all_is_delivered,
    operations,
    rig::{self, Rig, Services, until},
};
use payterms_proto::{
    invoicing::v1::{Customer, UpdateCustomerRequest},
    wallet::v1::{CreateTopUpRequest, top_up::State},
};
use payterms_suite::{
    Session, Suite,
    client::{amount, request_id},
    demo::{self, stage::Stage},
};
use payterms_testkit::{
    Database, World,
    broker::Broker,
    world::{customer_of, wallet_of},
};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
use tokio::task::JoinSet;

/// Every subscriber has the version of each aggregate that its owner has, and nothing waits in an
/// inbox.
pub(crate) async fn copies_agree(rig: &Rig) {
    let topology = payterms_chassis::topology::load().unwrap();
    for (subscriber, relations) in &topology {
        let (inbox, s) = invariants::rows_of(subscriber, rig.data(), rig.postgres.as_deref()).await;
        let held = format!("SELECT 'held ' || failure FROM {s}inbox WHERE held IS NOT NULL");
        assert_eq!(invariants::selected(&inbox, &held).await, [""; 0], "{subscriber}");
        for (source, kinds) in &relations.hears {
            let (outbox, o) =
                invariants::rows_of(source, rig.data(), rig.postgres.as_deref()).await;
            let kinds = kinds.iter().map(|kind| format!("'{kind}'")).collect::<Vec<_>>().join(", ");
            let heads = |table: &str, more: &str| {
                format!(
                    "SELECT tenant || ' ' || aggregate_type || '/' || aggregate_id || '@' || CAST(version AS text) FROM {table} \
                     WHERE aggregate_type IN ({kinds}) AND version > 0 {more}"
                )
            };
            let owned =
                invariants::selected(&outbox, &heads(&format!("{o}aggregate_heads"), "")).await;
            let copied = heads(&format!("{s}inbox_heads"), &format!("AND source = '{source}'"));
            assert_eq!(
                invariants::selected(&inbox, &copied).await,
                owned,
                "{subscriber} of {source}"
            );
            outbox.close().await.unwrap();
        }
        inbox.close().await.unwrap();
    }
}

/// All is delivered, copies agree, and the books are in order.
pub(crate) async fn all_is_well(rig: &Rig) {
    all_is_delivered(rig).await;
    copies_agree(rig).await;
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
    invariants::books_agree_in(rig.data(), rig.postgres.as_deref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stories_are_told_by_processes_of_their_own_on_postgres() {
    let Some(broker) = Broker::start().await else { return };
    let Some(rig) = rig::start_with(true, &[broker.option()]).await else { return };
    let services = Services::of(rig).await;
    let rig = services.rig();
    let mut stage =
        Stage::new(Suite::of_processes(rig.data(), services.at("gateway"), rig.simulator()));
    assert_eq!(Box::pin(demo::stories(&mut stage, demo::USAGE)).await, Ok(()));
    let delivered =
        broker.stream("wallet").await.unwrap().consumer_info("invoicing").await.unwrap().delivered;
    assert!(delivered.consumer_sequence > 0, "events went by the broker");
    all_is_well(rig).await;
}

/// Writers that go on until they are stopped. Nobody may fail, whatever becomes of the broker.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    writers: JoinSet<()>,
}

impl Load {
    /// Customers are added and changed, and credit is bought: events of invoicing and of the
    /// wallet.
    pub(crate) fn start(owner: &Session, buyer: &Session, changed: &str, wallet: &str) -> Self {
        let mut load =
            Self { stop: Arc::default(), written: Arc::default(), writers: JoinSet::new() };
        let (session, customer) = (owner.clone(), changed.to_owned());
        load.write(move || {
            let (session, tier) = (session.clone(), request_id().chars().take(8).collect());
            let customer = Customer { name: customer.clone(), tier, ..Customer::default() };
            async move {
                let update_mask = Some(prost_types::FieldMask { paths: vec!["tier".into()] });
                let update = UpdateCustomerRequest {
                    request_id: request_id(),
                    customer: Some(customer),
                    update_mask,
                    ..Default::default()
                };
                session.customers().update_customer(update).await.expect("a customer is changed");
            }
        });
        let (session, wallet) = (buyer.clone(), wallet.to_owned());
        load.write(move || {
            let session = session.clone();
            let request = CreateTopUpRequest {
                request_id: request_id(),
                wallet: wallet.clone(),
                amount: amount("USD", 25, 0),
                ..Default::default()
            };
            async move {
                let bought = session
                    .top_ups()
                    .create_top_up(request)
                    .await
                    .expect("credit is bought")
                    .into_inner();
                assert_eq!(bought.top_up.unwrap().state(), State::Succeeded);
            }
        });
        load
    }

    fn write<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        mut once: impl FnMut() -> F + Send + 'static,
    ) {
        let (stop, written) = (self.stop.clone(), self.written.clone());
        self.writers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                once().await;
                written.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    /// Waits until there are more writes.
    pub(crate) async fn progress(&mut self) {
        let before = self.written.load(Ordering::Relaxed);
        while self.written.load(Ordering::Relaxed) < before + 8 {
            if let Some(ended) = self.writers.try_join_next() {
                ended.unwrap();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
    }
}

/// Waits until an inbox has events that it did not have.
pub(crate) async fn more_arrives(rig: &Rig, subscriber: &str) {
    let (conn, s) = invariants::rows_of(subscriber, rig.data(), rig.postgres.as_deref()).await;
    let count = format!("SELECT CAST(count(*) AS text) FROM {s}inbox");
    let before = invariants::selected(&conn, &count).await;
    until(async || Ok(invariants::selected(&conn, &count).await), |now| *now != before).await;
    conn.close().await.unwrap();
}

/// What a service says of itself: whether it is ready, and its notes.
async fn readiness(at: SocketAddr) -> (bool, serde_json::Value) {
    let answer: serde_json::Value =
        reqwest::get(format!("http://{at}/readyz")).await.unwrap().json().await.unwrap();
    (answer["ready"] == true, answer["notes"].clone())
}

async fn a_broker_may_be_lost_at_any_time(on_postgres: bool) {
    let Some(mut broker) = Broker::start().await else { return };
    let Some(rig) = rig::start_with(on_postgres, &[broker.option()]).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let changed = customer_of(&owner, "acme", "AU").await;
    let mut services = Services::of(rig).await;
    let mut load = Load::start(&owner, &people.admin, &changed, &people.wallet);
    more_arrives(services.rig(), "wallet").await;

    broker.kill();
    load.progress().await;
    let selected = async || Ok(readiness(services.at("wallet")).await);
    let (ready, notes) = until(selected, |(_, notes)| !notes["broker"].is_null()).await;
    assert!(
        ready && notes["broker"].as_str().unwrap().contains("not reached"),
        "told, not unready: {notes}"
    );
    broker.start_again().await;
    more_arrives(services.rig(), "invoicing").await;
    until(
        async || Ok(readiness(services.at("wallet")).await),
        |(_, notes)| notes["broker"].is_null(),
    )
    .await;

    // A relay that begins while the broker is away, and a subscriber.
    broker.wipe();
    load.progress().await;
    load.end().await;
    for name in ["invoicing", "wallet"] {
        services.restart(name, None).await;
    }
    let mut load = Load::start(&owner, &people.admin, &changed, &people.wallet);
    load.progress().await;
    broker.start_again().await;
    more_arrives(services.rig(), "wallet").await;

    // Killed while the stream runs, and without what it had.
    load.progress().await;
    broker.wipe();
    broker.start_again().await;
    load.progress().await;
    more_arrives(services.rig(), "wallet").await;

    // Messages come twice, the last first. What arrived may still be of the stream that was wiped:
    // the next one is waited for.
    until(async || Ok(broker.publish_again("invoicing").await), |count| *count > 0).await;
    broker.publish_again("wallet").await;
    load.progress().await;
    broker.purge("invoicing").await;
    broker.purge("wallet").await;
    load.progress().await;
    load.end().await;
    all_is_well(services.rig()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_may_be_lost_at_any_time_on_sqlite() {
    a_broker_may_be_lost_at_any_time(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_may_be_lost_at_any_time_on_postgres() {
    a_broker_may_be_lost_at_any_time(true).await;
}

async fn a_dead_letter_is_retried(database: Database) {
    let Some(world) = World::start_on_broker(database).await else { return };
    operations::a_dead_letter_holds_only_its_own_aggregate_up(&world).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_retried_on_sqlite() {
    a_dead_letter_is_retried(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_retried_on_postgres() {
    a_dead_letter_is_retried(Database::Postgres).await;
}

/// Two replicas of every service share the consumers. When one stops, the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_events_of_a_subscriber() {
    let Some(first) = World::start_on_broker(Database::Postgres).await else { return };
    first.tenant("acme").await;
    let second = first.replica().await;
    for _ in 0..4 {
        first.customer("acme", "GB").await;
    }
    let world = first.replaced_by(second).await;
    let customer = world.customer("acme", "GB").await;
    wallet_of(&world.someone("SERVICE", None), &customer, "USD").await;
    world.end().await;
}
