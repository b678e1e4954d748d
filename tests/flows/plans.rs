//! Payment plans from the proposal to their end, through the gateway.

use crate::{
    clocks::advance,
    collections::{DAY, Desk, START, desk},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::read,
    rig::{retry, until},
};
use payterms_proto::{
    google::r#type::{Date, Money},
    invoicing::v1::{
        CreateCreditNoteRequest, Invoice, InvoiceToPay, ListInvoicesRequest,
        RecordOutsidePaymentRequest, block::Reason, invoice,
    },
    plans::v1::{
        ApprovePlanRequest, GetPlanRequest, GetProposalOptionsRequest, ListPlanHistoryRequest,
        ListPlansRequest, Plan, PlanSettings, PreviewPlanRequest, ProposePlanRequest,
        RefusePlanRequest, Schedule, UpdatePlanSettingsRequest,
        plan::State,
        schedule::{Interval, Kind},
    },
};
use payterms_suite::{
    Session,
    client::{amount, request_id},
};
use payterms_testkit::{World, on_both, reason};
use tonic::Status;

on_both!(
    a_plan_is_previewed_proposed_approved_and_paid_on_its_dates,
    a_refusal_lifts_the_blocks,
    what_happens_before_the_answer_counts,
);

/// Customers of tenant `acme` may propose; more settings by the mask.
pub(crate) async fn allow(owner: &Session, settings: PlanSettings, paths: &[&str]) -> PlanSettings {
    let name = "tenants/acme/planSettings".to_owned();
    let mut paths: Vec<_> = paths.iter().map(|path| (*path).to_owned()).collect();
    paths.push("proposals_allowed".to_owned());
    let request = UpdatePlanSettingsRequest {
        request_id: request_id(),
        plan_settings: Some(PlanSettings { name, proposals_allowed: true, ..settings }),
        update_mask: Some(prost_types::FieldMask { paths }),
        ..Default::default()
    };
    // Plans may not have heard of the tenant yet.
    let set = async || owner.plan_settings().update_plan_settings(request.clone()).await;
    retry(set).await.into_inner().plan_settings.unwrap()
}

pub(crate) fn monthly(count: i32, day: i32) -> Schedule {
    Schedule {
        kind: Kind::Instalments.into(),
        interval: Interval::Monthly.into(),
        instalment_count: count,
        day_of_month: day,
        ..Schedule::default()
    }
}

pub(crate) fn proposal(
    customer: &str,
    invoices: &[&Invoice],
    schedule: Schedule,
) -> ProposePlanRequest {
    ProposePlanRequest {
        request_id: request_id(),
        parent: customer.to_owned(),
        invoices: invoices.iter().map(|invoice| invoice.name.clone()).collect(),
        schedule: Some(schedule),
        collect_automatically: true,
        note: "We wait for a payment ourselves.".to_owned(),
        ..Default::default()
    }
}

pub(crate) async fn propose(
    session: &Session,
    request: ProposePlanRequest,
) -> Result<Plan, Status> {
    Ok(session.plans().propose_plan(request).await?.into_inner().plan.unwrap())
}

pub(crate) async fn plan(session: &Session, name: &str) -> Plan {
    session
        .plans()
        .get_plan(GetPlanRequest { name: name.to_owned() })
        .await
        .unwrap()
        .into_inner()
        .plan
        .unwrap()
}

pub(crate) async fn approve(
    session: &Session,
    plan: &Plan,
    total_seen: Option<Money>,
) -> Result<Plan, Status> {
    let request = ApprovePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen,
        etag: String::new(),
    };
    Ok(session.plans().approve_plan(request).await?.into_inner().plan.unwrap())
}

pub(crate) async fn verbs(session: &Session, plan: &Plan) -> Vec<String> {
    let list =
        ListPlanHistoryRequest { parent: plan.name.clone(), ..ListPlanHistoryRequest::default() };
    let entries = session.plans().list_plan_history(list).await.unwrap().into_inner().entries;
    entries.into_iter().map(|plan_history_entry| plan_history_entry.verb).collect()
}

