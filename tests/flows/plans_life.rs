//! How plans live: collected, paid early, late, breached, reinstated, cancelled; what is mailed,
//! what shows.

use crate::{
    clocks::advance,
    collections::{DAY, Desk, START},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::{draft, issued, line, read},
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
        explain_invoice_response::Topic, invoice, tender_to_use::Source,
    },
    plans::v1::{
        CancelPlanRequest, ListPlansRequest, Plan, PlanSettings, RefusalBand, ReinstatePlanRequest,
        RetryPlanCollectionRequest,
        plan::{Reason, State},
        plan_settings::BreachConsequence,
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
    what_is_declined_goes_through_grace_to_breach_and_back,
    a_late_payment_within_grace_goes_on,
    a_breach_that_ends_the_plan_leaves_due_dates,
    a_breach_that_accelerates_makes_all_due_at_once,
    a_bank_account_is_told_and_waited_for,
    a_debit_that_fails_begins_the_days_of_grace,
    what_a_payment_under_way_pays_is_not_taken_again,
    a_breached_plan_with_a_paid_invoice_is_reinstated,
    cancelled_plans_let_reminders_go_on,
    a_new_method_is_tried_once_for_a_plan,
    plans_show_by_state_date_and_in_the_overview,
);

async fn active(world: &World, token: Option<&str>) -> (Desk, Plan) {
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
fn shares(plan: &Plan) -> Vec<(i64, i64)> {
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

pub(crate) async fn what_is_declined_goes_through_grace_to_breach_and_back(world: &World) {
    let (desk, plan) = active(world, Some("tok_declined")).await;
    remind(world, &[-3, 0, 4]).await;
    // 31 January is the thirtieth day after the first.
    let due = MIDNIGHT + 30 * DAY;
    advance(world, due - 3 * DAY).await;
    let explained = async || {
        desk.explained().await.into_iter().find(|(topic, ..)| *topic == Topic::Collection).unwrap()
    };
    let (_, sentence, at) = explained().await;
    assert!(
        sentence.contains("instalment of 33.34 USD is collected from the customer's collection method on 2026-01-31") && at == Some(due),
        "{sentence}"
    );
    let this_mail = mails_of(&desk.owner, MailKind::InstalmentDue, 1).await.remove(0);
    assert!(
        this_mail.subject.contains("33.34")
            && text(&desk.owner, &this_mail).await.contains("31 January 2026"),
        "{this_mail:?}"
    );
    advance(world, due).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    let collection = now.collection.clone().unwrap();
    assert_eq!(
        (now.state(), collection.failed_attempt_count, collection.failure_reason.as_str()),
        (State::Active, 1, "card_declined")
    );
    advance(world, due + DAY).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), now.grace_end_date),
        (State::InGrace, Some(Date { year: 2026, month: 2, day: 5 }))
    );
    assert_eq!(now.collection.unwrap().failed_attempt_count, 2);
    let (_, sentence, at) = explained().await;
    assert!(
        sentence.starts_with("2 tries")
            && sentence.ends_with("It is tried again on 2026-02-03.")
            && at == Some(due + 3 * DAY),
        "{sentence}"
    );
    let ends = desk
        .explained()
        .await
        .into_iter()
        .find(|(_, sentence, _)| sentence.contains("unpaid after 2026-02-05"))
        .unwrap();
    assert_eq!(ends.2, Some(due + 6 * DAY), "when the plan ends");
    mails_of(&desk.owner, MailKind::PlanLate, 1).await;
    assert!(
        mails(&desk.owner, MailKind::Reminder).await.is_empty(),
        "a blocked invoice is not reminded"
    );
    let retry = RetryPlanCollectionRequest { request_id: request_id(), name: plan.name.clone() };
    let tried =
        desk.admin.plans().retry_plan_collection(retry).await.unwrap().into_inner().plan.unwrap();
    assert!(tried.collection.unwrap().under_way);
    grace_ends_in_breach(world, &desk, &plan, due).await;
    a_reinstated_plan_is_kept(world, &desk, &plan, due).await;
    invariants::hold(world).await;
    plans_agree(world).await;
    invariants::books_agree(world).await;
}

