//! On time by effective day: tables of what is missed, breaches that are disproved, plans that are
//! open again.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::tests::{
    active, at, block, by_hand, day, facts, publish_figures, publish_figures_of, settings,
    try_propose, usd, who,
};
use crate::{
    Plan, PlanSettings, PlanState, Schedule, Side, Verb, collection::Ended, life::Evaluated,
    plan::PendingTransition,
};
use chrono::TimeDelta;
use chrono_tz::UTC;
use payterms_kernel::Reason;

/// The verbs of all changes of state.
fn verbs(plan: &Plan) -> Vec<Verb> {
    plan.transitions.iter().map(|transition| transition.verb).collect()
}

/// A plan of 33.34 on 31 January and 33.33 each on 28 February and 31 March, breached on 6
/// February: the last day of grace was the fifth.
fn breached() -> Plan {
    let mut plan = by_hand();
    plan.evaluate(UTC, at(day("2026-02-01"))).unwrap();
    assert_eq!((plan.state, plan.grace_end()), (PlanState::InGrace, Some(day("2026-02-05"))));
    plan.evaluate(UTC, at(day("2026-02-06"))).unwrap();
    plan.lifted(at(day("2026-02-06")));
    plan.evaluate(UTC, at(day("2026-02-06"))).unwrap();
    assert_eq!(
        (plan.state, plan.breaches.count, plan.breaches.disproved),
        (PlanState::Breached, 1, false)
    );
    plan.transitions.clear();
    plan
}

/// The same plan of one who may not be late at all, on its first date.
fn strict() -> Plan {
    let settings = PlanSettings { grace_days: 0, ..settings() };
    let mut plan =
        try_propose(facts(&[4_000, 6_000]), Schedule::Monthly { count: 3, day: 31 }, &settings)
            .unwrap();
    let now = at(day("2026-01-02"));
    block(&mut plan, now);
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap();
    block(&mut plan, now);
    plan.collect_automatically = false;
    plan
}

#[test]
fn money_counts_by_its_day_and_the_last_day_of_grace_is_in_time() {
    for (cents, effective, missed) in [
        (3_334, "2026-01-20", false),
        (3_334, "2026-02-05", false),
        (3_334, "2026-02-06", true),
        (3_333, "2026-01-20", true),
        (4_000, "2026-02-05", false),
    ] {
        let mut plan = active();
        publish_figures_of(
            &mut plan,
            0,
            4_000 - cents,
            cents,
            day(effective),
            at(day("2026-02-08")),
        );
        assert_eq!(plan.was_missed_by(day("2026-02-05")), Ok(missed), "{cents} on {effective}");
        assert_eq!(plan.was_missed_by(day("2026-02-04")), Ok(false), "no days of grace are over");
    }
}

#[test]
fn a_payment_in_time_undoes_the_breach_whenever_it_is_known() {
    for (effective, state, count, missed) in [
        ("2026-01-31", PlanState::Active, 0, false),
        ("2026-02-05", PlanState::Active, 0, true),
        ("2026-02-06", PlanState::Breached, 1, true),
    ] {
        let (mut plan, now) = (breached(), at(day("2026-02-07")));
        publish_figures_of(&mut plan, 0, 0, 4_000, day(effective), now);
        plan.evaluate(UTC, now).unwrap();
        if matches!(plan.pending_transition, Some(PendingTransition::Block { .. })) {
            assert_eq!(
                (plan.state, plan.breaches.disproved),
                (PlanState::Breached, true),
                "its blocks come first"
            );
            block(&mut plan, now);
        }
        plan.evaluate(UTC, now).unwrap();
        assert_eq!(
            (plan.state, plan.breaches.count, plan.missed_an_instalment()),
            (state, count, missed),
            "{effective}"
        );
        assert_eq!(plan.breached_on.is_some(), state == PlanState::Breached);
    }
}

#[test]
fn a_breach_that_is_disproved_by_what_pays_all_ends_as_completed() {
    let (mut plan, now) = (breached(), at(day("2026-02-07")));
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now);
    plan.pending_transition = None;
    publish_figures_of(&mut plan, 1, 0, 6_000, day("2026-02-05"), now);
    plan.evaluate(UTC, now).unwrap();
    assert_eq!(
        (plan.state, plan.breaches.count, plan.breached_on),
        (PlanState::Completed, 0, None)
    );
    assert_eq!(verbs(&plan), [Verb::UndoBreach, Verb::Complete]);
}