/// Dates, amounts and what is paid of the instalments.
pub(crate) fn parts(plan: &Plan) -> Vec<(String, Money, Money)> {
    let day = |date: Date| format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
    let part = |instalment: &payterms_proto::plans::v1::Instalment| {
        (
            day(instalment.due_date.unwrap()),
            instalment.amount.clone().unwrap(),
            instalment.paid.clone().unwrap(),
        )
    };
    plan.instalments.iter().map(part).collect()
}

pub(crate) fn usd(units: i64, cents: i32) -> Money {
    amount("USD", units, cents).unwrap()
}

/// A shop whose customer has proposed to pay 100.00 USD in three, on the last day of the month.
pub(crate) async fn proposed(world: &World, token: Option<&str>) -> (Desk, Plan) {
    let desk = Box::pin(desk(world, token)).await;
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    let plan =
        Box::pin(propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], monthly(3, 31))))
            .await
            .unwrap();
    (desk, plan)
}

pub(crate) async fn blocked(desk: &Desk) -> Option<(Reason, String)> {
    read(&desk.owner, &desk.invoice.name)
        .await
        .unwrap()
        .block
        .map(|block| (block.reason(), block.owner))
}

/// 00:00 in Sydney, so many days after 1 January 2026; to April it is eleven hours ahead.
pub(crate) const MIDNIGHT: i64 = START - 11 * 3_600;

async fn a_plan_is_previewed_proposed_approved_and_paid_on_its_dates(world: &World) {
    let desk = desk(world, Some("tok_visa")).await;
    let staff = world.someone("STAFF", None);
    let ask = GetProposalOptionsRequest { parent: desk.customer.clone() };
    let options = async || {
        desk.admin.plan_settings().get_proposal_options(ask.clone()).await.unwrap().into_inner()
    };
    assert!(!options().await.proposals_allowed, "off until somebody turns it on");
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    assert_eq!((options().await.proposals_allowed, options().await.max_instalments), (true, 12));
    let request = proposal(&desk.customer, &[&desk.invoice], monthly(3, 31));
    let preview = PreviewPlanRequest {
        parent: request.parent.clone(),
        invoices: request.invoices.clone(),
        schedule: request.schedule,
        collect_automatically: true,
        note: request.note.clone(),
    };
    let shown = desk.admin.plans().preview_plan(preview).await.unwrap().into_inner().plan.unwrap();
    assert_eq!(blocked(&desk).await, None, "a preview has no effect");
    let plan = propose(&desk.admin, request.clone()).await.unwrap();
    assert_eq!(propose(&desk.admin, request).await.unwrap(), plan, "one answer");
    let same = Plan {
        name: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..plan.clone()
    };
    assert_eq!(shown, same, "the preview is what is stored");
    let (zero, due) = (usd(0, 0), ["2026-01-31", "2026-02-28", "2026-03-31"].map(str::to_owned));
    let [first, second, third] = due.clone();
    let asked = vec![
        (first, usd(33, 34), zero.clone()),
        (second, usd(33, 33), zero.clone()),
        (third, usd(33, 33), zero.clone()),
    ];
    assert_eq!(
        (plan.state(), parts(&plan), plan.total.clone()),
        (State::Proposed, asked, amount("USD", 100, 0))
    );
    assert_eq!(
        blocked(&desk).await,
        Some((Reason::PaymentPlanProposed, plan.name.clone())),
        "from the invoice to the plan"
    );
    let list = ListInvoicesRequest {
        parent: desk.customer.clone(),
        block_reason: Reason::PaymentPlanProposed.into(),
        ..ListInvoicesRequest::default()
    };
    assert_eq!(staff.invoices().list_invoices(list).await.unwrap().into_inner().invoices.len(), 1);
    let covering = ListPlansRequest {
        parent: "tenants/acme".into(),
        invoice: desk.invoice.name.clone(),
        ..ListPlansRequest::default()
    };
    let covering = staff.plans().list_plans(covering).await.unwrap().into_inner().plans;
    assert_eq!(covering, std::slice::from_ref(&plan), "and back");
    let active = approve(&staff, &plan, plan.open.clone()).await.unwrap();
    assert_eq!(
        (active.state(), blocked(&desk).await),
        (State::Active, Some((Reason::PaymentPlanActive, plan.name.clone())))
    );
    for (days, paid) in [(30, usd(33, 34)), (58, usd(66, 67)), (89, usd(100, 0))] {
        advance(world, MIDNIGHT + days * DAY).await;
        let now = self::plan(&desk.admin, &plan.name).await;
        let sum = 100_000_000_000
            - now
                .open
                .as_ref()
                .map_or(0, |amount| amount.units * 1_000_000_000 + i64::from(amount.nanos));
        assert_eq!(
            sum,
            paid.units * 1_000_000_000 + i64::from(paid.nanos),
            "day {days}: {:?} {:?}",
            now.state(),
            now.collection
        );
    }
    let done = self::plan(&desk.admin, &plan.name).await;
    assert_eq!((done.state(), done.next_instalment), (State::Completed, None));
    assert_eq!(blocked(&desk).await, None);
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Paid);
    assert_eq!(verbs(&staff, &plan).await, ["SEND", "APPROVE", "COMPLETE"]);
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

