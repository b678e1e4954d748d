//! What a flow of a plan changes in invoicing reaches plans by events, before or after the answer to the flow: one and the same event of
//! the plan follows, and nothing is left undone.

use crate::{
    clocks::at,
    collections::{DAY, START},
    invariants::{hold_in, rows_of, selected},
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line},
    plans::{allow, monthly, proposal},
    rig::{self, Services, retry, until},
};
use payterms_proto::{
    invoicing::v1::{AdvanceTestClockRequest, GetTestClockRequest, StartTestClockRequest, test_clock},
    plans::v1::{ApprovePlanRequest, PlanChanged, PlanSettings},
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
    request_ids::repeatable,
};
use payterms_testkit::faulty_line::{Cut, Place};
use prost::Message;
use sea_orm::{ConnectionTrait, Statement};
use std::{path::Path, time::Duration};

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
    Case { token: "tok_declined", flow: "plan", days: [14, 15], done: "SELECT number AS told FROM {s}invoices WHERE block_owner = ''" },
];

/// What comes first to plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Events,
    Answer,
}

const CLOCK: &str = "tenants/acme/testClock";
const INVOICING: (&str, &str) = ("plans", "invoicing");
const PLANS: (&str, &str) = ("invoicing", "plans");

/// Waits until a query has a row in a service's own rows.
async fn there_is(service: &str, (data, postgres): (&Path, Option<&str>), query: &str) {
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
async fn changes((data, postgres): (&Path, Option<&str>)) -> Vec<String> {
    let (conn, s) = rows_of("plans", data, postgres).await;
    let select = format!("SELECT data FROM {s}outbox WHERE aggregate_type = 'plan' ORDER BY version");
    let rows = conn.query_all_raw(Statement::from_string(conn.get_database_backend(), select)).await.unwrap();
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
    let request = AdvanceTestClockRequest { request_id: request_id(), name: CLOCK.into(), target_time: at(START + days * DAY) };
    retry(async || owner.clock().advance_test_clock(request.clone()).await).await;
    until(
        async || Ok(owner.clock().get_test_clock(GetTestClockRequest { name: CLOCK.into() }).await?.into_inner().test_clock.unwrap()),
        |clock| clock.state() == test_clock::State::Ready,
    )
    .await;
}

/// A plan in two parts of which the first is collected by a card; where that fails until its days of grace are over, it is breached.
async fn played(first: First, &Case { token, flow, days, done }: &Case, on_postgres: bool) -> Option<Vec<String>> {
    let rig = rig::start(on_postgres).await?;
    let people = rig.prepare(token).await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    allow(&owner, PlanSettings::default(), &[]).await;
    let invoice = issued(&owner, draft(&people.customer, "USD", vec![line("Plan", amount("USD", 100, 0))])).await;
    let start = StartTestClockRequest { request_id: request_id(), parent: "tenants/acme".into(), now: at(START), seed: "seed".into() };
    owner.clock().start_test_clock(start).await.unwrap();
    let asked = proposal(&people.customer, &[&invoice], monthly(2, 10));
    let plan = retry(async || people.admin.plans().propose_plan(asked.clone()).await).await.into_inner().plan.unwrap();
    let yes = ApprovePlanRequest { request_id: request_id(), name: plan.name.clone(), total_seen: plan.open.clone(), etag: String::new() };
    staff.plans().approve_plan(yes).await.unwrap();
    advance(&owner, days[0]).await;
    let services = Services::on_lines(rig, &[INVOICING, PLANS]).await;
    let at = (services.rig().data(), services.rig().postgres.as_deref());
    let (to_invoicing, to_plans) = (services.line(INVOICING.0, INVOICING.1), services.line(PLANS.0, PLANS.1));
    let open = format!("SELECT flow AS told FROM {{s}}intent_lease WHERE flow = '{flow}'");
    let goes_on = async {
        there_is("plans", at, &open).await;
        match first {
            // Invoicing does its part, and its answer is lost until plans have its events.
            First::Events => {
                there_is("invoicing", at, done).await;
                let all_received = "SELECT event_type AS told FROM {s}outbox WHERE NOT EXISTS (SELECT 1 FROM {s}outbox WHERE position IS NULL \
                     OR aggregate_type IN ('tenant', 'invoice', 'payment') AND position > \
                     (SELECT position FROM {s}outbox_cursors WHERE subscriber = 'plans'))";
                there_is("invoicing", at, all_received).await;
                to_invoicing.heals().await;
            }
            // The flow cannot reach invoicing; then it can, and no event comes back until it is recorded.
            First::Answer => {
                to_plans.breaks((0, Place::Start, Cut::Fin)).await;
                to_invoicing.heals().await;
                let closed = format!("SELECT aggregate_type AS told FROM {{s}}outbox WHERE NOT EXISTS ({open})");
                there_is("plans", at, &closed).await;
                to_plans.heals().await;
            }
        }
    };
    let place = if first == First::Events { Place::Answer } else { Place::Start };
    to_invoicing.breaks((0, place, Cut::Fin)).await;
    tokio::join!(advance(&owner, days[1]), goes_on);
    plans_agree_in(at.0, at.1).await;
    hold_in(at.0, at.1).await;
    Some(changes(at).await)
}

async fn whatever_comes_first(on_postgres: bool) {
    for case in &CASES {
        let told = async |first| Box::pin(repeatable(case.token, played(first, case, on_postgres))).await;
        let (Some(events), Some(answer)) = (told(First::Events).await, told(First::Answer).await) else { return };
        assert_eq!(events, answer, "{case:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_follows_a_flow_whatever_comes_first_on_sqlite() {
    whatever_comes_first(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_follows_a_flow_whatever_comes_first_on_postgres() {
    whatever_comes_first(true).await;
}
