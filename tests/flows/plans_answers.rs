//! Answers to proposed plans: counter-offers, second persons, bands, time limits, and what is
//! mailed of them.

use crate::{
    clocks::advance,
    collections::{DAY, START, desk},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::{draft, issued, line, read},
    mails::{mails_of, text},
    operations::republish,
    plans::{
        MIDNIGHT, allow, approve, blocked, deferral, monthly, parts, plan, proposal, propose,
        proposed, usd, verbs,
    },
    postpaid,
};
use payterms_chassis::call::Caller;
use payterms_proto::{
    invoicing::v1::{MailKind, block::Reason},
    plans::v1::{
        AcceptCounterOfferRequest, ApprovalBand, CancelPlanRequest, CounterPlanRequest,
        DeclineCounterOfferRequest, ListPlanHistoryRequest, PlanSettings, ProposePlanRequest,
        RefusalBand, RefusePlanRequest, Schedule, WithdrawPlanRequest,
        plan::{self, State},
        plan_history_entry::Side,
        schedule::{Interval, Kind},
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, people::person, reason};
use tonic::Code;

on_both!(
    a_counter_offer_is_declined_and_accepted,
    nobody_answers_what_they_offered,
    the_bands_answer_by_themselves,
    without_an_answer_it_lapses,
    each_edge_is_mailed_to_whom_it_concerns,
    a_plan_over_a_postpaid_month_waits_for_transfers,
);

pub(crate) async fn a_counter_offer_is_declined_and_accepted(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    let staff = world.someone("STAFF", None);
    let offer = |schedule| CounterPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        schedule: Some(schedule),
        explanation: "Sooner, please.".into(),
        ..Default::default()
    };
    let weekly = Schedule {
        kind: Kind::Instalments.into(),
        interval: Interval::Weekly.into(),
        instalment_count: 2,
        ..Schedule::default()
    };
    let unfit = staff.plans().counter_plan(offer(monthly(13, 1))).await.unwrap_err();
    assert_eq!(reason(&unfit), "NOT_ELIGIBLE");
    let countered =
        staff.plans().counter_plan(offer(weekly)).await.unwrap().into_inner().plan.unwrap();
    let shown = countered.counter_offer.clone().unwrap();
    assert_eq!(
        (countered.state(), shown.explanation.as_str(), parts(&countered)),
        (State::Countered, "Sooner, please.", parts(&plan))
    );
    let decline = DeclineCounterOfferRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "Too soon.".into(),
        ..Default::default()
    };
    let back =
        desk.admin.plans().decline_counter_offer(decline).await.unwrap().into_inner().plan.unwrap();
    assert_eq!(
        (back.state(), back.counter_offer.is_none(), back.explanation.as_str()),
        (State::Proposed, true, "Too soon.")
    );
    staff.plans().counter_plan(offer(weekly)).await.unwrap();
    let accept = AcceptCounterOfferRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
    };
    let active =
        desk.admin.plans().accept_counter_offer(accept).await.unwrap().into_inner().plan.unwrap();
    // 1 January is a Thursday; three days lie between.
    let days: Vec<_> = parts(&active).into_iter().map(|part| (part.0, part.1)).collect();
    assert_eq!(
        (active.state(), days),
        (State::Active, vec![("2026-01-05".into(), usd(50, 0)), ("2026-01-12".into(), usd(50, 0))])
    );
    let taken = verbs(&staff, &plan).await;
    assert_eq!(taken, ["SEND", "COUNTER", "DECLINE_COUNTER", "COUNTER", "ACCEPT_COUNTER"]);
    let list =
        ListPlanHistoryRequest { parent: plan.name.clone(), ..ListPlanHistoryRequest::default() };
    let of = async |session: &Session| {
        let entries =
            session.plans().list_plan_history(list.clone()).await.unwrap().into_inner().entries;
        entries
            .into_iter()
            .map(|plan_history_entry| (plan_history_entry.side(), plan_history_entry.actor))
            .collect::<Vec<_>>()
    };
    let counter = |actor: &str| (Side::Tenant, actor.to_owned());
    assert_eq!(
        (of(&staff).await[1].clone(), of(&desk.admin).await[1].clone()),
        (counter("test:staff"), counter("")),
        "who, not for customers"
    );
    let cancel = CancelPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "By mistake.".into(),
    };
    let cancelled = staff.plans().cancel_plan(cancel).await.unwrap().into_inner().plan.unwrap();
    assert_eq!((cancelled.state(), blocked(&desk).await), (State::Cancelled, None));
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn nobody_answers_what_they_offered(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    let same = |role: &str, customer: Option<&str>| {
        let person = Caller { subject: "test:both".into(), ..person("acme", role, customer) };
        Session::new(world.suite.gateway, &world.suite.token(&person, 600).unwrap()).unwrap()
    };
    let withdraw = WithdrawPlanRequest { request_id: request_id(), name: plan.name };
    desk.admin.plans().withdraw_plan(withdraw).await.unwrap();
    let (buyer, seller) = (same("BILLING_MANAGER", Some(&desk.customer)), same("STAFF", None));
    let plan =
        propose(&buyer, proposal(&desk.customer, &[&desk.invoice], monthly(3, 31))).await.unwrap();
    let refused = approve(&seller, &plan, plan.open.clone()).await.unwrap_err();
    assert_eq!(
        (reason(&refused).as_str(), refused.code()),
        ("SEPARATION_OF_DUTIES", Code::PermissionDenied)
    );
    let offer = CounterPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        schedule: Some(monthly(2, 31)),
        explanation: String::new(),
        ..Default::default()
    };
    assert_eq!(
        reason(&seller.plans().counter_plan(offer).await.unwrap_err()),
        "SEPARATION_OF_DUTIES"
    );
    assert_eq!(
        approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap().state(),
        State::Active
    );
}

