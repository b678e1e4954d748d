//! The edges of a plan's states: each is walked by what people and days do, and every other pair of
//! state and verb is refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::{EDGES, target};
use crate::{
    Actor, Plan, PlanState, Schedule, Side, Verb,
    life::{
        Evaluated, TIME_LIMIT,
        tests::{
            active, at, block, by_hand, day, proposed, publish_figures, publish_figures_of,
            settings, usd, who,
        },
    },
    plan::PendingTransition,
};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::UTC;
use payterms_kernel::Reason;
use std::collections::BTreeSet;

#[test]
fn every_edge_is_walked_and_every_other_is_refused() {
    let mut walked = 0;
    for state in PlanState::ALL {
        for verb in Verb::ALL {
            let mut plan = Plan { state, ..proposed() };
            plan.transitions.clear();
            let outcome = plan.go(verb, Actor::suite(), "why", at(day("2026-02-01")));
            if let Some(to) = target(state, verb) {
                assert_eq!(
                    (outcome, plan.state, plan.transitions.len()),
                    (Ok(()), to, 1),
                    "{state:?} {verb:?}"
                );
                walked += 1;
            } else {
                assert_eq!(
                    (outcome.unwrap_err().reason, plan.state, plan.transitions.len()),
                    (Reason::PLAN_STATE, state, 0),
                    "{state:?} {verb:?}"
                );
            }
        }
    }
    assert_eq!(walked, EDGES.len());
    assert_eq!(
        EDGES.iter().map(|edge| format!("{edge:?}")).collect::<BTreeSet<_>>().len(),
        EDGES.len()
    );
}

#[test]
fn what_people_and_days_do_walks_every_edge() {
    let (now, late) = (at(day("2026-01-03")), at(day("2026-02-01")));
    let mut plans = answered(now);
    plans.extend([
        cancelled_late(late),
        late_and_reinstated(late),
        paid(now),
        breached_wrongly_and_taken_back(late),
    ]);
    let transitions = plans.iter().flat_map(|plan| &plan.transitions);
    let seen: BTreeSet<_> =
        transitions.map(|edge| format!("{:?}", (edge.from, edge.verb, edge.to))).collect();
    let all: BTreeSet<_> = EDGES.iter().map(|edge| format!("{edge:?}")).collect();
    assert_eq!(seen, all);
}

fn counter(plan: &mut Plan, now: DateTime<Utc>) {
    let instead = Schedule::Weekly { count: 2, day: None };
    plan.offer_instead(instead, who(Side::Tenant), String::new(), &settings(), UTC, now).unwrap();
}

/// Proposals that are refused, withdrawn, left without an answer, or accepted and cancelled, with
/// and without a counter-offer.
fn answered(now: DateTime<Utc>) -> Vec<Plan> {
    let mut plans = Vec::new();
    for verb in [Verb::Refuse, Verb::Withdraw] {
        for countered in [false, true] {
            let mut plan = proposed();
            if countered {
                counter(&mut plan, now);
            }
            plan.end(verb, who(Side::Tenant), "why", now).unwrap();
            assert_eq!(plan.pending_transition, Some(PendingTransition::Lift));
            plans.push(plan);
        }
    }
    for countered in [false, true] {
        let mut plan = proposed();
        if countered {
            counter(&mut plan, now);
        }
        let by = plan.answer_by.unwrap();
        assert_eq!(
            (
                plan.evaluate(UTC, by - TimeDelta::seconds(1)),
                plan.transitions.last().map(|edge| edge.verb) == Some(Verb::Lapse)
            ),
            (Ok(Evaluated::Done), false)
        );
        plan.evaluate(UTC, by).unwrap();
        assert_eq!((plan.state, plan.explanation.as_str()), (PlanState::Lapsed, TIME_LIMIT));
        plans.push(plan);
    }
    let mut plan = proposed();
    counter(&mut plan, now);
    plan.decline_counter(who(Side::Customer), "", UTC, now).unwrap();
    counter(&mut plan, now);
    plan.accept(Verb::AcceptCounter, who(Side::Customer), usd(10_000), now).unwrap();
    block(&mut plan, now);
    plan.end(Verb::Cancel, who(Side::Tenant), "", now).unwrap();
    plans.push(plan);
    plans
}

