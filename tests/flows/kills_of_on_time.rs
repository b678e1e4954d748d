//! Plans or invoicing is killed with SIGKILL at each point of the flow that undoes a breach, and of
//! the one that opens a completed plan again: the plan becomes active once, and only with its
//! blocks.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants,
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line},
    kills_of_plans::{AT_ONCE, blocks},
    plans::{allow, monthly, proposal, verbs},
    rig::{self, People, Services, retry, until},
};
use futures::StreamExt;
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, Invoice, InvoiceToPay, ListPaymentsRequest,
        RecordOutsidePaymentRequest, StartTestClockRequest, UnapplyPaymentRequest, block::Reason,
        test_clock,
    },
    plans::v1::{
        ApprovePlanRequest, GetPlanRequest, Plan, PlanSettings, ProposePlanRequest, plan::State,
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};

/// What makes a plan active again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    UndoBreach,
    Reopen,
}

/// Every point that each flow passes, by the service that dies there.
const POINTS: [(Change, &str, &str); 10] = [
    (Change::UndoBreach, "plans", "plan.after_block"),
    (Change::UndoBreach, "plans", "plan.before_record"),
    (Change::UndoBreach, "plans", "plan.after_record"),
    (
        Change::UndoBreach,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Change::UndoBreach,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (Change::Reopen, "plans", "plan.after_block"),
    (Change::Reopen, "plans", "plan.before_record"),
    (Change::Reopen, "plans", "plan.after_record"),
    (
        Change::Reopen,
        "invoicing",
        "commit.before /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
    (
        Change::Reopen,
        "invoicing",
        "commit.after /payterms.invoicing.peers.v1.OwnerCollectionService/BlockForOwner",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_becomes_active_again_once_whoever_is_killed_on_sqlite() {
    futures::stream::iter(POINTS)
        .for_each_concurrent(AT_ONCE, |(change, service, point)| {
            scenario(change, service, point, false)
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_becomes_active_again_once_whoever_is_killed_on_postgres() {
    futures::stream::iter(POINTS)
        .for_each_concurrent(AT_ONCE, |(change, service, point)| {
            scenario(change, service, point, true)
        })
        .await;
}

async fn scenario(change: Change, service: &'static str, point: &'static str, on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    let clock = "tenants/acme/testClock".to_owned();
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    allow(&owner, PlanSettings::default(), &[]).await;
    let bill = async |units| {
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", units, 0))]))
            .await
    };
    let invoices = [bill(100).await, bill(20).await];
    let plan = agreed(&people, &staff, &invoices).await;
    let read =
        async || people.admin.plans().get_plan(GetPlanRequest { name: plan.name.clone() }).await;
    let becomes = async |state: State| {
        until(read, |answer| {
            answer.get_ref().plan.as_ref().is_some_and(|plan| plan.state() == state)
        })
        .await
    };
    let pay = |units: i64, receive_date: Option<Date>| RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: people.customer.clone(),
        invoices: invoices
            .iter()
            .map(|invoice| InvoiceToPay { invoice: invoice.name.clone(), amount: None })
            .collect(),
        amount: amount("USD", units, 0),
        reference: "Cash".into(),
        receive_date,
        ..Default::default()
    };
    let mut unapply = UnapplyPaymentRequest {
        request_id: request_id(),
        invoice: invoices[1].name.clone(),
        ..Default::default()
    };
    if change == Change::Reopen {
        owner.payments().record_outside_payment(pay(120, None)).await.unwrap();
        becomes(State::Completed).await;
        unapply.payment = what_paid_it(&owner, &people.customer).await;
    } else {
        days_of_grace_end(&owner, &clock).await;
        becomes(State::Breached).await;
    }
    let mut services = Services::of(rig).await;
    let (caller, in_time) = (owner.clone(), pay(60, Some(Date { year: 2026, month: 1, day: 15 })));
    let act = async move {
        if change == Change::Reopen {
            caller.refunds().unapply_payment(unapply).await.map(drop)
        } else {
            caller.payments().record_outside_payment(in_time).await.map(drop)
        }
    };
    services.die_at(service, point, act).await;
    let active = becomes(State::Active).await.into_inner().plan.unwrap();
    let (open, verb, before) = match change {
        Change::UndoBreach => (60, "UNDO_BREACH", vec!["SEND", "APPROVE", "MISS", "BREACH"]),
        Change::Reopen => (20, "REOPEN", vec!["SEND", "APPROVE", "COMPLETE"]),
    };
    assert_eq!(
        (active.open.clone(), active.breach_count),
        (amount("USD", open, 0), 0),
        "{change:?} {point}"
    );
    assert_eq!(
        verbs(&owner, &plan).await,
        [before, vec![verb]].concat(),
        "{change:?} {point}: once"
    );
    let block = Some((Reason::PaymentPlanActive, plan.name.clone()));
    assert_eq!(
        blocks(services.rig(), &invoices).await,
        [block.clone(), block],
        "{change:?} {point}"
    );
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    invariants::hold_in(data, postgres).await;
    plans_agree_in(data, postgres).await;
    invariants::books_agree_in(data, postgres).await;
}

/// The name of the customer's payment.
async fn what_paid_it(owner: &Session, customer: &str) -> String {
    let list = ListPaymentsRequest { parent: customer.to_owned(), ..Default::default() };
    owner.payments().list_payments(list).await.unwrap().into_inner().payments.remove(0).name
}

/// The first instalment is breached.
async fn days_of_grace_end(owner: &Session, clock: &str) {
    let to = AdvanceTestClockRequest {
        request_id: request_id(),
        name: clock.to_owned(),
        target_time: at(START + 16 * DAY),
    };
    retry(async || owner.clock().advance_test_clock(to.clone()).await).await;
    let stands =
        async || owner.clock().get_test_clock(GetTestClockRequest { name: clock.to_owned() }).await;
    until(stands, |answer| {
        answer
            .get_ref()
            .test_clock
            .as_ref()
            .is_some_and(|test_clock| test_clock.state() == test_clock::State::Ready)
    })
    .await;
}

/// 60.00 on 10 January and on 10 February, paid by hand.
async fn agreed(people: &People, staff: &Session, invoices: &[Invoice; 2]) -> Plan {
    let request = proposal(&people.customer, &[&invoices[0], &invoices[1]], monthly(2, 10));
    let request = ProposePlanRequest { collect_automatically: false, ..request };
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
    plan
}
