//! A service is killed while an instalment is collected: it is collected once, and nothing is taken
//! for a plan that was cancelled.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants,
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line},
    kills_of_plans::{AT_ONCE, prepare},
    plans::{allow, deferral, proposal},
    rig::{self, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, test_clock,
    },
    plans::v1::{
        ApprovePlanRequest, CancelPlanRequest, GetPlanRequest, PlanSettings,
        RetryPlanCollectionRequest, plan::State,
    },
    wallet::v1::SetCollectionMethodRequest,
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    shop,
};
use payterms_testkit::reason;
use sea_orm::ConnectionTrait;

/// Where the collection of an instalment, and the end of the plan that follows, may die.
const COLLECTION: [(&str, &str); 8] = [
    ("plans", "plan_judged.after_commit"),
    ("plans", "plan_collection.after_collect"),
    ("plans", "plan_collection.before_record"),
    ("plans", "plan.after_unblock"),
    ("plans", "plan.before_record"),
    ("invoicing", "owners_collection.after_intent"),
    ("invoicing", "payment.after_charge"),
    ("wallet", "charge.after payment_charge"),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_instalment_is_collected_once_whoever_is_killed_on_sqlite() {
    futures::stream::iter(COLLECTION)
        .for_each_concurrent(AT_ONCE, |(service, point)| collected(service, point, false))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instalment_is_collected_once_whoever_is_killed_on_postgres() {
    futures::stream::iter(COLLECTION)
        .for_each_concurrent(AT_ONCE, |(service, point)| collected(service, point, true))
        .await;
}

/// Asks a test clock to go so many days forward from its start.
fn forward(name: &str, days: i64) -> AdvanceTestClockRequest {
    AdvanceTestClockRequest {
        request_id: request_id(),
        name: name.into(),
        target_time: at(START + days * DAY),
    }
}

/// Lets a test clock advance, and waits until what fell due is done.
async fn advance_until_ready(owner: &Session, request: &AdvanceTestClockRequest) {
    retry(async || owner.clock().advance_test_clock(request.clone()).await).await;
    let ready = |clock: &payterms_proto::invoicing::v1::TestClock| {
        clock.state() == test_clock::State::Ready
    };
    let read = async || {
        let read = owner
            .clock()
            .get_test_clock(GetTestClockRequest { name: request.name.clone() })
            .await?;
        Ok(read.into_inner().test_clock.unwrap())
    };
    until(read, ready).await;
}

async fn collected(service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    let name = "tenants/acme/testClock".to_owned();
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], deferral(2026, 1, 10));
    let request = async || people.admin.plans().propose_plan(request.clone()).await;
    let plan = retry(request).await.into_inner().plan.unwrap();
    let yes = ApprovePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
        etag: String::new(),
    };
    staff.plans().approve_plan(yes).await.unwrap();
    let to = |days| forward(&name, days);
    // To the days of the notice: what comes then is the collection alone.
    advance_until_ready(&owner, &to(8)).await;
    let mut services = Services::of(rig).await;
    let (caller, sent) = (owner.clone(), to(10));
    let dies = sent.clone();
    services
        .die_at(service, point, async move { caller.clock().advance_test_clock(dies).await })
        .await;
    advance_until_ready(&owner, &sent).await;
    let read =
        async || people.admin.plans().get_plan(GetPlanRequest { name: plan.name.clone() }).await;
    let ended = until(read, |plan| {
        plan.get_ref().plan.as_ref().is_some_and(|plan| plan.state() == State::Completed)
    })
    .await;
    let open = ended.into_inner().plan.and_then(|plan| plan.open);
    assert_eq!(
        (open, services.rig().charges().await),
        (amount("USD", 0, 0), vec!["120".to_owned()]),
        "{service} {point}: once"
    );
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

/// A try is stored, its driver dies, the plan is cancelled before the lease lapses: nothing is
/// taken.
#[tokio::test(flavor = "multi_thread")]
async fn a_try_of_a_plan_that_was_cancelled_takes_nothing() {
    let Some(rig) = rig::start(true).await else { return };
    let people = rig.prepare("tok_declined").await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    allow(&owner, PlanSettings::default(), &[]).await;
    let invoice =
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]))
            .await;
    let name = "tenants/acme/testClock".to_owned();
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let request = proposal(&people.customer, &[&invoice], deferral(2026, 1, 10));
    let plan = retry(async || people.admin.plans().propose_plan(request.clone()).await)
        .await
        .into_inner()
        .plan
        .unwrap();
    let yes = ApprovePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
        etag: String::new(),
    };
    staff.plans().approve_plan(yes).await.unwrap();
    // Only what has failed is tried again.
    advance_until_ready(&owner, &forward(&name, 9)).await;
    let mut services = Services::of(rig).await;
    let good = until(
        async || {
            Ok(shop::save_card(&people.admin, services.rig().gateway, &people.customer, "tok_visa")
                .await)
        },
        |saved| saved.as_ref().is_ok_and(Result::is_ok),
    );
    let point = SetCollectionMethodRequest {
        request_id: request_id(),
        name: good.await.unwrap().unwrap(),
        ..Default::default()
    };
    people.admin.methods().set_collection_method(point).await.unwrap();
    let again = RetryPlanCollectionRequest { request_id: request_id(), name: plan.name.clone() };
    let (admin, sent) = (people.admin.clone(), again.clone());
    let dies = "commit.after /payterms.plans.v1.PlanService/RetryPlanCollection";
    // Plans was just started: its copy of the new method may be behind. Whatever else comes, the
    // process has died.
    let dying = async move {
        loop {
            let answer = admin.plans().retry_plan_collection(sent.clone()).await;
            if !answer.as_ref().is_err_and(|status| reason(status) == "COPY_BEHIND") {
                break answer;
            }
        }
    };
    // The lease is held for an hour, then ends: whether it lapses before the plan is cancelled is
    // not left to the machine's speed.
    let (conn, s) =
        invariants::rows_of("plans", services.rig().data(), services.rig().postgres.as_deref())
            .await;
    let lease_ends_in = async |time: &str| {
        let update = format!(
            "UPDATE {s}intent_lease SET expires_at = now() + interval '{time}' WHERE tenant <> ''"
        );
        assert_eq!(conn.execute_unprepared(&update).await.unwrap().rows_affected(), 1, "one flow");
    };
    services.die_and_meanwhile("plans", dies, dying, lease_ends_in("1 hour")).await;
    let cancel = CancelPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "By mistake.".into(),
    };
    let cancelled = retry(async || staff.plans().cancel_plan(cancel.clone()).await)
        .await
        .into_inner()
        .plan
        .unwrap();
    assert_eq!(
        (cancelled.state(), cancelled.collection.unwrap().under_way),
        (State::Cancelled, true),
        "its driver lies dead"
    );
    lease_ends_in("0 seconds").await;
    let read =
        async || people.admin.plans().get_plan(GetPlanRequest { name: plan.name.clone() }).await;
    let ended = |plan: &tonic::Response<payterms_proto::plans::v1::GetPlanResponse>| {
        plan.get_ref()
            .plan
            .as_ref()
            .and_then(|plan| plan.collection.as_ref())
            .is_some_and(|plan_collection| !plan_collection.under_way)
    };
    until(read, ended).await;
    let now = crate::invoices::read(&owner, &invoice.name).await.unwrap();
    assert_eq!(
        (now.paid, now.pending, now.block),
        (amount("USD", 0, 0), amount("USD", 0, 0), None)
    );
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::books_agree_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
}
