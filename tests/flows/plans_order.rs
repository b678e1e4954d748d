//! What a flow of a plan changes in invoicing reaches plans by events, before or after the answer
//! to the flow: one and the same event of the plan follows, and nothing is left undone.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants::{hold_in, rows_of, selected},
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line},
    plans::{allow, deferral, monthly, proposal},
    rig::{self, Services, retry, until},
};
use payterms_chassis::identity::Signer;
use payterms_kernel::SystemClock;
use payterms_proto::{
    common::peers::v1::{RunDueRequest, clock_service_client::ClockServiceClient},
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, test_clock,
    },
    plans::v1::{ApprovePlanRequest, GetPlanRequest, PlanChanged, PlanSettings, plan},
    wallet::v1::{ListPaymentMethodsRequest, SetCollectionMethodRequest, payment_method::Kind},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    request_ids::repeatable,
    shop,
};
use payterms_testkit::{
    faulty_line::{Cut, Place},
    people::person,
};
use prost::Message;
use sea_orm::{ConnectionTrait, Statement};
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

/// A flow of a plan that is driven while lines are broken.
#[derive(Debug)]
struct Case {
    /// The card that is charged.
    token: &'static str,
    /// The kind of the flow.
    flow: &'static str,
    /// The days between which it is due, and nothing else.
    days: [i64; 2],
    /// What is found in invoicing once it has done its part.
    done: &'static str,
}

const CASES: [Case; 3] = [
    Case {
        token: "tok_visa",
        flow: "plan_collection",
        days: [8, 10],
        done: "SELECT state AS told FROM {s}payments WHERE state <> 'PROCESSING'",
    },
    Case {
        token: "tok_declined",
        flow: "plan_collection",
        days: [8, 10],
        done: "SELECT state AS told FROM {s}payments WHERE state <> 'PROCESSING'",
    },
    Case {
        token: "tok_declined",
        flow: "plan",
        days: [14, 15],
        done: "SELECT number AS told FROM {s}invoices WHERE block_owner = ''",
    },
];

/// What comes first to plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Events,
    Answer,
}

/// Found in invoicing once plans have all that they are told.
const ALL_RECEIVED: &str = "SELECT event_type AS told FROM {s}outbox WHERE NOT EXISTS (SELECT 1 FROM {s}outbox WHERE position IS NULL \
     OR aggregate_type IN ('tenant', 'invoice', 'payment') AND position > \
     (SELECT position FROM {s}outbox_cursors WHERE subscriber = 'plans'))";

const CLOCK: &str = "tenants/acme/testClock";
const INVOICING: (&str, &str) = ("plans", "invoicing");
const PLANS: (&str, &str) = ("invoicing", "plans");