#[test]
fn where_the_blocks_are_refused_a_person_decides() {
    let (mut plan, now) = (breached(), at(day("2026-02-07")));
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now);
    plan.evaluate(UTC, now).unwrap();
    plan.not_blocked(now);
    for _ in 0..3 {
        plan.evaluate(UTC, now).unwrap();
        assert_eq!((plan.state, &plan.pending_transition), (PlanState::Breached, &None));
        assert_eq!((plan.breaches.count, plan.breaches.disproved), (0, true));
    }
    // What disproved it is taken back: it stands again.
    publish_figures(&mut plan, 0, 4_000, 0, now + TimeDelta::days(1));
    plan.evaluate(UTC, now + TimeDelta::days(1)).unwrap();
    assert_eq!(
        (plan.breaches.count, plan.breaches.disproved, &plan.pending_transition),
        (1, false, &None)
    );
    // And it is disproved again: as something has changed, the blocks are tried again.
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now + TimeDelta::days(2));
    plan.evaluate(UTC, now + TimeDelta::days(2)).unwrap();
    assert!(matches!(
        plan.pending_transition,
        Some(PendingTransition::Block { verb: Verb::UndoBreach, .. })
    ));
}

#[test]
fn without_days_of_grace_a_breach_is_undone_once_and_not_made_again() {
    let (mut plan, first) = (strict(), at(day("2026-02-01")));
    plan.evaluate(UTC, first).unwrap();
    plan.lifted(first);
    assert_eq!(
        (plan.state, plan.breaches.last_day),
        (PlanState::Breached, Some(day("2026-01-31")))
    );
    plan.transitions.clear();
    // It becomes known in March only: the second instalment is late by then, and has a day of
    // grace.
    let march = at(day("2026-03-05"));
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-01-31"), march);
    for _ in 0..5 {
        plan.evaluate(UTC, march).unwrap();
        block(&mut plan, march);
        plan.lifted(march);
    }
    assert_eq!((plan.state, plan.breaches.count), (PlanState::InGrace, 0));
    assert_eq!(
        (verbs(&plan), plan.grace_end()),
        (vec![Verb::UndoBreach, Verb::Miss], Some(day("2026-03-05")))
    );
    for _ in 0..5 {
        plan.evaluate(UTC, at(day("2026-03-06"))).unwrap();
        plan.lifted(march);
    }
    assert_eq!((plan.state, plan.breaches.count), (PlanState::Breached, 1));
    assert_eq!(
        verbs(&plan),
        [Verb::UndoBreach, Verb::Miss, Verb::Breach],
        "the same payment disproves no second breach"
    );
    // On the day after its date is too late.
    let mut late = strict();
    late.evaluate(UTC, first).unwrap();
    late.lifted(first);
    publish_figures_of(&mut late, 0, 0, 4_000, day("2026-02-01"), first);
    late.evaluate(UTC, first).unwrap();
    assert_eq!((late.state, late.breaches.count), (PlanState::Breached, 1));
}

#[test]
fn what_was_paid_before_the_plan_counts_for_nothing() {
    let (mut plan, now) = (super::tests::proposed(), at(day("2026-01-02")));
    publish_figures_of(&mut plan, 1, 2_000, 4_000, day("2026-01-01"), now);
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap();
    block(&mut plan, now);
    assert_eq!(plan.offer.instalments[0].amount, usd(3_334));
    assert_eq!(plan.was_missed_by(day("2026-02-05")), Ok(true));
    publish_figures_of(&mut plan, 1, 0, 6_000, day("2026-01-20"), now);
    assert_eq!(plan.was_missed_by(day("2026-02-05")), Ok(true), "20.00 of 33.34");
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now);
    assert_eq!(plan.was_missed_by(day("2026-02-05")), Ok(false));
    // A payment from before the plan is taken back: it is owed in addition.
    publish_figures(&mut plan, 1, 6_000, 0, now + TimeDelta::days(1));
    assert_eq!(
        plan.was_missed_by(day("2026-02-05")),
        Ok(true),
        "40.00 are paid since, 40.00 from before are gone"
    );
}

