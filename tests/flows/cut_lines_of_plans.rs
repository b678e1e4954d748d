//! The line between plans and invoicing breaks: a proposal sets its block, and an instalment is
//! collected once.

use crate::{
    clocks::at,
    collections::{DAY, START},
    cut_lines::{becomes, books_hold, faults, on_both_in_processes, patient, survives},
    invariants_of_plans::plans_agree_in,
    invoices::{draft, issued, line as item, read},
    lines::usd,
    mails::mails,
    plans::{allow, deferral, monthly, proposal},
    rig::{self, Services, retry},
};
use payterms_proto::{
    invoicing::v1::{
        AdvanceTestClockRequest, GetTestClockRequest, MailKind, StartTestClockRequest, test_clock,
    },
    plans::v1::{ApprovePlanRequest, GetPlanRequest, PlanSettings, WithdrawPlanRequest, plan},
};
use payterms_suite::client::request_id;
use payterms_testkit::faulty_line::{Cut, Place};

on_both_in_processes!(
    a_proposal_outlives_its_line_to_invoicing,
    an_instalment_does_not_fail_by_a_broken_line,
);

/// A proposal sets its block, and is withdrawn.
async fn a_proposal_outlives_its_line_to_invoicing(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let owner = rig.someone("OWNER", None);
    let settings = PlanSettings::default();
    allow(&owner, settings, &[]).await;
    let services = Services::on_lines(rig, &[("plans", "invoicing")]).await;
    for fault in faults() {
        let made = async || {
            Ok(issued(&owner, draft(&people.customer, "USD", vec![item("Plan", usd(100))])).await)
        };
        let invoice = retry(made).await;
        let request = proposal(&people.customer, &[&invoice], monthly(3, 28));
        let line = services.line("plans", "invoicing");
        let propose = async || people.admin.plans().propose_plan(patient(request.clone())).await;
        let plan = survives(line, fault, propose).await.into_inner().plan.unwrap();
        assert_eq!(plan.state(), plan::State::Proposed, "{fault:?}");
        let withdraw = WithdrawPlanRequest { request_id: request_id(), name: plan.name };
        let withdraw = async || people.admin.plans().withdraw_plan(patient(withdraw.clone())).await;
        let plan = survives(line, (0, fault.1, fault.2), withdraw).await.into_inner().plan.unwrap();
        assert_eq!(plan.state(), plan::State::Withdrawn, "{fault:?}");
        assert_eq!(read(&owner, &invoice.name).await.unwrap().block, None, "{fault:?}");
    }
    plans_agree_in(services.rig().data(), services.rig().postgres.as_deref()).await;
    books_hold(&services).await;
}

/// An instalment falls due while the line is broken: it is collected later, once, and nobody is
/// mailed that it failed.
async fn an_instalment_does_not_fail_by_a_broken_line(on_postgres: bool) {
    let Some(rig) = rig::start(on_postgres).await else { return };
    let people = rig.prepare("tok_visa").await;
    let (owner, staff) = (rig.someone("OWNER", None), rig.someone("STAFF", None));
    allow(&owner, PlanSettings::default(), &[]).await;
    let clock = "tenants/acme/testClock".to_owned();
    let start = StartTestClockRequest {
        request_id: request_id(),
        parent: "tenants/acme".into(),
        now: at(START),
        seed: "seed".into(),
    };
    owner.clock().start_test_clock(start).await.unwrap();
    let services = Services::on_lines(rig, &[("plans", "invoicing")]).await;
    let line = services.line("plans", "invoicing");
    let faults = [
        (0, Place::Answer, Cut::Foreign("9")),
        (0, Place::Answer, Cut::Foreign("5")),
        (0, Place::Answer, Cut::ResetStream(8)),
        (0, Place::RequestBody, Cut::Fin),
        (0, Place::AnswerBody, Cut::Reset),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let made = async || {
            Ok(issued(&owner, draft(&people.customer, "USD", vec![item("Plan", usd(100))])).await)
        };
        let invoice = retry(made).await;
        let day = 5 * i32::try_from(number).unwrap() + 10;
        let request = proposal(&people.customer, &[&invoice], deferral(2026, 1, day));
        let propose = async || people.admin.plans().propose_plan(request.clone()).await;
        let plan = becomes("the proposal", propose, |_| true).await.into_inner().plan.unwrap();
        let yes = ApprovePlanRequest {
            request_id: request_id(),
            name: plan.name.clone(),
            total_seen: plan.open.clone(),
            etag: String::new(),
        };
        retry(async || staff.plans().approve_plan(yes.clone()).await).await;
        let (before, target_time) = (line.cuts(), at(START + i64::from(day) * DAY));
        line.breaks(fault).await;
        let advance =
            AdvanceTestClockRequest { request_id: request_id(), name: clock.clone(), target_time };
        let _ = owner.clock().advance_test_clock(patient(advance.clone())).await;
        // Several tries of the step, and what else goes that way.
        becomes(
            &format!("{fault:?} after {before}"),
            async || Ok(line.cuts()),
            |cuts| *cuts > before + 8,
        )
        .await;
        line.heals().await;
        retry(async || owner.clock().advance_test_clock(advance.clone()).await).await;
        let ready = async || {
            owner.clock().get_test_clock(GetTestClockRequest { name: clock.clone() }).await
        };
        becomes("the clock", ready, |answer| {
            answer
                .get_ref()
                .test_clock
                .as_ref()
                .is_some_and(|test_clock| test_clock.state() == test_clock::State::Ready)
        })
        .await;
        let known = async || {
            people.admin.plans().get_plan(GetPlanRequest { name: plan.name.clone() }).await
        };
        becomes("the plan", known, |answer| {
            answer
                .get_ref()
                .plan
                .as_ref()
                .is_some_and(|plan| plan.state() == plan::State::Completed)
        })
        .await;
        assert!(
            mails(&owner, MailKind::InstalmentFailed).await.is_empty(),
            "{fault:?}: nobody is mailed"
        );
    }
    assert_eq!(services.rig().charges().await, vec!["100"; faults.len()], "each once");
    plans_agree_in(services.rig().data(), services.rig().postgres.as_deref()).await;
    books_hold(&services).await;
}
