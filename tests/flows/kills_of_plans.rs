//! Plans or invoicing is killed with SIGKILL at each point of propose, approve and refuse, each in
//! a process of its own: no invoice is ever blocked without a plan, no plan lives without its
//! blocks.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants,
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line, read},
    plans::{allow, deferral, monthly, proposal},
    rig::{self, People, Rig, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, BlockInvoiceRequest, GetTestClockRequest, Invoice, InvoiceToPay,
        RecordOutsidePaymentRequest, StartTestClockRequest, block::Reason, test_clock,
    },
    plans::v1::{
        ApprovePlanRequest, CancelPlanRequest, GetPlanRequest, ListPlansRequest, Plan,
        PlanSettings, RefusePlanRequest, RetryPlanCollectionRequest, plan::State,
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

/// The verbs whose flows are killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Propose,
    Approve,
    Refuse,
}

/// Every point that each flow passes, by the service that dies there.
const POINTS: [(Verb, &str, &str); 21] = [
    (Verb::Propose, "plans", "plan.before_intent"),
    (Verb::Propose, "plans", "plan.after_intent"),
    (Verb::Propose, "plans", "plan.after_block"),
    (Verb::Propose, "plans", "plan.before_record"),
    (Verb::Propose, "plans", "plan.after_record"),
    (
        Verb::Propose,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Verb::Propose,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (Verb::Approve, "plans", "commit.before /payterms.plans.v1.PlanService/ApprovePlan"),
    (Verb::Approve, "plans", "plan.after_answer"),
    (Verb::Approve, "plans", "plan.after_block"),
    (Verb::Approve, "plans", "plan.before_record"),
    (Verb::Approve, "plans", "plan.after_record"),
    (
        Verb::Approve,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Verb::Approve,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (Verb::Refuse, "plans", "commit.before /payterms.plans.v1.PlanService/RefusePlan"),
    (Verb::Refuse, "plans", "plan.after_answer"),
    (Verb::Refuse, "plans", "plan.after_unblock"),
    (Verb::Refuse, "plans", "plan.before_record"),
    (Verb::Refuse, "plans", "plan.after_record"),
    (
        Verb::Refuse,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/UnblockForOwner",
    ),
    (
        Verb::Refuse,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/UnblockForOwner",
    ),
];

/// Scenarios at once: most of their time they wait for a lease to lapse.
pub(crate) const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_a_kill_of_either_service_on_sqlite() {
    futures::stream::iter(POINTS)
        .for_each_concurrent(AT_ONCE, |point| scenario(point, false))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_a_kill_of_either_service_on_postgres() {
    futures::stream::iter(POINTS).for_each_concurrent(AT_ONCE, |point| scenario(point, true)).await;
}

async fn prepare(rig: &Rig) -> (People, [Invoice; 2]) {
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    allow(&owner, PlanSettings::default(), &[]).await;
    let one = async |units| {
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", units, 0))]))
            .await
    };
    let invoices = [one(100).await, one(20).await];
    (people, invoices)
}

/// Why both invoices are blocked, and by whom.
pub(crate) async fn blocks(rig: &Rig, invoices: &[Invoice; 2]) -> [Option<(Reason, String)>; 2] {
    let owner = rig.someone("OWNER", None);
    let block = async |name: &str| {
        until(async || read(&owner, name).await, |_| true)
            .await
            .block
            .map(|block| (block.reason(), block.owner))
    };
    [block(&invoices[0].name).await, block(&invoices[1].name).await]
}

async fn scenario((verb, service, point): (Verb, &'static str, &'static str), on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let staff = rig.someone("STAFF", None);
    let sent = match verb {
        Verb::Propose => None,
        _ => people.admin.plans().propose_plan(request.clone()).await.unwrap().into_inner().plan,
    };
    let mut services = Services::of(rig).await;
    let name = sent.as_ref().map(|plan| plan.name.clone()).unwrap_or_default();
    let yes = ApprovePlanRequest {
        request_id: request_id(),
        name: name.clone(),
        total_seen: amount("USD", 120, 0),
        etag: String::new(),
    };
    let no = RefusePlanRequest { request_id: request_id(), name, explanation: "No.".into() };
    let act = {
        let (admin, staff, request, yes, no) =
            (people.admin.clone(), staff.clone(), request.clone(), yes.clone(), no.clone());
        async move || {
            let plan = match verb {
                Verb::Propose => {
                    admin.plans().propose_plan(request.clone()).await?.into_inner().plan
                }
                Verb::Approve => staff.plans().approve_plan(yes.clone()).await?.into_inner().plan,
                Verb::Refuse => staff.plans().refuse_plan(no.clone()).await?.into_inner().plan,
            };
            Ok::<Plan, tonic::Status>(plan.unwrap())
        }
    };
    let doomed = act.clone();
    services.die_at(service, point, async move { doomed().await }).await;
    let plan = retry(&act).await;
    assert_eq!(retry(&act).await, plan, "{verb:?} {point}: one answer");
    let (state, block) = match verb {
        Verb::Propose => (State::Proposed, Some((Reason::PaymentPlanProposed, plan.name.clone()))),
        Verb::Approve => (State::Active, Some((Reason::PaymentPlanActive, plan.name.clone()))),
        Verb::Refuse => (State::Refused, None),
    };
    assert_eq!(plan.state(), state, "{verb:?} {point}");
    assert_eq!(blocks(services.rig(), &invoices).await, [block.clone(), block], "{verb:?} {point}");
    let list = ListPlansRequest { parent: people.customer.clone(), ..ListPlansRequest::default() };
    let plans = until(async || people.admin.plans().list_plans(list.clone()).await, |_| true)
        .await
        .into_inner()
        .plans;
    assert_eq!(plans.len(), 1, "{verb:?} {point}: one plan");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

/// What was blocked by another while plans lay dead is refused, nothing stays behind, and the same
/// request id is judged anew.
async fn refused_after_the_intent(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let owner = rig.someone("OWNER", None);
    let mut services = Services::of(rig).await;
    let (admin, sent) = (people.admin.clone(), request.clone());
    // It dies with its intent stored; the second invoice is disputed before it comes back.
    let block = BlockInvoiceRequest {
        request_id: request_id(),
        name: invoices[1].name.clone(),
        reason: Reason::Disputed.into(),
        ..Default::default()
    };
    services
        .die_and_meanwhile(
            "plans",
            "plan.after_intent",
            async move { admin.plans().propose_plan(sent).await },
            async {
                retry(async || owner.collections().block_invoice(block.clone()).await).await;
            },
        )
        .await;
    if on_postgres {
        // The lease has not lapsed yet: whoever takes the flow over dies once more, before the
        // refusal is recorded.
        let (admin, sent) = (people.admin.clone(), request.clone());
        services
            .die_at("plans", "plan.before_refusal", async move {
                admin.plans().propose_plan(sent).await
            })
            .await;
    }
    let propose = async || people.admin.plans().propose_plan(request.clone()).await;
    let refused = until(
        async || Ok(propose().await),
        |answer| {
            answer.as_ref().is_err_and(|status| status.code() == tonic::Code::FailedPrecondition)
        },
    );
    assert_eq!(reason(&refused.await.unwrap_err()), "INVOICE_BLOCKED");
    let disputed = Some((Reason::Disputed, String::new()));
    assert_eq!(blocks(services.rig(), &invoices).await, [None, disputed], "all or none");
    let unblock = payterms_proto::invoicing::v1::UnblockInvoiceRequest {
        request_id: request_id(),
        name: invoices[1].name.clone(),
        ..Default::default()
    };
    owner.collections().unblock_invoice(unblock).await.unwrap();
    let plan = retry(propose).await.into_inner().plan.unwrap();
    assert_eq!(plan.state(), State::Proposed, "the same request id is judged anew");
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_intent_leaves_nothing_on_sqlite() {
    Box::pin(refused_after_the_intent(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_after_the_intent_leaves_nothing_on_postgres() {
    Box::pin(refused_after_the_intent(true)).await;
}

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
        .for_each_concurrent(AT_ONCE, |point| collected(point, false))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instalment_is_collected_once_whoever_is_killed_on_postgres() {
    futures::stream::iter(COLLECTION)
        .for_each_concurrent(AT_ONCE, |point| collected(point, true))
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

async fn collected((service, point): (&'static str, &'static str), on_postgres: bool) {
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

/// The invoice is paid in part while the proposal's driver lies dead between the block and its
/// record: the step that is asked again says what it said before.
async fn paid_while_it_lay_dead(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let (people, invoices) = prepare(&rig).await;
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(3, 28));
    let owner = rig.someone("OWNER", None);
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: invoices[0].name.clone(), amount: None }],
        amount: amount("USD", 40, 0),
        reference: "Cash".into(),
        receive_date: None,
        ..Default::default()
    };
    let mut services = Services::of(rig).await;
    let (admin, sent) = (people.admin.clone(), request.clone());
    let dying = async move { admin.plans().propose_plan(sent).await };
    services
        .die_and_meanwhile("plans", "plan.after_block", dying, async {
            retry(async || owner.payments().record_outside_payment(outside.clone()).await).await;
        })
        .await;
    let plan = retry(async || people.admin.plans().propose_plan(request.clone()).await)
        .await
        .into_inner()
        .plan
        .unwrap();
    assert_eq!(plan.state(), State::Proposed);
    let block = Some((Reason::PaymentPlanProposed, plan.name.clone()));
    assert_eq!(blocks(services.rig(), &invoices).await, [block.clone(), block]);
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    plans_agree_in(data, postgres).await;
    invariants::hold_in(data, postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_between_block_and_record_does_no_harm_on_sqlite() {
    Box::pin(paid_while_it_lay_dead(false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_between_block_and_record_does_no_harm_on_postgres() {
    Box::pin(paid_while_it_lay_dead(true)).await;
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