async fn a_refusal_lifts_the_blocks(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    let staff = world.someone("STAFF", None);
    let no = RefusePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "Please pay in two.".into(),
    };
    let refused = staff.plans().refuse_plan(no.clone()).await.unwrap().into_inner().plan.unwrap();
    assert_eq!(
        (refused.state(), refused.explanation.as_str(), blocked(&desk).await),
        (State::Refused, "Please pay in two.", None)
    );
    assert_eq!(staff.plans().refuse_plan(no).await.unwrap().into_inner().plan.unwrap(), refused);
    let again = approve(&staff, &plan, plan.open.clone()).await.unwrap_err();
    assert_eq!(reason(&again), "PLAN_STATE");
    invariants::hold(world).await;
    plans_agree(world).await;
}

pub(crate) fn deferral(year: i32, month: i32, day: i32) -> Schedule {
    Schedule {
        kind: Kind::SingleDeferral.into(),
        date: Some(Date { year, month, day }),
        ..Schedule::default()
    }
}

/// Pays a part outside, as a customer may at any time.
pub(crate) async fn pay(desk: &Desk, money: Option<Money>) {
    let outside = RecordOutsidePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay { invoice: desk.invoice.name.clone(), amount: None }],
        amount: money,
        reference: "Cash".into(),
        receive_date: None,
        ..Default::default()
    };
    desk.owner.payments().record_outside_payment(outside).await.unwrap();
}

pub(crate) async fn credit(desk: &Desk, money: Option<Money>) {
    let note = CreateCreditNoteRequest {
        request_id: request_id(),
        parent: desk.invoice.name.clone(),
        amount: money,
        explanation: "Goodwill".into(),
    };
    desk.owner.invoices().create_credit_note(note).await.unwrap();
}

/// Waits until a plan knows that so much is open.
pub(crate) async fn knows(session: &Session, name: &str, open: &Money) -> Plan {
    until(async || Ok(plan(session, name).await), |plan| plan.open.as_ref() == Some(open)).await
}

async fn what_happens_before_the_answer_counts(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    let staff = world.someone("STAFF", None);
    pay(&desk, amount("USD", 40, 0)).await;
    credit(&desk, amount("USD", 10, 0)).await;
    let now = knows(&staff, &plan.name, &usd(50, 0)).await;
    assert_eq!(
        (parts(&now), now.total.clone()),
        (parts(&plan), amount("USD", 100, 0)),
        "the offer stays as it was made"
    );
    let less = approve(&staff, &plan, amount("USD", 49, 99)).await.unwrap_err();
    assert_eq!(reason(&less), "PLAN_AMOUNT_CHANGED");
    let stale = ApprovePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        total_seen: plan.open.clone(),
        etag: plan.etag.clone(),
    };
    assert_eq!(reason(&staff.plans().approve_plan(stale).await.unwrap_err()), "ETAG_MISMATCH");
    // More was seen than is open: the last instalments are lowered.
    let active = approve(&staff, &plan, amount("USD", 100, 0)).await.unwrap();
    let (zero, due) = (usd(0, 0), |day: &str| day.to_owned());
    assert_eq!(
        parts(&active),
        [(due("2026-01-31"), usd(33, 34), zero.clone()), (due("2026-02-28"), usd(16, 66), zero)]
    );
    assert_eq!((active.open, active.total), (amount("USD", 50, 0), amount("USD", 50, 0)));
    invariants::hold(world).await;
    plans_agree(world).await;
}