/// The plan, paid in time and completed on 10 January.
fn completed() -> Plan {
    let (mut plan, now) = (active(), at(day("2026-01-10")));
    publish_figures(&mut plan, 0, 0, 4_000, now);
    publish_figures(&mut plan, 1, 0, 6_000, now);
    plan.evaluate(UTC, now).unwrap();
    plan.lifted(now);
    assert_eq!(plan.state, PlanState::Completed);
    plan.transitions.clear();
    plan
}

#[test]
fn a_payment_that_is_taken_back_opens_a_completed_plan_and_nothing_follows_before_the_third_day() {
    let (mut plan, now) = (completed(), at(day("2026-04-10")));
    plan.collect_automatically = false;
    plan.covered[1].no_consequence_before = Some(day("2026-04-13"));
    publish_figures(&mut plan, 1, 6_000, 0, now);
    plan.evaluate(UTC, now).unwrap();
    assert!(matches!(
        plan.pending_transition,
        Some(PendingTransition::Block { verb: Verb::Reopen, .. })
    ));
    block(&mut plan, now);
    plan.evaluate(UTC, now).unwrap();
    let unpaid: Vec<_> =
        plan.offer.instalments.iter().map(|instalment| instalment.unpaid().unwrap()).collect();
    assert_eq!(
        (plan.state, unpaid),
        (PlanState::Active, vec![usd(0), usd(2_667), usd(3_333)]),
        "what is open falls due as planned"
    );
    let third = at(day("2026-04-13"));
    (0..3).for_each(|index| plan.announce(index, now));
    assert_eq!(plan.next_evaluation(UTC), Some(third));
    plan.evaluate(UTC, third - TimeDelta::seconds(1)).unwrap();
    assert_eq!((plan.state, plan.missed_an_instalment()), (PlanState::Active, false));
    plan.evaluate(UTC, third).unwrap();
    assert_eq!((plan.state, plan.missed_an_instalment()), (PlanState::InGrace, true));
    assert_eq!(plan.grace_end(), Some(day("2026-04-17")));
}

/// One transfer paid both invoices: each is an event of its own when it is taken back.
#[test]
fn a_block_that_is_refused_because_more_was_taken_back_is_asked_for_again() {
    let (mut plan, now) = (completed(), at(day("2026-04-10")));
    publish_figures(&mut plan, 0, 4_000, 0, now);
    plan.evaluate(UTC, now).unwrap();
    assert_eq!(plan.covered[1].expected, usd(0), "the other invoice is paid, as far as is known");
    let later = now + TimeDelta::seconds(1);
    publish_figures(&mut plan, 1, 6_000, 0, later);
    plan.not_blocked(later);
    plan.evaluate(UTC, later).unwrap();
    assert!(matches!(
        plan.pending_transition,
        Some(PendingTransition::Block { verb: Verb::Reopen, .. })
    ));
    assert_eq!((plan.covered[0].expected, plan.covered[1].expected), (usd(4_000), usd(6_000)));
    plan.not_blocked(later);
    plan.evaluate(UTC, later).unwrap();
    assert_eq!(
        (plan.pending_transition.is_none(), plan.state),
        (true, PlanState::Completed),
        "nothing moved: a person decides"
    );
}

/// The payment that disproved one breach is taken back and booked anew: it disproves the next one
/// too.
#[test]
fn a_payment_that_is_matched_anew_disproves_another_breach() {
    let (mut plan, now) = (breached(), at(day("2026-02-07")));
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now);
    plan.evaluate(UTC, now).unwrap();
    assert!(plan.breaches.disproved);
    plan.not_blocked(now);
    publish_figures(&mut plan, 0, 4_000, 0, now + TimeDelta::seconds(1));
    plan.evaluate(UTC, now).unwrap();
    assert_eq!((plan.breaches.disproved, plan.breaches.count), (false, 1));
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), now + TimeDelta::seconds(2));
    plan.evaluate(UTC, now).unwrap();
    assert_eq!((plan.breaches.disproved, plan.breaches.count), (true, 0));
}