/// Waits until a query has a row in a service's own rows.
async fn there_is(service: &str, data: &Path, postgres: Option<&str>, query: &str) {
    let (conn, s) = rows_of(service, data, postgres).await;
    let query = query.replace("{s}", &s);
    for _ in 0..400 {
        if !selected(&conn, &query).await.is_empty() {
            return conn.close().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{service}: never {query}");
}

/// All that became of the plans, as their events tell it.
async fn changes(data: &Path, postgres: Option<&str>) -> Vec<String> {
    let (conn, s) = rows_of("plans", data, postgres).await;
    let select =
        format!("SELECT data FROM {s}outbox WHERE aggregate_type = 'plan' ORDER BY version");
    let rows = conn
        .query_all_raw(Statement::from_string(conn.get_database_backend(), select))
        .await
        .unwrap();
    conn.close().await.unwrap();
    let changes = rows.iter().map(|row| {
        let data: Vec<u8> = row.try_get("", "data").unwrap();
        let PlanChanged { plan, edges, collection_failed, .. } = PlanChanged::decode(data.as_slice()).unwrap();
        let plan = plan.unwrap();
        let verbs: Vec<_> = edges.iter().map(|edge| edge.verb.as_str()).collect();
        let paid: Vec<_> = plan.instalments.iter().map(|instalment| instalment.paid.clone().unwrap_or_default().units).collect();
        let collection = plan.collection.clone().unwrap_or_default();
        let next = collection.next_attempt_time.map(|time| time.seconds);
        let (state, etag, time) = (plan.state(), plan.etag, plan.update_time.unwrap_or_default().seconds);
        format!("{state:?} {etag} {time} {verbs:?} paid {paid:?} {} {next:?} failed {collection_failed}", collection.under_way)
    });
    changes.collect()
}

async fn advance(owner: &Session, days: i64) {
    let request = AdvanceTestClockRequest {
        request_id: request_id(),
        name: CLOCK.into(),
        target_time: at(START + days * DAY),
    };
    retry(async || owner.clock().advance_test_clock(request.clone()).await).await;
    until(
        async || {
            Ok(owner
                .clock()
                .get_test_clock(GetTestClockRequest { name: CLOCK.into() })
                .await?
                .into_inner()
                .test_clock
                .unwrap())
        },
        |clock| clock.state() == test_clock::State::Ready,
    )
    .await;
}

/// A plan in two parts of which the first is collected by a card; where that fails until its days
/// of grace are over, it is breached.
async fn played(
    first: First,
    &Case { token, flow, days, done }: &Case,
    on_postgres: bool,
) -> Option<Vec<String>> {
    let rig = rig::start(on_postgres).await?;
    let people = rig.prepare(token).await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    allow(&owner, PlanSettings::default(), &[]).await;
    let invoice =
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]))
            .await;
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let asked = proposal(&people.customer, &[&invoice], monthly(2, 10));
    let plan = retry(async || people.admin.plans().propose_plan(asked.clone()).await)
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
    advance(&owner, days[0]).await;
    let services = Services::on_lines(rig, &[INVOICING, PLANS]).await;
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    let (to_invoicing, to_plans) =
        (services.line(INVOICING.0, INVOICING.1), services.line(PLANS.0, PLANS.1));
    let open = format!("SELECT flow AS told FROM {{s}}intent_lease WHERE flow = '{flow}'");
    let goes_on = async {
        there_is("plans", data, postgres, &open).await;
        match first {
            // Invoicing does its part, and its answer is lost until plans have its events.
            First::Events => {
                there_is("invoicing", data, postgres, done).await;
                there_is("invoicing", data, postgres, ALL_RECEIVED).await;
                to_invoicing.heals().await;
            }
            // The flow cannot reach invoicing; then it can, and no event comes back until it is
            // recorded.
            First::Answer => {
                to_plans.breaks((0, Place::Start, Cut::Fin)).await;
                to_invoicing.heals().await;
                let closed = format!(
                    "SELECT aggregate_type AS told FROM {{s}}outbox WHERE NOT EXISTS ({open})"
                );
                there_is("plans", data, postgres, &closed).await;
                to_plans.heals().await;
            }
        }
    };
    let place = if first == First::Events { Place::Answer } else { Place::Start };
    to_invoicing.breaks((0, place, Cut::Fin)).await;
    tokio::join!(advance(&owner, days[1]), goes_on);
    plans_agree_in(data, postgres).await;
    hold_in(data, postgres).await;
    Some(changes(data, postgres).await)
}

async fn whatever_comes_first(on_postgres: bool) {
    for case in &CASES {
        let told =
            async |first| Box::pin(repeatable(case.token, played(first, case, on_postgres))).await;
        let (Some(events), Some(answer)) = (told(First::Events).await, told(First::Answer).await)
        else {
            return;
        };
        assert_eq!(events, answer, "{case:?}");
    }
}

/// The run of the tenant's clock that a service is in.
async fn run_in(service: &str, data: &Path, postgres: Option<&str>) -> String {
    let (conn, s) = rows_of(service, data, postgres).await;
    let run = selected(
        &conn,
        &format!("SELECT clock_run AS told FROM {s}tenant_states WHERE tenant = 'acme'"),
    )
    .await
    .remove(0);
    conn.close().await.unwrap();
    run
}