/// The plan ends with the days of grace, with one mail for each try and reminders from the breach
/// on.
async fn grace_ends_in_breach(world: &World, desk: &Desk, plan: &Plan, due: i64) {
    advance(world, due + 6 * DAY - 1).await;
    assert_eq!(self::plan(&desk.admin, &plan.name).await.state(), State::InGrace);
    advance(world, due + 6 * DAY).await;
    let breached = self::plan(&desk.admin, &plan.name).await;
    let day = Some(Date { year: 2026, month: 2, day: 6 });
    assert_eq!((breached.state(), breached.due_at_once_date), (State::Breached, day));
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().block, None);
    let breach = mails_of(&desk.owner, MailKind::PlanBreached, 1).await.remove(0);
    assert!(text(&desk.owner, &breach).await.contains("due at once"));
    // On days 0 and 1, by hand for the third, and on 5: another try would come after the plan's
    // end, so none is promised.
    let failed = mails_of(&desk.owner, MailKind::InstalmentFailed, 4).await;
    let words = futures::future::join_all(failed.iter().map(|mail| text(&desk.owner, mail))).await;
    assert!(
        words.iter().all(|text| text.contains("not paid by 5 February 2026, the plan ends")),
        "{words:?}"
    );
    assert_eq!(
        words.iter().filter(|text| text.contains("We will not try again. Please pay now.")).count(),
        1,
        "{words:?}"
    );
    assert!(words.iter().all(|text| !text.contains("try again on 7 February")), "{words:?}");
    // Reminders start again from the breach: what lay before it is not made up.
    advance(world, due + 6 * DAY + 3_600).await;
    mails_of(&desk.owner, MailKind::Reminder, 1).await;
    advance(world, due + 9 * DAY).await;
    mails_of(&desk.owner, MailKind::Reminder, 1).await;
}

/// It goes on where it stood: tried, late, and caught up by another card.
async fn a_reinstated_plan_is_kept(world: &World, desk: &Desk, plan: &Plan, due: i64) {
    let again = ReinstatePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: "Once more.".into(),
    };
    let reinstated = world
        .someone("STAFF", None)
        .plans()
        .reinstate_plan(again)
        .await
        .unwrap()
        .into_inner()
        .plan
        .unwrap();
    assert_eq!(reinstated.state(), State::Active, "it is tried before it is late");
    advance(world, due + 9 * DAY + 1).await;
    let late = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (late.state(), late.grace_end_date),
        (State::InGrace, Some(Date { year: 2026, month: 2, day: 13 }))
    );
    let name = card(world, &desk.admin, &desk.customer, "tok_visa").await;
    let point = SetCollectionMethodRequest { request_id: request_id(), name, ..Default::default() };
    desk.admin.methods().set_collection_method(point).await.unwrap();
    advance(world, due + 11 * DAY).await;
    let now = self::plan(&desk.admin, &plan.name).await;
    assert_eq!(
        (now.state(), shares(&now)[0]),
        (State::Active, (3_334, 3_334)),
        "{:?}",
        now.collection
    );
    advance(world, MIDNIGHT + 89 * DAY).await;
    let taken = verbs(&desk.owner, plan).await;
    assert_eq!(
        taken,
        ["SEND", "APPROVE", "MISS", "BREACH", "REINSTATE", "MISS", "CATCH_UP", "COMPLETE"]
    );
    assert_eq!(read(&desk.owner, &desk.invoice.name).await.unwrap().state(), invoice::State::Paid);
    mails_of(&desk.owner, MailKind::PlanCompleted, 1).await;
    mails_of(&desk.owner, MailKind::PlanResumed, 2).await;
}

async fn a_late_payment_within_grace_goes_on(world: &World) {
    let (desk, plan) = active(world, None).await;
    advance(world, MIDNIGHT + 32 * DAY).await;
    for kind in [MailKind::PlanApproved, MailKind::InstalmentDue] {
        let words = text(&desk.owner, &mails_of(&desk.owner, kind, 1).await.remove(0)).await;
        assert!(
            words.contains("no saved payment method can be used")
                && !words.contains("taken from your saved"),
            "{words}"
        );
    }
    assert_eq!(self::plan(&desk.admin, &plan.name).await.state(), State::InGrace);
    pay(&desk, amount("USD", 33, 33)).await;
    assert_eq!(
        knows(&desk.admin, &plan.name, &usd(66, 67)).await.state(),
        State::InGrace,
        "a cent is late"
    );
    pay(&desk, amount("USD", 0, 1)).await;
    assert_eq!(knows(&desk.admin, &plan.name, &usd(66, 66)).await.state(), State::Active);
    advance(world, MIDNIGHT + 50 * DAY).await;
    assert_eq!(self::plan(&desk.admin, &plan.name).await.state(), State::Active);
    invariants::hold(world).await;
    plans_agree(world).await;
}

