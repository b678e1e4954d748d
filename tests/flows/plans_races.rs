//! Many at once, on one replica and on two: one request id has one effect, one answer wins, one
//! plan holds an invoice.

use crate::{
    collections::desk,
    invariants,
    invariants_of_plans::plans_agree,
    plans::{allow, approve, monthly, proposal, propose, verbs},
};
use payterms_proto::plans::v1::{
    ApprovePlanRequest, ApprovePlanResponse, ListPlansRequest, Plan, PlanSettings,
    ProposePlanRequest, ProposePlanResponse, RefusePlanRequest, WithdrawPlanRequest, plan::State,
};
use payterms_suite::{Session, client::request_id};
use payterms_testkit::{Database, World, on_both, people::person, reason};
use prost::Message;

on_both!(many_at_once_give_one_effect,);

async fn many_at_once_give_one_effect(world: &World) {
    let desk = desk(world, None).await;
    allow(
        &desk.owner,
        PlanSettings { max_proposals_per_invoice: 20, ..PlanSettings::default() },
        &["max_proposals_per_invoice"],
    )
    .await;
    let staff = world.someone("STAFF", None);
    races(
        world,
        std::slice::from_ref(&desk.admin),
        std::slice::from_ref(&staff),
        &proposal(&desk.customer, &[&desk.invoice], monthly(3, 28)),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_on_two_replicas_give_one_effect() {
    let Some(world) = World::start(Database::Postgres).await else { return };
    let replica = world.replica().await;
    let desk = desk(&world, None).await;
    allow(
        &desk.owner,
        PlanSettings { max_proposals_per_invoice: 20, ..PlanSettings::default() },
        &["max_proposals_per_invoice"],
    )
    .await;
    let there = |role: &str, customer: Option<&str>| {
        Session::new(replica.gateway, &replica.token(&person("acme", role, customer), 600).unwrap())
            .unwrap()
    };
    let admins = [desk.admin.clone(), there("CUSTOMER_ADMIN", Some(&desk.customer))];
    let staff = [world.someone("STAFF", None), there("STAFF", None)];
    races(&world, &admins, &staff, &proposal(&desk.customer, &[&desk.invoice], monthly(3, 28)))
        .await;
    replica.stop().await;
    world.end().await;
}

async fn races(world: &World, admins: &[Session], staff: &[Session], request: &ProposePlanRequest) {
    for _ in 0..3 {
        let request = ProposePlanRequest { request_id: request_id(), ..request.clone() };
        let plan = one_proposal(admins, &request).await;
        let rivals = admins.iter().cycle().take(6).map(|session| {
            let rival = ProposePlanRequest { request_id: request_id(), ..request.clone() };
            async move { propose(session, rival).await }
        });
        for refused in futures::future::join_all(rivals).await {
            assert_eq!(
                reason(&refused.unwrap_err()),
                "INVOICE_BLOCKED",
                "one plan holds an invoice"
            );
        }
        let list = ListPlansRequest {
            parent: request.parent.clone(),
            states: vec![State::Proposed.into()],
            ..Default::default()
        };
        assert_eq!(admins[0].plans().list_plans(list).await.unwrap().into_inner().plans.len(), 1);
        one_answer(admins, staff, &plan).await;
        plans_agree(world).await;
    }
    let plan =
        one_proposal(admins, &ProposePlanRequest { request_id: request_id(), ..request.clone() })
            .await;
    one_approval(staff, &plan).await;
    invariants::hold(world).await;
    plans_agree(world).await;
}

/// Twenty sends of one id.
async fn one_proposal(admins: &[Session], request: &ProposePlanRequest) -> Plan {
    let calls = admins.iter().cycle().take(20).map(|session| {
        let (session, sent) = (session.clone(), request.clone());
        tokio::spawn(async move { session.plans().propose_plan(sent).await })
    });
    let answers = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|call| call.unwrap().unwrap().into_inner())
        .collect::<Vec<_>>();
    let bytes: Vec<_> = answers.iter().map(ProposePlanResponse::encode_to_vec).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
    answers[0].plan.clone().unwrap()
}

/// Everybody answers at once, each in another way: one wins, the others are refused.
async fn one_answer(admins: &[Session], staff: &[Session], plan: &Plan) {
    let name = plan.name.clone();
    let approvals =
        staff.iter().map(|session| async move { approve(session, plan, plan.open.clone()).await });
    let refusals = staff.iter().map(|session| {
        let no = RefusePlanRequest {
            request_id: request_id(),
            name: name.clone(),
            explanation: "No.".into(),
        };
        async move {
            session.plans().refuse_plan(no).await.map(|answer| answer.into_inner().plan.unwrap())
        }
    });
    let withdrawals = admins.iter().map(|session| {
        let back = WithdrawPlanRequest { request_id: request_id(), name: name.clone() };
        async move {
            session
                .plans()
                .withdraw_plan(back)
                .await
                .map(|answer| answer.into_inner().plan.unwrap())
        }
    });
    let (yes, no, back) = tokio::join!(
        futures::future::join_all(approvals),
        futures::future::join_all(refusals),
        futures::future::join_all(withdrawals),
    );
    let (won, lost): (Vec<_>, Vec<_>) =
        yes.into_iter().chain(no).chain(back).partition(Result::is_ok);
    assert_eq!(won.len(), 1, "one answer wins");
    for refused in lost {
        let why = reason(&refused.unwrap_err());
        assert!(["PLAN_STATE", "CONCURRENT_UPDATE"].contains(&why.as_str()), "{why}");
    }
    let taken = verbs(&staff[0], plan).await;
    assert_eq!(taken.len(), 2, "{taken:?}");
    if won[0].as_ref().is_ok_and(|plan| plan.state() == State::Active) {
        let cancel = payterms_proto::plans::v1::CancelPlanRequest {
            request_id: request_id(),
            name,
            explanation: "Again.".into(),
        };
        staff[0].plans().cancel_plan(cancel).await.unwrap();
    }
}

async fn one_approval(staff: &[Session], plan: &Plan) {
    let sent = ApprovePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
        etag: String::new(),
    };
    let calls = staff.iter().cycle().take(20).map(|session| {
        let (session, sent) = (session.clone(), sent.clone());
        tokio::spawn(async move { session.plans().approve_plan(sent).await })
    });
    let answers = futures::future::join_all(calls)
        .await
        .into_iter()
        .map(|call| call.unwrap().unwrap().into_inner());
    let bytes: Vec<_> = answers.map(|answer| ApprovePlanResponse::encode_to_vec(&answer)).collect();
    assert!(bytes.windows(2).all(|pair| pair[0] == pair[1]), "all answers are equal byte for byte");
}
