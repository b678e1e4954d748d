//! Random stories of a plan against a simple model: whatever the order of payments, credit notes,
//! days, jobs and answers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use super::{
    Evaluated,
    tests::{at, block, day, proposed, publish_figures_of, settings, usd, who},
};
use crate::{Plan, PlanState, Schedule, Side, Verb, collection::Ended, plan::PendingTransition};
use chrono::{DateTime, Days, TimeDelta, Utc};
use chrono_tz::UTC;
use proptest::prelude::*;
use uuid::Uuid;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// What, and how many days ago the bank had booked it.
    Pay(usize, i64, i64),
    Credit(usize, i64),
    TakeBack(usize, i64),
    Repeat(usize),
    Days(u64),
    TryEnds(bool),
    Approve,
    Counter,
    Accept,
    Decline,
    Refuse,
    Reinstate,
    Lifted,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        4 => (0..2_usize, 1..4_000_i64, 0..9_i64).prop_map(|(index, cents, ago)| Event::Pay(index, cents, ago)),
        2 => (0..2_usize, 1..2_000_i64).prop_map(|(index, cents)| Event::Credit(index, cents)),
        1 => (0..2_usize, 1..3_000_i64).prop_map(|(index, cents)| Event::TakeBack(index, cents)),
        1 => (0..2_usize).prop_map(Event::Repeat),
        6 => (0..9_u64).prop_map(Event::Days),
        2 => any::<bool>().prop_map(Event::TryEnds),
        4 => Just(Event::Approve),
        1 => Just(Event::Counter),
        1 => Just(Event::Accept),
        1 => Just(Event::Decline),
        1 => Just(Event::Refuse),
        1 => Just(Event::Reinstate),
        3 => Just(Event::Lifted),
    ];
    prop::collection::vec(event, 1..70)
}

/// What invoicing knows: paid, credited, total of each invoice in cents.
struct World {
    invoices: [(i64, i64, i64); 2],
    now: DateTime<Utc>,
    ago: i64,
    tries: u128,
}

impl World {
    fn open(&self, index: usize) -> i64 {
        let (paid, credited, total) = self.invoices[index];
        total - paid - credited
    }

    fn publish_figures(&self, plan: &mut Plan, index: usize) {
        let on = (self.now - TimeDelta::days(self.ago)).date_naive();
        publish_figures_of(plan, index, self.open(index), self.invoices[index].0, on, self.now);
    }