async fn breached_early(world: &World, consequence: BreachConsequence) -> (Option<Date>, Plan) {
    let desk = crate::collections::desk(world, None).await;
    let settings = PlanSettings {
        breach_consequence: consequence.into(),
        grace_days: 0,
        ..PlanSettings::default()
    };
    allow(&desk.owner, settings, &["breach_consequence", "grace_days"]).await;
    let plan =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice], deferral(2026, 1, 10)))
            .await
            .unwrap();
    approve(&world.someone("STAFF", None), &plan, plan.open.clone()).await.unwrap();
    advance(world, MIDNIGHT + 10 * DAY).await;
    let invoice = read(&desk.owner, &desk.invoice.name).await.unwrap();
    assert_eq!(invoice.block, None);
    invariants::hold(world).await;
    plans_agree(world).await;
    (invoice.due_date, self::plan(&desk.admin, &plan.name).await)
}

async fn a_breach_that_ends_the_plan_leaves_due_dates(world: &World) {
    let (due, plan) = Box::pin(breached_early(world, BreachConsequence::End)).await;
    assert_eq!(
        (plan.state(), plan.due_at_once_date),
        (State::Breached, None),
        "no days of grace: late is breached"
    );
    assert_eq!(due, Some(Date { year: 2026, month: 1, day: 31 }));
}

async fn a_breach_that_accelerates_makes_all_due_at_once(world: &World) {
    let (due, plan) = Box::pin(breached_early(world, BreachConsequence::Accelerate)).await;
    let day = Some(Date { year: 2026, month: 1, day: 11 });
    assert_eq!((plan.state(), plan.due_at_once_date, due), (State::Breached, day, day));
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
    shop::save(&desk.admin, &world.suite.gateway, &desk.customer, (Kind::BankDebit, "tok_bank"))
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
    shop::save(&desk.admin, &world.suite.gateway, &desk.customer, (Kind::BankDebit, token))
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

async fn a_breached_plan_with_a_paid_invoice_is_reinstated(world: &World) {
    let desk = crate::collections::desk(world, None).await;
    let settings = PlanSettings { grace_days: 0, ..PlanSettings::default() };
    allow(&desk.owner, settings, &["grace_days"]).await;
    let first = issued(
        &desk.owner,
        draft(&desk.customer, "USD", vec![line("First", amount("USD", 20, 0))]),
    )
    .await;
    let plan =
        propose(&desk.admin, proposal(&desk.customer, &[&desk.invoice, &first], monthly(2, 15)))
            .await
            .unwrap();
    let staff = world.someone("STAFF", None);
    approve(&staff, &plan, plan.open.clone()).await.unwrap();
    pay(&Desk { invoice: first.clone(), ..desk.clone() }, None).await;
    knows(&staff, &plan.name, &usd(100, 0)).await;
    advance(world, MIDNIGHT + 15 * DAY).await;
    assert_eq!(self::plan(&staff, &plan.name).await.state(), State::Breached);
    plans_agree(world).await;
    let again = ReinstatePlanRequest {
        request_id: request_id(),
        name: plan.name.clone(),
        explanation: String::new(),
    };
    staff.plans().reinstate_plan(again).await.unwrap();
    advance(world, MIDNIGHT + 15 * DAY + 1).await;
    let back = self::plan(&staff, &plan.name).await;
    assert_eq!(
        (back.state(), back.grace_end_date),
        (State::InGrace, Some(Date { year: 2026, month: 1, day: 16 })),
        "one day at least"
    );
    plans_agree(world).await;
    advance(world, MIDNIGHT + 16 * DAY).await;
    assert_eq!(self::plan(&staff, &plan.name).await.state(), State::Breached);
    pay(&desk, None).await;
    knows(&staff, &plan.name, &usd(0, 0)).await;
    let done = crate::rig::until(
        async || Ok(self::plan(&staff, &plan.name).await),
        |plan| plan.state() == State::Completed,
    )
    .await;
    assert_eq!(done.next_instalment, None);
    invariants::hold(world).await;
    plans_agree(world).await;
}