#[test]
fn a_plan_in_grace_is_not_breached_before_the_third_day_and_collects_nothing() {
    let (mut plan, due) = (active(), at(day("2026-01-31")));
    publish_figures(&mut plan, 0, 0, 4_000, at(day("2026-01-20")));
    plan.evaluate(UTC, due).unwrap();
    assert_eq!(plan.state, PlanState::Active);
    let now = at(day("2026-02-04"));
    plan.covered[0].no_consequence_before = Some(day("2026-02-07"));
    publish_figures(&mut plan, 0, 4_000, 0, now);
    for hour in 0..72 {
        plan.evaluate(UTC, now + TimeDelta::hours(hour)).unwrap();
        assert_eq!((plan.state, plan.attempt.under_way), (PlanState::Active, false), "{hour}");
    }
    let by_hand = plan.retry_attempt(uuid::Uuid::from_u128(1), day("2026-02-06"), now).unwrap_err();
    assert_eq!(by_hand.reason, Reason::COLLECTION_STATE, "its customer hears of it first");
    let third = at(day("2026-02-07"));
    assert_eq!(plan.evaluate(UTC, third), Ok(Evaluated::Collect), "it is tried before it is late");
    let id = uuid::Uuid::from_u128(1);
    plan.collect(id, UTC, third).unwrap();
    plan.attempt_ended(id, &Ended::Failed("card_declined".to_owned()), third).unwrap();
    plan.evaluate(UTC, third).unwrap();
    assert_eq!((plan.state, plan.grace_end()), (PlanState::InGrace, Some(day("2026-02-11"))));
}

#[test]
fn neither_a_breach_that_stands_nor_a_reversed_write_off_opens_a_completed_plan() {
    let (mut plan, now) = (breached(), at(day("2026-02-10")));
    publish_figures(&mut plan, 0, 0, 4_000, now);
    publish_figures(&mut plan, 1, 0, 6_000, now);
    plan.evaluate(UTC, now).unwrap();
    assert_eq!(plan.state, PlanState::Completed);
    publish_figures(&mut plan, 1, 6_000, 0, now + TimeDelta::days(1));
    plan.evaluate(UTC, now + TimeDelta::days(1)).unwrap();
    assert_eq!(
        (plan.state, &plan.pending_transition),
        (PlanState::Completed, &None),
        "its invoices are due by themselves"
    );
    let mut plan = active();
    publish_figures(&mut plan, 0, 0, 0, now);
    publish_figures(&mut plan, 1, 0, 0, now);
    plan.evaluate(UTC, now).unwrap();
    plan.lifted(now);
    assert_eq!(
        (plan.state, plan.must_have_something_open().unwrap_err().reason),
        (PlanState::Completed, Reason::PLAN_STATE)
    );
    publish_figures(&mut plan, 0, 4_000, 0, now + TimeDelta::days(1));
    plan.evaluate(UTC, now + TimeDelta::days(1)).unwrap();
    assert_eq!(
        (plan.state, &plan.pending_transition),
        (PlanState::Completed, &None),
        "nothing that had been paid is gone"
    );
}

#[test]
fn each_instalment_has_its_own_days_of_grace() {
    let settings = PlanSettings { grace_days: 10, ..settings() };
    let mut plan =
        try_propose(facts(&[4_000, 6_000]), Schedule::Weekly { count: 4, day: None }, &settings)
            .unwrap();
    let now = at(day("2026-01-01"));
    block(&mut plan, now);
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap();
    block(&mut plan, now);
    plan.collect_automatically = false;
    // On the 5th, 12th, 19th and 26th.
    plan.evaluate(UTC, at(day("2026-01-06"))).unwrap();
    assert_eq!(plan.grace_end(), Some(day("2026-01-15")));
    publish_figures(&mut plan, 0, 1_500, 2_500, at(day("2026-01-14")));
    plan.evaluate(UTC, at(day("2026-01-14"))).unwrap();
    assert_eq!(
        (plan.state, plan.grace_end()),
        (PlanState::InGrace, Some(day("2026-01-22"))),
        "the second was due on the 12th"
    );
    plan.evaluate(UTC, at(day("2026-01-22"))).unwrap();
    assert_eq!(plan.state, PlanState::InGrace);
    plan.evaluate(UTC, at(day("2026-01-23"))).unwrap();
    assert_eq!(
        (plan.state, plan.breaches.last_day),
        (PlanState::Breached, Some(day("2026-01-22")))
    );
}