async fn the_bands_answer_by_themselves(world: &World) {
    let desk = desk(world, None).await;
    let bands = PlanSettings {
        approval_band: Some(ApprovalBand {
            amounts: vec![usd(100, 0)],
            max_instalments: 2,
            max_duration_days: 100,
        }),
        refusal_band: Some(RefusalBand { amounts: vec![usd(500, 0)], days_after_breach: 0 }),
        ..PlanSettings::default()
    };
    let set = allow(&desk.owner, bands.clone(), &["approval_band", "refusal_band"]).await;
    assert_eq!(
        (&set.approval_band, &set.refusal_band),
        (&bands.approval_band, &bands.refusal_band)
    );
    let yes = propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], monthly(2, 31)))
        .await
        .unwrap();
    assert_eq!(
        (yes.state(), blocked(&desk).await.map(|pair| pair.0)),
        (State::Active, Some(Reason::PaymentPlanActive))
    );
    let large = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Large", amount("USD", 501, 0))]),
    )
    .await;
    let no =
        propose(&desk.admin, proposal(&desk.customer, &[&large], monthly(2, 31))).await.unwrap();
    assert_eq!(
        (no.state(), no.reason(), no.explanation.as_str()),
        (State::Refused, plan::Reason::Band, "")
    );
    assert_eq!(read(&desk.owner, &large.name).await.unwrap().block, None);
    let between = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("Between", amount("USD", 300, 0))]),
    )
    .await;
    let open =
        propose(&desk.admin, proposal(&desk.customer, &[&between], monthly(2, 31))).await.unwrap();
    assert_eq!(open.state(), State::Proposed, "a person answers");
    assert_eq!(verbs(&desk.owner, &no).await, ["SEND", "REFUSE"]);
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn without_an_answer_it_lapses(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    assert_eq!(plan.answer_before_time.unwrap().seconds, START + 14 * DAY);
    advance(world, START + 14 * DAY - 1).await;
    assert_eq!(self::plan(&desk.admin, &plan.name).await.state(), State::Proposed);
    advance(world, START + 14 * DAY).await;
    let lapsed = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (lapsed.state(), lapsed.reason(), blocked(&desk).await),
        (State::Lapsed, plan::Reason::TimeLimit, None)
    );
    // The day before the first date is the last one for an answer.
    let soon =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], deferral(2026, 1, 20)))
            .await
            .unwrap();
    advance(world, MIDNIGHT + 19 * DAY).await;
    assert_eq!(self::plan(&desk.admin, &soon.name).await.state(), State::Lapsed);
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn each_edge_is_mailed_to_whom_it_concerns(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    crate::documents::business(world, crate::documents::acme()).await;
    let staff = world.someone("STAFF", None);
    let received = mails_of(&desk.owner, MailKind::PlanReceived, 1).await.remove(0);
    let words = text(&desk.owner, &received).await;
    assert!(
        words.contains("Brightside Ltd proposes to pay")
            && words.contains("We wait for a payment ourselves."),
        "{words}"
    );
    let offer = |schedule| CounterPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        schedule: Some(schedule),
        explanation: "Sooner, please.".into(),
        ..Default::default()
    };
    staff.plans().counter_plan(offer(monthly(2, 15))).await.unwrap();
    let countered = mails_of(&desk.owner, MailKind::PlanCountered, 1).await.remove(0);
    let words = text(&desk.owner, &countered).await;
    assert!(
        words.contains("15 January 2026") && words.contains("Sooner, please."),
        "the offer, not the proposal: {words}"
    );
    let decline = DeclineCounterOfferRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: String::new(),
        ..Default::default()
    };
    desk.admin.plans().decline_counter_offer(decline).await.unwrap();
    let answered = mails_of(&desk.owner, MailKind::PlanAnswered, 1).await.remove(0);
    assert!(text(&desk.owner, &answered).await.contains("declines your counter-offer"));
    staff.plans().counter_plan(offer(monthly(2, 15))).await.unwrap();
    let accept = AcceptCounterOfferRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
    };
    desk.admin.plans().accept_counter_offer(accept).await.unwrap();
    let approved = mails_of(&desk.owner, MailKind::PlanApproved, 1).await.remove(0);
    assert!(
        text(&desk.owner, &approved).await.contains("no saved payment method can be used for that")
    );
    mails_of(&desk.owner, MailKind::PlanAnswered, 2).await;
    let cancel = CancelPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "By mistake.".into(),
    };
    staff.plans().cancel_plan(cancel).await.unwrap();
    mails_of(&desk.owner, MailKind::PlanCancelled, 1).await;
    let again = propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], monthly(3, 31)))
        .await
        .unwrap();
    let no = RefusePlanRequest {
        request_id: request_id(),
        name: again.name,
        explanation: "Not again.".into(),
    };
    staff.plans().refuse_plan(no).await.unwrap();
    let refused = mails_of(&desk.owner, MailKind::PlanRefused, 1).await.remove(0);
    assert!(text(&desk.owner, &refused).await.contains("Not again."));
    world.someone("OPERATOR", None).operations("plans").republish(republish("plan")).await.unwrap();
    plans_agree(world).await;
    mails_of(&desk.owner, MailKind::PlanRefused, 1).await; // a snapshot tells no edge
}

