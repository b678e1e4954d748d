//! A sandbox tenant's time is data: what is due runs when the clock passes it, in order.

use crate::{
    invariants,
    top_ups::{buy, card, shop},
    wallets::grant,
};
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, TestClock,
        test_clock::State,
    },
    wallet::v1::{
        AuthorizeHoldRequest, GetBalanceRequest, GetHoldRequest, GetTopUpRequest,
        GrantCreditRequest, ListEntriesRequest, entry, hold, top_up,
    },
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{Database, World, on_both, reason};
use prost_types::Timestamp;
use std::time::Duration;

on_both!(
    advancing_runs_what_is_due_in_order,
    a_slow_charge_settles_when_its_time_comes,
    a_clock_goes_forward_only_and_for_sandboxes_only,
    the_same_story_gives_the_same_ids,
    lists_keep_the_order_of_writes_on_a_standing_clock,
);

pub(crate) const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
pub(crate) const HOUR: i64 = 3_600;

#[expect(clippy::unnecessary_wraps, reason = "the fields of messages are optional")]
pub(crate) fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

pub(crate) async fn start(world: &World, tenant: &str, seed: &str) {
    let request = StartTestClockRequest {
        request_id: request_id(),
        parent: format!("tenants/{tenant}"),
        now: at(START),
        seed: seed.into(),
    };
    let started = world
        .of_tenant(tenant, "OWNER", None)
        .clock()
        .start_test_clock(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(started.test_clock.unwrap().state(), State::Ready);
}

/// Advances the clock and waits until it stands: where that takes long the verb answers with the
/// clock on its way.
pub(crate) async fn advance(world: &World, to: i64) -> TestClock {
    let name = "tenants/acme/testClock".to_owned();
    let (owner, request) = (
        world.someone("OWNER", None),
        AdvanceTestClockRequest {
            request_id: request_id(),
            name: name.clone(),
            target_time: at(to),
        },
    );
    let mut clock =
        owner.clock().advance_test_clock(request).await.unwrap().into_inner().test_clock.unwrap();
    while clock.state() == State::Advancing {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let get = GetTestClockRequest { name: name.clone() };
        clock = owner.clock().get_test_clock(get).await.unwrap().into_inner().test_clock.unwrap();
    }
    clock
}

async fn advancing_runs_what_is_due_in_order(world: &World) {
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let customer = world.customer("acme", "GB").await;
    let wallet = world.wallet(&customer, "USD").await;
    let staff = world.someone("STAFF", None);
    let expiring = GrantCreditRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 10, 0),
        expire_time: at(START + 2 * HOUR),
        ..Default::default()
    };
    staff.lots().grant_credit(expiring).await.unwrap();
    grant(world, &wallet, amount("USD", 1, 0), 0).await;
    // The hold pins the expiring lot, and outlives it by an hour.
    let service = world.someone("SERVICE", None);
    let authorize = AuthorizeHoldRequest {
        request_id: request_id(),
        wallet: wallet.clone(),
        amount: amount("USD", 4, 0),
        expire_time: at(START + 3 * HOUR),
        ..Default::default()
    };
    let hold = service.holds().authorize_hold(authorize).await.unwrap().into_inner().hold.unwrap();
    let clock = advance(world, START + 2 * HOUR).await;
    assert_eq!((clock.state(), clock.now), (State::Ready, at(START + 2 * HOUR)));
    let balance = async || {
        let request = GetBalanceRequest { name: wallet.clone(), as_of: None };
        staff.wallets().get_balance(request).await.unwrap().into_inner().balance.unwrap()
    };
    let now = balance().await;
    assert_eq!(
        (now.posted, now.available, now.time),
        (amount("USD", 5, 0), amount("USD", 1, 0), at(START + 2 * HOUR))
    );
    advance(world, START + 24 * HOUR).await;
    let read = service
        .holds()
        .get_hold(GetHoldRequest { name: hold.name })
        .await
        .unwrap()
        .into_inner()
        .hold
        .unwrap();
    assert_eq!((read.state(), read.update_time), (hold::State::Expired, at(START + 3 * HOUR)));
    assert_eq!(balance().await.posted, amount("USD", 1, 0));
    let list = ListEntriesRequest { parent: wallet.clone(), ..Default::default() };
    let entries = staff.wallets().list_entries(list).await.unwrap().into_inner().entries;
    let expiries: Vec<_> = entries
        .iter()
        .filter(|entry| entry.kind() == entry::Kind::Expiry)
        .map(|entry| (entry.amount.clone(), entry.record_time))
        .collect();
    assert_eq!(
        expiries,
        [
            (amount("USD", -4, 0), at(START + 3 * HOUR)),
            (amount("USD", -6, 0), at(START + 2 * HOUR))
        ]
    );
    invariants::hold(world).await;
}

async fn a_slow_charge_settles_when_its_time_comes(world: &World) {
    let (customer, wallet, admin) = shop(world).await;
    start(world, "acme", "seed").await;
    let method = card(world, &admin, &customer, "tok_slow").await;
    let asked = admin
        .top_ups()
        .create_top_up(buy(&wallet, &method, amount("USD", 30, 0)))
        .await
        .unwrap()
        .into_inner()
        .top_up
        .unwrap();
    assert_eq!(asked.state(), top_up::State::Processing);
    let state = async || {
        let read = admin
            .top_ups()
            .get_top_up(GetTopUpRequest { name: asked.name.clone() })
            .await
            .unwrap()
            .into_inner();
        read.top_up.unwrap().state()
    };
    advance(world, START + HOUR - 1).await;
    assert_eq!(state().await, top_up::State::Processing);
    advance(world, START + HOUR).await;
    assert_eq!(state().await, top_up::State::Succeeded);
    invariants::hold(world).await;
}

