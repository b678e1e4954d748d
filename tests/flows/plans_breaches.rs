//! Plans that are not paid in time: caught up within the days of grace, breached, ended or all due
//! at once, and reinstated.

use crate::{
    clocks::advance,
    collections::{DAY, Desk},
    invariants,
    invariants_of_plans::plans_agree,
    invoices::{draft, issued, line, read},
    mails::{mails, mails_of, text},
    months::remind,
    plans::{
        MIDNIGHT, allow, approve, deferral, knows, monthly, pay, plan, proposal, propose, usd,
        verbs,
    },
    plans_life::{active, shares},
    top_ups::card,
};
use payterms_proto::{
    google::r#type::Date,
    invoicing::v1::{MailKind, explain_invoice_response::Topic, invoice},
    plans::v1::{
        Plan, PlanSettings, ReinstatePlanRequest, RetryPlanCollectionRequest, plan::State,
        plan_settings::BreachConsequence,
    },
    wallet::v1::SetCollectionMethodRequest,
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both};

on_both!(
    what_is_declined_goes_through_grace_to_breach_and_back,
    a_late_payment_within_grace_goes_on,
    a_breach_that_ends_the_plan_leaves_due_dates,
    a_breach_that_accelerates_makes_all_due_at_once,
    a_breached_plan_with_a_paid_invoice_is_reinstated,
);

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