/// A debit ends after invoicing has answered that it is under way, and before plans have that
/// answer: the flow learns of the event that came meanwhile, and asks again before it closes.
/// Nobody else would record how the debit ended.
async fn ends_before_it_is_recorded(
    token: &str,
    ends: plan::State,
    failures: i32,
    on_postgres: bool,
) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    shop::save(&people.admin, &rig.gateway, &people.customer, Kind::BankDebit, token)
        .await
        .unwrap()
        .unwrap();
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    let list = ListPaymentMethodsRequest { parent: people.customer.clone(), ..Default::default() };
    let methods = people
        .admin
        .methods()
        .list_payment_methods(list)
        .await
        .unwrap()
        .into_inner()
        .payment_methods;
    let account = methods.into_iter().find(|method| method.kind() == Kind::BankDebit).unwrap().name;
    let collected = SetCollectionMethodRequest {
        request_id: request_id(),
        name: account,
        ..Default::default()
    };
    people.admin.methods().set_collection_method(collected).await.unwrap();
    allow(&owner, PlanSettings::default(), &[]).await;
    let invoice =
        issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 100, 0))]))
            .await;
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let asked = proposal(&people.customer, &[&invoice], deferral(2026, 1, 10));
    let plan = retry(async || people.admin.plans().propose_plan(asked.clone()).await)
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
    advance(&owner, 8).await;
    let mut services = Services::of(rig).await;
    let held = services
        .hold_answers("plans", "invoicing", "/payterms.invoicing.v1.PaymentService/GetPayment")
        .await;
    let (data, postgres) = (services.rig().data(), services.rig().postgres.as_deref());
    let debit_ends = async {
        held.holds_one().await;
        assert_eq!(held.answered(), 1);
        // The bank answers after 48 hours, which pass for the wallet alone: the clocks of the
        // others wait for the flow.
        let wallet = services.at("wallet");
        turn(wallet, data, &run_in("wallet", data, postgres).await, START + 12 * DAY).await;
        there_is(
            "invoicing",
            data,
            postgres,
            "SELECT state AS told FROM {s}payments WHERE state <> 'PROCESSING'",
        )
        .await;
        there_is("invoicing", data, postgres, ALL_RECEIVED).await;
        held.release();
    };
    tokio::join!(advance(&owner, 9), debit_ends);
    let read =
        async || people.admin.plans().get_plan(GetPlanRequest { name: plan.name.clone() }).await;
    let ended =
        until(async || Ok(read().await?.into_inner().plan.unwrap()), |plan| plan.state() == ends)
            .await;
    let collection = ended.collection.unwrap_or_default();
    assert_eq!(
        (collection.under_way, collection.failed_attempt_count),
        (false, failures),
        "{token}"
    );
    assert!(held.answered() > 1, "it was asked again");
    // The other services come to where the wallet is.
    advance(&owner, 13).await;
    plans_agree_in(data, postgres).await;
    hold_in(data, postgres).await;
}

/// Turns a tenant's clock in one service, as invoicing does it.
async fn turn(service: SocketAddr, data: &Path, run_id: &str, now: i64) {
    let signer = Signer::read(&data.join("keys"), "invoicing", Arc::new(SystemClock)).unwrap();
    let token = signer.internal("wallet", &person("acme", "PEER", None)).unwrap();
    let due = RunDueRequest {
        tenant: "acme".into(),
        now: at(now),
        run_id: run_id.into(),
        advancing: true,
        ..Default::default()
    };
    let mut clock = ClockServiceClient::connect(format!("http://{service}")).await.unwrap();
    let mut request = tonic::Request::new(due);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    clock.run_due(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_ends_before_it_is_recorded_is_asked_for_again_on_sqlite() {
    Box::pin(ends_before_it_is_recorded("tok_bank", plan::State::Completed, 0, false)).await;
    Box::pin(ends_before_it_is_recorded("tok_bank_refused", plan::State::Active, 1, false)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_that_ends_before_it_is_recorded_is_asked_for_again_on_postgres() {
    Box::pin(ends_before_it_is_recorded("tok_bank", plan::State::Completed, 0, true)).await;
    Box::pin(ends_before_it_is_recorded("tok_bank_refused", plan::State::Active, 1, true)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_follows_a_flow_whatever_comes_first_on_sqlite() {
    whatever_comes_first(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_follows_a_flow_whatever_comes_first_on_postgres() {
    whatever_comes_first(true).await;
}