async fn a_plan_over_a_postpaid_month_waits_for_transfers(world: &World) {
    let desk = postpaid::desk(world).await;
    desk.approved().await;
    postpaid::used(&desk.service, &desk.wallet, "calls", "100", amount("AUD", 20, 0))
        .await
        .unwrap();
    advance(world, postpaid::first_of(2) + 3 * 3_600).await;
    let month = postpaid::invoices_of(&desk.admin, &desk.customer).await.remove(0);
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    let request = proposal(&desk.customer, &[&month], monthly(2, 15));
    let refused = propose(&desk.admin, request.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "TRANSFER_ONLY");
    assert!(refused.message().contains("without automatic collection"), "{}", refused.message());
    let request =
        ProposePlanRequest { request_id: request_id(), collect_automatically: false, ..request };
    let proposed = propose(&desk.admin, request).await.unwrap();
    let total = proposed
        .instalments
        .iter()
        .map(|instalment| instalment.amount.as_ref().unwrap().units)
        .sum::<i64>();
    assert_eq!(total, month.total.as_ref().unwrap().units);
    approve(&desk.owner, &proposed, month.total.clone()).await.unwrap();
    advance(world, postpaid::first_of(3) + 16 * DAY).await;
    assert!(
        crate::chargebacks::charges(&world.suite.simulator).await.is_empty(),
        "nothing is charged"
    );
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}