async fn a_clock_goes_forward_only_and_for_sandboxes_only(world: &World) {
    world.tenant("acme").await;
    let owner = world.someone("OWNER", None);
    let get = GetTestClockRequest { name: "tenants/acme/testClock".into() };
    assert_eq!(
        reason(&owner.clock().get_test_clock(get.clone()).await.unwrap_err()),
        "RESOURCE_NOT_FOUND"
    );
    start(world, "acme", "seed").await;
    let again = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: String::new(),
    };
    assert_eq!(reason(&owner.clock().start_test_clock(again).await.unwrap_err()), "CLOCK_STATE");
    let back = AdvanceTestClockRequest {
        request_id: request_id(),
        name: get.name.clone(),
        target_time: at(START - 1),
    };
    assert_eq!(reason(&owner.clock().advance_test_clock(back).await.unwrap_err()), "TIME_IN_PAST");
    let far = AdvanceTestClockRequest {
        request_id: request_id(),
        name: get.name.clone(),
        target_time: at(START + 4_000 * 24 * HOUR),
    };
    assert_eq!(
        reason(&owner.clock().advance_test_clock(far).await.unwrap_err()),
        "TIME_OUT_OF_RANGE"
    );
    let once = AdvanceTestClockRequest {
        request_id: request_id(),
        name: get.name.clone(),
        target_time: at(START + HOUR),
    };
    let first = owner.clock().advance_test_clock(once.clone()).await.unwrap().into_inner();
    let second = owner.clock().advance_test_clock(once).await.unwrap();
    assert!(second.metadata().contains_key("idempotent-replayed"));
    assert_eq!(second.into_inner(), first);
}

/// The ids of wallets, grants and debits of one story, from one seed.
async fn story(world: &World) -> Vec<String> {
    use payterms_proto::{
        invoicing::v1::{CreateCustomerRequest, Customer},
        wallet::v1::{ListWalletsRequest, OpenWalletRequest, PostDebitRequest},
    };
    let id = |n: u128| uuid::Uuid::from_u128(0x4000_8000_0000_0000_0000 + n).to_string();
    let tenant = "acme";
    world.tenant(tenant).await;
    start(world, tenant, "one seed").await;
    let owner = world.of_tenant(tenant, "OWNER", None);
    let customer = Customer { country: "GB".into(), ..Customer::default() };
    let create = CreateCustomerRequest {
        request_id: id(1),
        parent: format!("tenants/{tenant}"),
        customer: Some(customer),
        ..Default::default()
    };
    let made = owner.customers().create_customer(create).await.unwrap();
    let seen = owner.after(&made);
    let customer = made.into_inner().customer.unwrap().name;
    seen.wallets()
        .list_wallets(ListWalletsRequest { parent: customer.clone(), ..Default::default() })
        .await
        .unwrap();
    let open = OpenWalletRequest {
        request_id: id(2),
        parent: customer,
        currency_code: "USD".into(),
        ..Default::default()
    };
    let wallet = owner.wallets().open_wallet(open).await.unwrap().into_inner().wallet.unwrap().name;
    let grant = GrantCreditRequest {
        request_id: id(3),
        wallet: wallet.clone(),
        amount: amount("USD", 9, 0),
        ..Default::default()
    };
    let lot = owner.lots().grant_credit(grant).await.unwrap().into_inner().lot.unwrap().name;
    let debit = PostDebitRequest {
        request_id: id(4),
        wallet: wallet.clone(),
        amount: amount("USD", 1, 0),
        ..Default::default()
    };
    let service = world.of_tenant(tenant, "SERVICE", None);
    let posting = service.postings().post_debit(debit).await.unwrap().into_inner().posting.unwrap();
    vec![wallet, lot, posting.transfer_id]
}

async fn the_same_story_gives_the_same_ids(world: &World) {
    let database = if world.postgres.is_some() { Database::Postgres } else { Database::Sqlite };
    let again = World::start(database).await.unwrap();
    assert_eq!(story(world).await, story(&again).await);
    again.end().await;
}

async fn lists_keep_the_order_of_writes_on_a_standing_clock(world: &World) {
    use crate::invoices::{draft, line};
    use payterms_proto::invoicing::v1::{ListCustomersRequest, ListInvoicesRequest};
    world.tenant("acme").await;
    start(world, "acme", "seed").await;
    let owner = world.someone("OWNER", None);
    let mut customers = Vec::new();
    for _ in 0..8 {
        customers.push(world.customer("acme", "GB").await);
    }
    let list = ListCustomersRequest { parent: "tenants/acme".into(), ..Default::default() };
    let listed = owner.customers().list_customers(list).await.unwrap().into_inner().customers;
    assert_eq!(
        listed.into_iter().map(|customer| customer.name).collect::<Vec<_>>(),
        customers,
        "oldest first"
    );
    let mut invoices = Vec::new();
    for cents in 1..9 {
        let made = owner
            .invoices()
            .create_invoice(draft(&customers[0], "USD", vec![line("x", amount("USD", 1, cents))]))
            .await
            .unwrap();
        invoices.insert(0, made.into_inner().invoice.unwrap().name);
    }
    let list = ListInvoicesRequest { parent: customers[0].clone(), ..Default::default() };
    let listed = owner.invoices().list_invoices(list).await.unwrap().into_inner().invoices;
    assert_eq!(
        listed.into_iter().map(|invoice| invoice.name).collect::<Vec<_>>(),
        invoices,
        "newest first"
    );
}