fn cancelled_late(late: DateTime<Utc>) -> Plan {
    let mut plan = by_hand();
    plan.evaluate(UTC, late).unwrap();
    plan.end(Verb::Cancel, who(Side::Tenant), "", late).unwrap();
    plan
}

/// Late and paid, late and breached, reinstated, late again, and paid in the end.
fn late_and_reinstated(late: DateTime<Utc>) -> Plan {
    let mut plan = by_hand();
    plan.evaluate(UTC, late).unwrap();
    assert_eq!((plan.state, plan.grace_end()), (PlanState::InGrace, Some(day("2026-02-05"))));
    publish_figures(&mut plan, 0, 0, 4_000, late);
    plan.evaluate(UTC, late).unwrap();
    assert_eq!((plan.state, plan.grace_end()), (PlanState::Active, None));
    let march = at(day("2026-03-01"));
    plan.evaluate(UTC, march).unwrap();
    plan.evaluate(UTC, march + TimeDelta::days(5)).unwrap();
    assert_eq!(
        (plan.state, plan.pending_transition.clone()),
        (PlanState::Breached, Some(PendingTransition::Lift))
    );
    plan.lifted(march);
    plan.block_for(Verb::Reinstate, who(Side::Tenant), "", march).unwrap();
    block(&mut plan, march);
    assert_eq!(plan.state, PlanState::Active);
    plan.evaluate(UTC, march + TimeDelta::days(10)).unwrap();
    assert_eq!(
        (plan.state, plan.late_since),
        (PlanState::InGrace, Some(day("2026-03-11"))),
        "new days of grace"
    );
    plan.evaluate(UTC, march + TimeDelta::days(15)).unwrap();
    plan.lifted(march);
    publish_figures(&mut plan, 1, 0, 6_000, march + TimeDelta::days(16));
    plan.evaluate(UTC, march + TimeDelta::days(16)).unwrap();
    assert_eq!(
        (plan.state, &plan.pending_transition),
        (PlanState::Completed, &None),
        "its blocks have fallen before"
    );
    plan
}

fn paid(now: DateTime<Utc>) -> Plan {
    let mut plan = active();
    publish_figures(&mut plan, 0, 0, 4_000, now);
    publish_figures(&mut plan, 1, 0, 6_000, now);
    plan.evaluate(UTC, now).unwrap();
    assert_eq!(
        (plan.state, plan.pending_transition.clone()),
        (PlanState::Completed, Some(PendingTransition::Lift))
    );
    plan
}

/// Breached though it was paid in time, which is seen only afterwards, as its completion is; then
/// payments are taken back.
fn breached_wrongly_and_taken_back(late: DateTime<Utc>) -> Plan {
    let mut plan = by_hand();
    plan.evaluate(UTC, late).unwrap();
    plan.evaluate(UTC, late + TimeDelta::days(5)).unwrap();
    plan.lifted(late);
    publish_figures_of(&mut plan, 0, 0, 4_000, day("2026-02-05"), late + TimeDelta::days(6));
    plan.evaluate(UTC, late + TimeDelta::days(6)).unwrap();
    block(&mut plan, late + TimeDelta::days(6));
    publish_figures(&mut plan, 1, 0, 6_000, late + TimeDelta::days(7));
    plan.evaluate(UTC, late + TimeDelta::days(7)).unwrap();
    plan.lifted(late);
    // A dispute keeps the suite from reopening it, then nothing does.
    publish_figures(&mut plan, 1, 6_000, 0, late + TimeDelta::days(8));
    plan.evaluate(UTC, late + TimeDelta::days(8)).unwrap();
    plan.not_blocked(late + TimeDelta::days(8));
    plan.block_for(Verb::Reinstate, who(Side::Tenant), "", late + TimeDelta::days(9)).unwrap();
    block(&mut plan, late + TimeDelta::days(9));
    publish_figures(&mut plan, 1, 0, 6_000, late + TimeDelta::days(9));
    plan.evaluate(UTC, late + TimeDelta::days(9)).unwrap();
    plan.lifted(late);
    publish_figures(&mut plan, 0, 4_000, 0, late + TimeDelta::days(10));
    plan.evaluate(UTC, late + TimeDelta::days(10)).unwrap();
    block(&mut plan, late + TimeDelta::days(10));
    plan
}
