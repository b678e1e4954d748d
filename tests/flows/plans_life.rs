//! How plans live: collected, paid early, tried again, cancelled; what is mailed, what shows.

use crate::{
    clocks::advance,
    collections::{DAY, Desk, START},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::read,
    mails::{mails, mails_of, text},
    months::remind,
    plans::{
        MIDNIGHT, allow, approve, credit, deferral, knows, monthly, parts, pay, plan, proposal,
        propose, proposed, usd, verbs,
    },
    top_ups::card,
};
use payterms_proto::{
    gateway::v1::GetAccountOverviewRequest,
    google::r#type::Date,
    invoicing::v1::{
        CreatePaymentRequest, InvoiceToPay, ListPaymentsRequest, MailKind, Payment, TenderToUse,
        tender_to_use::Source,
    },
    plans::v1::{
        CancelPlanRequest, ListPlansRequest, Plan, PlanSettings, RefusalBand,
        RetryPlanCollectionRequest,
        plan::{Reason, State},
    },
    wallet::v1::{SetCollectionMethodRequest, payment_method::Kind},
};
use payterms_suite::{
    client::{amount, request_id},
    shop,
};
use payterms_testkit::{World, on_both, reason};

on_both!(
    early_and_part_payments_go_to_the_earliest_and_credit_notes_lower_the_last,
    a_bank_account_is_told_and_waited_for,
    a_debit_that_fails_begins_the_days_of_grace,
    what_a_payment_under_way_pays_is_not_taken_again,
    cancelled_plans_let_reminders_go_on,
    a_new_method_is_tried_once_for_a_plan,
    plans_show_by_state_date_and_in_the_overview,
);

pub(crate) async fn active(world: &World, token: Option<&str>) -> (Desk, Plan) {
    let (desk, plan) = proposed(world, token).await;
    let active = approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    (desk, active)
}

async fn payments(desk: &Desk) -> Vec<Payment> {
    let list =
        ListPaymentsRequest { parent: desk.customer.clone(), page_size: 100, ..Default::default() };
    desk.owner.payments().list_payments(list).await.unwrap().into_inner().payments
}

/// Amounts and what is paid, in whole units and cents.
pub(crate) fn shares(plan: &Plan) -> Vec<(i64, i64)> {
    let cents = |amount: &payterms_proto::google::r#type::Money| {
        amount.units * 100 + i64::from(amount.nanos) / 10_000_000
    };
    parts(plan).iter().map(|(_, amount, paid)| (cents(amount), cents(paid))).collect()
}

async fn early_and_part_payments_go_to_the_earliest_and_credit_notes_lower_the_last(world: &World) {
    let (desk, plan) = active(world, Some("tok_visa")).await;
    pay(&desk, amount("USD", 40, 0)).await;
    let now = knows(&desk.admin, &plan.name, &usd(60, 0)).await;
    assert_eq!(shares(&now), [(3_334, 3_334), (3_333, 666), (3_333, 0)]);
    credit(&desk, amount("USD", 30, 0)).await;
    let now = knows(&desk.admin, &plan.name, &usd(30, 0)).await;
    assert_eq!(shares(&now), [(3_334, 3_334), (3_333, 666), (333, 0)]);
    // The first date passes: nothing is due of it. The second collects what is left of it.
    advance(world, MIDNIGHT + 40 * DAY).await;
    assert!(payments(&desk).await.iter().all(|payment| !payment.automatic));
    // The invoice fell due in January; its plan is kept, so it is not listed as past due.
    let january =
        text(&desk.owner, &mails_of(&desk.owner, MailKind::Statement, 1).await.remove(0)).await;
    assert!(
        january.contains("In a payment plan;")
            && january.contains("30.00\u{a0}USD open, paid by the plan"),
        "{january}"
    );
    assert!(!january.contains("Past due") && !january.contains("payment reference"), "{january}");
    advance(world, MIDNIGHT + 58 * DAY).await;
    let taken: Vec<_> =
        payments(&desk).await.into_iter().filter(|payment| payment.automatic).collect();
    assert_eq!(
        (taken.len(), taken[0].owner.as_str(), taken[0].tenders[0].amount.clone()),
        (1, plan.name.as_str(), amount("USD", 26, 67))
    );
    assert_eq!(
        shares(&self::plan(&desk.admin, &plan.name).await),
        [(3_334, 3_334), (3_333, 3_333), (333, 0)]
    );
    pay(&desk, None).await;
    knows(&desk.admin, &plan.name, &usd(0, 0)).await;
    advance(world, MIDNIGHT + 60 * DAY).await;
    assert_eq!(verbs(&desk.owner, &plan).await, ["SEND", "APPROVE", "COMPLETE"]);
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().block, None);
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