    fn happens(&mut self, plan: &mut Plan, event: &Event) {
        let (now, settings) = (self.now, settings());
        match *event {
            Event::Pay(index, cents, ago) => {
                self.invoices[index].0 += cents.min(self.open(index));
                self.ago = ago;
            }
            Event::Credit(index, cents) => self.invoices[index].1 += cents.min(self.open(index)),
            Event::TakeBack(index, cents) => {
                self.invoices[index].0 -= cents.min(self.invoices[index].0);
            }
            Event::Days(days) => self.now += TimeDelta::days(i64::try_from(days).unwrap()),
            Event::TryEnds(well) => {
                let ended = if well {
                    Ended::Paid(usd(plan.attempt.amount / 10_000))
                } else {
                    Ended::Failed("declined".to_owned())
                };
                if let Some(id) = plan.attempt.id {
                    plan.attempt_ended(id, &ended, now).unwrap();
                }
            }
            Event::Approve => drop(plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now)),
            Event::Counter => {
                let instead = Schedule::Weekly { count: 4, day: None };
                drop(plan.offer_instead(
                    instead,
                    who(Side::Tenant),
                    String::new(),
                    &settings,
                    UTC,
                    now,
                ));
            }
            Event::Accept => {
                drop(plan.accept(Verb::AcceptCounter, who(Side::Customer), usd(10_000), now));
            }
            Event::Decline => drop(plan.decline_counter(who(Side::Customer), "", UTC, now)),
            Event::Refuse => drop(plan.end(Verb::Refuse, who(Side::Tenant), "", now)),
            Event::Reinstate => drop(plan.block_for(Verb::Reinstate, who(Side::Tenant), "", now)),
            Event::Lifted => plan.lifted(now),
            Event::Repeat(_) => {}
        }
        if let Event::Pay(index, ..)
        | Event::Credit(index, _)
        | Event::TakeBack(index, _)
        | Event::Repeat(index) = *event
        {
            self.publish_figures(plan, index);
        }
        if matches!(plan.pending_transition, Some(PendingTransition::Block { .. })) {
            // What invoicing sees under its locks.
            (0..2).for_each(|index| self.publish_figures(plan, index));
            block(plan, now);
        }
        while plan.pending_transition.is_none()
            && plan.next_evaluation(UTC).is_some_and(|next| next <= self.now)
        {
            match plan.evaluate(UTC, self.now).unwrap() {
                Evaluated::Announce(index) => plan.announce(index, self.now),
                Evaluated::Collect => {
                    self.tries += 1;
                    plan.collect(Uuid::from_u128(self.tries), UTC, self.now).unwrap();
                }
                Evaluated::Done => {}
            }
        }
        plan.evaluate(UTC, self.now).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    /// I21 to I23 and the days of grace, after each step.
    #[test]
    fn a_plan_follows_its_invoices_whatever_the_order(events in events()) {
        let start = at(day("2026-01-01"));
        let mut world = World { invoices: [(0, 0, 4_000), (0, 0, 6_000)], now: start, ago: 0, tries: 0 };
        let mut plan = proposed();
        for event in &events {
            let before = plan.state;
            world.happens(&mut plan, event);
            let open = world.open(0) + world.open(1);
            prop_assert_eq!(plan.open().unwrap(), usd(open));
            let parts = &plan.offer.instalments;
            prop_assert!(parts.windows(2).all(|pair| pair[0].due_on < pair[1].due_on));
            if plan.state.is_running() || matches!(plan.state, PlanState::Breached | PlanState::Completed) {
                let unpaid: i64 = parts.iter().map(|instalment| instalment.unpaid().unwrap().micros()).sum();
                if plan.state != PlanState::Completed {
                    prop_assert_eq!(unpaid, usd(open).micros(), "{:?}", event);
                }
                // The earliest are paid first: behind one that is not wholly paid nothing is.
                let first = parts.iter().position(|instalment| instalment.paid != instalment.amount).unwrap_or(parts.len());
                prop_assert!(parts.iter().skip(first + 1).all(|instalment| instalment.paid.is_zero()));
                prop_assert!(parts.iter().all(|instalment| !instalment.amount.is_negative() && !instalment.paid.is_negative()));
            }
            let today = world.now.date_naive();
            let late = parts.iter().any(|instalment| instalment.due_on < today && instalment.paid != instalment.amount);
            match plan.state {
                PlanState::Active => prop_assert!(open > 0 && (!late || plan.is_collecting())),
                PlanState::InGrace => {
                    let last = plan.late_since.unwrap() + Days::new(u64::from(plan.grace_days));
                    prop_assert!(open > 0 && late && (today < last || plan.is_collecting() || plan.reinstated_on == Some(today)));
                }
                PlanState::Proposed | PlanState::Countered => prop_assert!(open > 0 && plan.answer_by.unwrap() > world.now),
                PlanState::Breached => {
                    prop_assert!(open > 0 || plan.pending_transition.is_some());
                    let last_day = plan.breaches.last_day.unwrap();
                    let stands = plan.pending_transition == Some(PendingTransition::Lift) || plan.was_missed_by(last_day).unwrap();
                    prop_assert!(stands || plan.breaches.disproved, "what is disproved is undone");
                    prop_assert!(!plan.breaches.disproved || plan.pending_transition.is_some());
                }
                _ => {}
            }
            prop_assert!(before == plan.state || !plan.transitions.is_empty());
            let [breaches, undone] =
                [Verb::Breach, Verb::UndoBreach].map(|verb| plan.transitions.iter().filter(|taken| taken.verb == verb).count());
            prop_assert!(undone <= breaches && plan.transitions.len() <= 4 * events.len() + 4, "nothing goes round");
            for pair in plan.transitions.windows(2) {
                prop_assert_eq!(pair[0].to, pair[1].from);
            }
        }
    }
}
