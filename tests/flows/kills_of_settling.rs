//! The suite is killed while a top-up settles that the provider had not decided at once.

use crate::{
    invariants,
    rig::{self, retry},
};
use payterms_proto::{
    invoicing::v1::{AdvanceTestClockRequest, StartTestClockRequest, test_clock},
    wallet::v1::{CreateTopUpRequest, GetTopUpRequest, top_up::State},
};
use payterms_suite::client::{amount, request_id};
use prost_types::Timestamp;

/// Where a settling top-up may die: the provider has answered, and its answer is recorded.
const POINTS: [&str; 2] = ["settle_top_up.before_record", "settle_top_up.after_record"];
/// When the tenant's clock begins; the provider decides within the hour.
const START: i64 = 1_767_225_600;

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_that_settles_survives_a_kill_on_sqlite() {
    for point in POINTS {
        Box::pin(settles(point, false)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_that_settles_survives_a_kill_on_postgres() {
    for point in POINTS {
        Box::pin(settles(point, true)).await;
    }
}

async fn settles(point: &str, on_postgres: bool) {
    let at = |seconds: i64| Some(Timestamp { seconds: START + seconds, nanos: 0 });
    let Some(mut rig) = rig::start(on_postgres).await else { return };
    let owner = rig.someone("OWNER", None);
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(0),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let people = rig.prepare("tok_slow").await;
    let buy = CreateTopUpRequest {
        request_id: request_id(),
        wallet: people.wallet.clone(),
        amount: amount("USD", 30, 0),
        ..Default::default()
    };
    let bought = retry(async || people.admin.top_ups().create_top_up(buy.clone()).await).await;
    let bought = bought.into_inner().top_up.unwrap();
    assert_eq!(bought.state(), State::Processing, "{point}");

    let advance = AdvanceTestClockRequest {
        request_id: request_id(),
        name: "tenants/acme/testClock".to_owned(),
        target_time: at(3_600),
    };
    let (caller, sent) = (owner.clone(), advance.clone());
    rig.die_at(point, async move { caller.clock().advance_test_clock(sent).await }).await;
    let clock = retry(async || owner.clock().advance_test_clock(advance.clone()).await).await;
    assert_eq!(clock.into_inner().test_clock.unwrap().state(), test_clock::State::Ready, "{point}");
    let get = GetTopUpRequest { name: bought.name };
    let settled = people.admin.top_ups().get_top_up(get).await.unwrap().into_inner();
    assert_eq!(settled.top_up.unwrap().state(), State::Succeeded, "{point}");
    assert_eq!(people.posted().await, amount("USD", 30, 0), "{point}: once");
    assert_eq!(rig.charges().await, ["30"], "{point}: the provider charged once");
    invariants::hold_in(rig.data(), rig.postgres.as_deref()).await;
}