/// An instalment that could not be collected is tried once with another collection method, a day
/// later.
async fn a_new_method_is_tried_once_for_a_plan(world: &World) {
    let (desk, plan) = active(world, Some("tok_stolen")).await;
    let due = MIDNIGHT + 30 * DAY;
    advance(world, due).await;
    let stopped = self::plan(&desk.admin, &plan.name).await.collection.unwrap();
    assert_eq!((stopped.failure_reason.as_str(), stopped.next_attempt_time), ("stolen_card", None));
    let name = card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let point = SetCollectionMethodRequest { request_id: request_id(), name, ..Default::default() };
    desk.admin.methods().set_collection_method(point).await.unwrap();
    let mail = mails_of(&desk.owner, MailKind::CollectionPlanned, 1).await.remove(0);
    let words = text(&desk.owner, &mail).await;
    assert!(words.contains(&desk.invoice.number) && words.contains("33.34\u{a0}USD"), "{words}");
    assert!(words.contains("is charged to your card ending in 4242 from now on."), "{words}");
    advance(world, due + DAY + 60).await;
    assert_eq!(
        shares(&self::plan(&desk.admin, &plan.name).await),
        [(3_334, 3_334), (3_333, 0), (3_333, 0)]
    );
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

async fn a_bank_account_is_told_and_waited_for(world: &World) {
    let (desk, plan) = proposed(world, None).await;
    shop::save(&desk.admin, &world.suite.gateway, &desk.customer, Kind::BankDebit, "tok_bank")
        .await
        .unwrap()
        .unwrap();
    // Approved on the day before the first date: the notice is younger than two days when it is
    // due.
    advance(world, START + 13 * DAY).await;
    let withdraw = payterms_proto::plans::v1::WithdrawPlanRequest {
        request_id: request_id(),
        name: plan.name,
    };
    desk.admin.plans().withdraw_plan(withdraw).await.unwrap();
    let plan =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], deferral(2026, 1, 18)))
            .await
            .unwrap();
    advance(world, MIDNIGHT + 17 * DAY - 7_200).await;
    approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    advance(world, MIDNIGHT + 17 * DAY).await;
    mails_of(&desk.owner, MailKind::InstalmentDue, 1).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    let next = now.collection.unwrap().next_attempt_time.unwrap().seconds;
    assert!(
        payments(&desk).await.is_empty() && next >= MIDNIGHT + 19 * DAY - 7_200,
        "the customer is told two days ahead: {next}"
    );
    advance(world, MIDNIGHT + 19 * DAY).await;
    let debit = payments(&desk).await.remove(0);
    assert_eq!(
        (debit.state(), debit.owner.as_str()),
        (payterms_proto::invoicing::v1::payment::State::Processing, plan.name.as_str())
    );
    assert!(
        self::plan(&desk.admin, &plan.name).await.collection.unwrap().under_way,
        "its end is waited for"
    );
    advance(world, MIDNIGHT + 30 * DAY).await;
    let done = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(done.state(), State::Completed, "{:?}", done.collection);
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

