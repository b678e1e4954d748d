//! What is open again because money that had paid it is gone is collected again
//! (docs/domain/plans.md#instalment-open-again).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::{Attempt, Ended};
use crate::on_time::undecided;
use crate::{
    Plan, PlanState,
    life::{
        Evaluated, Figures,
        tests::{active, at, day, publish_figures, usd},
    },
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::UTC;
use payterms_kernel::ladder::Ladder;
use uuid::Uuid;

/// A plan whose first instalment of 33.34 was collected on its day; nothing else falls due before
/// 28 February.
fn collected() -> Plan {
    let (mut plan, due, id) = (active(), at(day("2026-01-31")), Uuid::from_u128(1));
    (0..3).for_each(|index| plan.announce(index, due));
    plan.collect(id, UTC, due).unwrap();
    publish_figures(&mut plan, 0, 666, 3_334, due);
    plan.attempt_ended(id, &Ended::Paid(usd(3_334)), due).unwrap();
    assert_eq!((plan.attempt.next_at, plan.due(day("2026-02-10"))), (None, Ok(usd(0))));
    plan
}

#[test]
fn an_unapplied_instalment_is_collected_the_day_after() {
    let mut plan = collected();
    let taken_at = at(day("2026-02-10"));
    plan.attempt.ladder.failed("declined", taken_at);
    publish_figures(&mut plan, 0, 4_000, 0, taken_at);
    assert_eq!(plan.attempt.next_at, Some(taken_at + TimeDelta::days(1)));
    assert_eq!(plan.attempt.ladder, Ladder::default(), "a new ladder");
    assert_eq!(plan.is_to_collect(day("2026-02-10"), taken_at), Ok(false));
    let next = taken_at + TimeDelta::days(1);
    plan.evaluate(UTC, taken_at).unwrap();
    assert_eq!(plan.next_evaluation(UTC), Some(next));
    assert_eq!(plan.evaluate(UTC, next), Ok(Evaluated::Collect));
    // Paid by hand meanwhile: no attempt is made.
    publish_figures(&mut plan, 0, 666, 3_334, next);
    assert_eq!(plan.is_to_collect(day("2026-02-11"), next), Ok(false));
    assert_eq!(
        (plan.next_try(), plan.falls_due_next()),
        (None, Some(day("2026-02-28"))),
        "nor told"
    );
}

#[test]
fn a_lost_instalment_is_tried_before_it_is_a_breach() {
    let mut plan = collected();
    plan.grace_days = 0;
    let lost_at = at(day("2026-02-10"));
    let covered = &plan.covered[0];
    let (invoice, due_on) = (covered.invoice, covered.due_on);
    let figures = Figures {
        open: usd(4_000),
        paid: usd(0),
        paid_by_day: Vec::new(),
        no_consequence_before: Some(day("2026-02-12")),
        due_on,
        revision: lost_at.timestamp(),
    };
    plan.follow(invoice, &figures, lost_at).unwrap();
    let notice_over = at(day("2026-02-12"));
    assert_eq!(
        plan.next_evaluation(UTC),
        Some(notice_over),
        "no sooner than anything follows from it"
    );
    assert_eq!(
        plan.evaluate(UTC, notice_over - TimeDelta::seconds(1)).map(|_| plan.state),
        Ok(PlanState::Active)
    );
    assert_eq!(plan.evaluate(UTC, notice_over), Ok(Evaluated::Collect));
    let id = Uuid::from_u128(2);
    plan.collect(id, UTC, notice_over).unwrap();
    plan.evaluate(UTC, notice_over).unwrap();
    assert_eq!(
        plan.state,
        PlanState::Active,
        "nobody is told that it is late while it is under way"
    );
    plan.attempt_ended(id, &Ended::Failed("declined".to_owned()), notice_over).unwrap();
    plan.evaluate(UTC, notice_over).unwrap();
    assert_eq!(plan.state, PlanState::Breached, "no days of grace");
}

/// Due on 31 January with five days of grace, disputed on 10 February, lost on the 12th: tried on
/// the 14th, and the 18th is its last day.
#[test]
fn the_day_on_which_a_plan_ends_is_not_known_while_its_instalment_is_disputed_and_true_afterwards()
{
    let mut plan = collected();
    let (disputed_at, lost_at, notice_over) =
        (at(day("2026-02-10")), at(day("2026-02-12")), at(day("2026-02-14")));
    let open_again = |plan: &mut Plan, until, now: DateTime<Utc>| {
        let (invoice, due_on) = (plan.covered[0].invoice, plan.covered[0].due_on);
        let (paid_by_day, revision) = (Vec::new(), now.timestamp());
        let figures = Figures {
            open: usd(4_000),
            paid: usd(0),
            paid_by_day,
            no_consequence_before: Some(until),
            due_on,
            revision,
        };
        plan.follow(invoice, &figures, now).unwrap();
        plan.evaluate(UTC, now).unwrap();
    };
    open_again(&mut plan, undecided(), disputed_at);
    assert_eq!((plan.breach_after(), plan.grace_end(), plan.next_try()), (None, None, None));
    open_again(&mut plan, day("2026-02-14"), lost_at);
    let this_day = Some(day("2026-02-18"));
    assert_eq!((plan.breach_after(), plan.next_try()), (this_day, Some(notice_over)));
    assert_eq!(plan.evaluate(UTC, notice_over), Ok(Evaluated::Collect));
    let id = Uuid::from_u128(2);
    plan.collect(id, UTC, notice_over).unwrap();
    plan.attempt_ended(id, &Ended::Failed("stolen_card".to_owned()), notice_over).unwrap();
    plan.evaluate(UTC, notice_over).unwrap();
    assert_eq!(
        (plan.state, plan.breach_after(), plan.grace_end()),
        (PlanState::InGrace, this_day, this_day)
    );
    plan.evaluate(UTC, at(day("2026-02-18"))).unwrap();
    assert_eq!(plan.state, PlanState::InGrace, "the last day is in time");
    plan.evaluate(UTC, at(day("2026-02-19"))).unwrap();
    assert_eq!(plan.state, PlanState::Breached);
}

#[test]
fn what_is_paid_by_the_try_of_the_day_was_never_late() {
    let (mut plan, first) = (active(), at(day("2026-01-31")));
    (0..3).for_each(|index| plan.announce(index, first));
    plan.collect(Uuid::from_u128(1), UTC, first).unwrap();
    plan.attempt_ended(Uuid::from_u128(1), &Ended::Failed("card_declined".to_owned()), first)
        .unwrap();
    let next = first + TimeDelta::days(1);
    assert_eq!(
        plan.evaluate(UTC, next),
        Ok(Evaluated::Collect),
        "at the beginning of the day on which it would be late"
    );
    plan.collect(Uuid::from_u128(2), UTC, next).unwrap();
    publish_figures(&mut plan, 0, 666, 3_334, next);
    plan.attempt_ended(Uuid::from_u128(2), &Ended::Paid(usd(3_334)), next).unwrap();
    plan.evaluate(UTC, next).unwrap();
    assert_eq!((plan.state, plan.missed_an_instalment()), (PlanState::Active, false));
}

#[test]
fn what_is_open_again_while_an_attempt_is_under_way_is_tried_after_it() {
    let mut plan = collected();
    let (id, second) = (Uuid::from_u128(3), at(day("2026-02-28")));
    plan.collect(id, UTC, second).unwrap();
    publish_figures(&mut plan, 0, 4_000, 0, second);
    let again = second + TimeDelta::days(1);
    // The debit takes days, in which the plan is evaluated.
    plan.evaluate(UTC, again + TimeDelta::days(1)).unwrap();
    plan.attempt_ended(id, &Ended::Paid(usd(3_333)), again + TimeDelta::days(1)).unwrap();
    publish_figures(&mut plan, 1, 2_667, 3_333, again + TimeDelta::days(1));
    assert_eq!(plan.attempt.next_at, Some(again));
    assert_eq!(
        plan.is_to_collect(day("2026-03-02"), again + TimeDelta::days(1)),
        Ok(true),
        "33.33 of 66.67 that are due"
    );
}

#[test]
fn a_credit_note_that_gives_money_back_plans_no_attempt() {
    let mut plan = collected();
    let noted_at = at(day("2026-02-10"));
    publish_figures(&mut plan, 1, 0, 0, noted_at);
    publish_figures(&mut plan, 0, 0, 2_000, noted_at + TimeDelta::seconds(1));
    assert_eq!(plan.attempt.next_at, None, "nothing of what is due is open");
}

#[test]
fn no_try_is_planned_after_the_day_on_which_the_plan_ends() {
    let (mut plan, first) = (active(), at(day("2026-01-31")));
    let failed = Ended::Failed("card_declined".to_owned());
    for (attempt, (days, next)) in
        [(0, Some(1)), (1, Some(3)), (3, Some(5)), (5, None)].into_iter().enumerate()
    {
        let now = first + TimeDelta::days(days);
        while plan.evaluate(UTC, now) != Ok(Evaluated::Collect) {}
        let id = Uuid::from_u128(attempt as u128 + 1);
        plan.collect(id, UTC, now).unwrap();
        assert_eq!(plan.attempt_ended(id, &failed, now), Ok(true));
        plan.evaluate(UTC, now).unwrap();
        assert_eq!(plan.breach_after(), Some(day("2026-02-05")), "{:?}", plan.state);
        assert_eq!(plan.attempt.next_at, next.map(|days| first + TimeDelta::days(days)));
    }
    let (today, now) = (day("2026-02-05"), at(day("2026-02-05")));
    assert_eq!(
        plan.try_new_method(now + TimeDelta::days(1), today, now),
        Ok(false),
        "the plan ends before"
    );
    let mut plan = Plan { attempt: Attempt { next_at: None, ..plan.attempt.clone() }, ..plan };
    let (today, now) = (day("2026-02-04"), at(day("2026-02-04")));
    assert_eq!(
        plan.try_new_method(now + TimeDelta::days(1), today, now),
        Ok(true),
        "on its last day"
    );
    plan.evaluate(UTC, at(day("2026-02-06"))).unwrap();
    assert_eq!((plan.state, plan.breach_after()), (PlanState::Breached, None));
}

/// Disputed before the first instalment is announced, and decided on 10 March: both that are due
/// are collected on the 11th.
#[test]
fn what_waited_is_planned_for_its_day_and_not_announced_for_one_that_is_over() {
    let mut plan = active();
    let (decided_at, day_after) = (at(day("2026-03-10")), at(day("2026-03-11")));
    plan.resume_from(undecided(), false, at(day("2026-01-20"))).unwrap();
    plan.evaluate(UTC, decided_at - TimeDelta::days(1)).unwrap();
    assert_eq!((plan.next_try(), plan.state), (None, PlanState::Active), "nobody knows when");
    assert_eq!(plan.resume_from(day("2026-03-11"), false, decided_at), Ok(true));
    assert_eq!(
        plan.evaluate(UTC, decided_at),
        Ok(Evaluated::Done),
        "the mail that names the day has announced it"
    );
    assert_eq!((plan.next_try(), plan.next_evaluation(UTC)), (Some(day_after), Some(day_after)));
    assert_eq!(plan.taken_on(day("2026-01-31")), day("2026-03-11"));
    assert_eq!(
        plan.taken_on(day("2026-03-31")),
        day("2026-03-31"),
        "what falls due later is taken then"
    );
    assert_eq!(plan.evaluate(UTC, day_after), Ok(Evaluated::Collect));
    plan.collect(Uuid::from_u128(1), UTC, day_after).unwrap();
    plan.evaluate(UTC, day_after).unwrap();
    assert_eq!(plan.next_try(), None, "it is under way");
    plan.collect_automatically = false;
    assert_eq!(
        plan.taken_on(day("2026-01-31")),
        day("2026-01-31"),
        "who pays by hand never waited"
    );
}