async fn cancelled_plans_let_reminders_go_on(world: &World) {
    let (desk, plan) = active(world, None).await;
    remind(world, &[-3, 4]).await;
    // Due on 31 January; blocked from the first to the eleventh: before the due date that puts
    // nothing off.
    advance(world, MIDNIGHT + 10 * DAY + 3_600).await;
    let cancel = CancelPlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "By mistake.".into(),
    };
    let staff = world.someone("STAFF", None);
    let cancelled = staff.plans().cancel_plan(cancel).await.unwrap().into_inner().plan.unwrap();
    assert_eq!(cancelled.state(), State::Cancelled);
    mails_of(&desk.owner, MailKind::PlanCancelled, 1).await;
    advance(world, MIDNIGHT + 27 * DAY - 1).await;
    assert!(mails(&desk.owner, MailKind::Reminder).await.is_empty());
    advance(world, MIDNIGHT + 27 * DAY).await;
    mails_of(&desk.owner, MailKind::Reminder, 1).await;
    let over = RetryPlanCollectionRequest { request_id: request_id(), name: plan.name };
    assert_eq!(reason(&staff.plans().retry_plan_collection(over).await.unwrap_err()), "PLAN_STATE");
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn plans_show_by_state_date_and_in_the_overview(world: &World) {
    let (desk, plan) = active(world, None).await;
    let day = |day| Some(Date { year: 2026, month: 1, day });
    let of = async |states: &[State], next_due_from, next_due_to| {
        let states = states.iter().map(|state| i32::from(*state)).collect();
        let list = ListPlansRequest {
            parent: "tenants/acme".into(),
            states,
            next_due_from,
            next_due_to,
            ..Default::default()
        };
        desk.owner.plans().list_plans(list).await.unwrap().into_inner().plans.len()
    };
    assert_eq!(
        (
            of(&[State::Active], None, None).await,
            of(&[State::Proposed, State::Refused], None, None).await
        ),
        (1, 0)
    );
    assert_eq!(
        (
            of(&[], day(31), day(31)).await,
            of(&[], None, day(30)).await,
            of(&[], day(31), None).await
        ),
        (1, 0, 1)
    );
    let seen = GetAccountOverviewRequest { name: desk.customer.clone() };
    let seen = desk
        .admin
        .accounts()
        .get_account_overview(seen)
        .await
        .unwrap()
        .into_inner()
        .account_overview
        .unwrap();
    let next = seen.plans[0].next_instalment.clone().unwrap();
    assert_eq!((seen.plans.len(), next.due_date, next.amount), (1, day(31), amount("USD", 33, 34)));
    let stranger = world.customer("acme", "AU").await;
    let stranger = world.someone("MEMBER", Some(&stranger));
    let theirs = ListPlansRequest { parent: "tenants/acme".into(), ..Default::default() };
    assert_eq!(
        reason(&stranger.plans().list_plans(theirs).await.unwrap_err()),
        "RESOURCE_NOT_FOUND",
        "the tenant's list is not for customers"
    );
    let breachers = PlanSettings {
        refusal_band: Some(RefusalBand { amounts: Vec::new(), days_after_breach: 90 }),
        ..Default::default()
    };
    allow(&desk.owner, breachers, &["refusal_band"]).await;
    advance(world, MIDNIGHT + 40 * DAY).await;
    assert_eq!(self::plan(&desk.admin, &plan.name).await.state(), State::Breached);
    let again = propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], monthly(2, 31)))
        .await
        .unwrap();
    assert_eq!(
        (again.state(), again.reason(), again.explanation.as_str()),
        (State::Refused, Reason::Band, ""),
        "who breached a plan"
    );
    invariants::hold(world).await;
    plans_agree(world).await;
}

/// A plan of 100.00 on 10 January, collected from a bank account.
async fn debited(world: &World, token: &str) -> (Desk, Plan) {
    let desk = crate::collections::desk(world, None).await;
    shop::save(&desk.admin, &world.suite.gateway, &desk.customer, Kind::BankDebit, token)
        .await
        .unwrap()
        .unwrap();
    allow(&desk.owner, PlanSettings::default(), &[]).await;
    let plan =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], deferral(2026, 1, 10)))
            .await
            .unwrap();
    let active = approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    (desk, active)
}

async fn a_debit_that_fails_begins_the_days_of_grace(world: &World) {
    let (desk, plan) = Box::pin(debited(world, "tok_bank_refused")).await;
    let due = MIDNIGHT + 9 * DAY;
    advance(world, due + DAY).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), now.collection.unwrap().under_way),
        (State::Active, true),
        "a debit takes days: nobody is late"
    );
    advance(world, due + 5 * DAY).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(now.state(), State::InGrace, "{:?}", now.collection);
    assert_eq!(
        now.grace_end_date,
        Some(Date { year: 2026, month: 1, day: 16 }),
        "five days from the 12th, on which it failed"
    );
    mails_of(&desk.owner, MailKind::InstalmentFailed, 2).await; // and again a day after, refused likewise
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn what_a_payment_under_way_pays_is_not_taken_again(world: &World) {
    let (desk, plan) = active(world, Some("tok_visa")).await;
    let due = MIDNIGHT + 30 * DAY;
    advance(world, due - DAY).await;
    let announced = CreatePaymentRequest {
        request_id: request_id(),
        parent: desk.customer.clone(),
        invoices: vec![InvoiceToPay {
            invoice: desk.invoice.name.clone(),
            amount: amount("USD", 30, 0),
        }],
        tenders: vec![TenderToUse { source: Some(Source::BankTransfer(true)), amount: None }],
        ..Default::default()
    };
    desk.admin.payments().create_payment(announced).await.unwrap();
    advance(world, due).await;
    let taken: Vec<_> =
        payments(&desk).await.into_iter().filter(|payment| payment.automatic).collect();
    let sums: Vec<_> =
        taken.iter().map(|payment| payment.tenders[0].amount.clone().unwrap()).collect();
    assert_eq!(sums, [usd(3, 34)], "what is due, less what is on its way");
    let now = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        now.collection.unwrap().next_attempt_time.unwrap().seconds,
        due + DAY,
        "how the transfer ends is seen tomorrow"
    );
    invariants::hold(world).await;
    plans_agree(world).await;
}
