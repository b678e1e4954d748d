//! Plans against a simple model: whatever the order of payments, credit notes, days and answers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::{Evaluated, Figures};
use crate::{
    Actor, Covered, Invoice, Plan, PlanSettings, PlanState, Schedule, Side, Verb,
    collection::Ended,
    proposal::{Block, Facts, NewPlan, Proposal, propose},
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::UTC;
use payterms_kernel::{Currency, Id, Money, Reason, Refusal, dated};
use uuid::Uuid;

pub(crate) fn usd(cents: i64) -> Money {
    Money::from_micros(Currency::parse("USD").unwrap(), cents * 10_000)
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn at(day: NaiveDate) -> DateTime<Utc> {
    day.and_hms_opt(0, 0, 0).unwrap().and_utc()
}

pub(crate) fn who(side: Side) -> Actor {
    Actor { side, subject: side.name().to_owned() }
}

pub(crate) fn facts(cents: &[i64]) -> Vec<Facts> {
    let fact = |(index, cents): (usize, &i64)| Facts {
        covered: Covered {
            invoice: Id::from_uuid(Uuid::from_u128(index as u128 + 1)),
            number: format!("INV-{index}"),
            due_on: day("2026-01-10"),
            covered: usd(*cents),
            paid_before: usd(0),
            open: usd(*cents),
            paid: usd(0),
            paid_by_day: Vec::new(),
            no_consequence_before: None,
            expected: usd(*cents),
            revision: 0,
        },
        name: format!("invoices/{index}"),
        state: "OPEN".to_owned(),
        pending: usd(0),
        block: None,
        top_up: false,
        deferred: false,
        transfer_only: false,
        proposals: 0,
    };
    cents.iter().enumerate().map(fact).collect()
}

pub(crate) fn settings() -> PlanSettings {
    PlanSettings { allowed: true, ..PlanSettings::fresh() }
}

fn proposal(schedule: Schedule) -> Proposal {
    Proposal { schedule, collect_automatically: true, note: String::new() }
}

pub(crate) fn try_propose(
    facts: Vec<Facts>,
    schedule: Schedule,
    settings: &PlanSettings,
) -> Result<Plan, Refusal> {
    let today = day("2026-01-01");
    let new = NewPlan {
        id: Id::from_uuid(Uuid::from_u128(7)),
        customer: Id::from_uuid(Uuid::from_u128(8)),
        by: who(Side::Customer),
    };
    propose(new, facts, proposal(schedule), settings, today, at(today))
}

/// A plan of 100.00 in three from 31 January 2026, PENDING.
fn pending() -> Plan {
    try_propose(facts(&[4_000, 6_000]), Schedule::Monthly { count: 3, day: 31 }, &settings())
        .unwrap()
}

fn figures(plan: &Plan) -> Vec<(Id<Invoice>, Figures)> {
    plan.covered.iter().map(|invoice| (invoice.invoice, Figures::of(invoice))).collect()
}

pub(crate) fn block(plan: &mut Plan, now: DateTime<Utc>) {
    let figures = figures(plan);
    plan.blocked(&figures, UTC, now).unwrap();
}

pub(crate) fn proposed() -> Plan {
    let mut plan = pending();
    block(&mut plan, at(day("2026-01-01")));
    plan
}

pub(crate) fn active() -> Plan {
    let (mut plan, now) = (proposed(), at(day("2026-01-02")));
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap();
    block(&mut plan, now);
    plan
}

/// The same plan, whose customer pays each instalment.
pub(crate) fn by_hand() -> Plan {
    Plan { collect_automatically: false, ..active() }
}

fn amounts(plan: &Plan) -> Vec<(i64, i64)> {
    plan.offer
        .instalments
        .iter()
        .map(|instalment| (instalment.amount.micros() / 10_000, instalment.paid.micros() / 10_000))
        .collect()
}

/// What the world says of one invoice. What is paid more is paid today; what is paid less was paid
/// last.
pub(crate) fn publish_figures(
    plan: &mut Plan,
    index: usize,
    open: i64,
    paid: i64,
    now: DateTime<Utc>,
) {
    publish_figures_of(plan, index, open, paid, now.date_naive(), now);
}

/// The same; what is paid more is effective on a day.
pub(crate) fn publish_figures_of(
    plan: &mut Plan,
    index: usize,
    open: i64,
    paid: i64,
    on: NaiveDate,
    now: DateTime<Utc>,
) {
    let covered = &plan.covered[index];
    let (mut paid_by_day, more) =
        (covered.paid_by_day.clone(), usd(paid).minus(covered.paid).unwrap());
    if more.is_positive() {
        dated::add(&mut paid_by_day, on, more).unwrap();
    } else {
        dated::take(&mut paid_by_day, NaiveDate::MAX, more.negated()).unwrap();
    }
    let (invoice, due_on, no_consequence_before) =
        (covered.invoice, covered.due_on, covered.no_consequence_before);
    let (open, paid) = (usd(open), usd(paid));
    let figures = Figures {
        open,
        paid,
        paid_by_day,
        no_consequence_before,
        due_on,
        revision: now.timestamp(),
    };
    plan.follow(invoice, &figures, now).unwrap();
}

#[test]
fn all_reasons_come_at_once() {
    let mut wrong = facts(&[4_000, 6_000]);
    wrong[0].state = "PAID".to_owned();
    wrong[0].pending = usd(1);
    wrong[1].block = Some(Block { reason: "DISPUTED".to_owned(), owner: "a dispute".to_owned() });
    wrong[1].proposals = 2;
    wrong[1].covered.open = Money::from_micros(Currency::parse("EUR").unwrap(), 1_000_000);
    wrong[1].top_up = true;
    let strict = PlanSettings {
        allowed: false,
        kinds: Vec::new(),
        max_instalments: 2,
        max_days: 30,
        min_instalments: vec![usd(5_000)],
        ..settings()
    };
    let blocked = vec![Facts { block: wrong[1].block.clone(), ..facts(&[4_000]).remove(0) }];
    let refused =
        try_propose(blocked, Schedule::Monthly { count: 3, day: 3 }, &settings()).unwrap_err();
    let figures = vec![("block_reason", "DISPUTED".to_owned()), ("owner", "a dispute".to_owned())];
    assert_eq!((refused.reason, refused.metadata), (Reason::INVOICE_BLOCKED, figures));
    assert!(refused.message.ends_with(
        "is blocked: DISPUTED. Only the block's owner lifts it; propose the invoice after that."
    ));
    let refused = try_propose(wrong, Schedule::Monthly { count: 3, day: 3 }, &strict).unwrap_err();
    let mut names: Vec<_> = refused.conditions.iter().map(|condition| condition.name).collect();
    names.sort_unstable();
    let all = [
        "CURRENCY_MISMATCH",
        "DURATION_TOO_LONG",
        "FEATURE_DISABLED",
        "INSTALMENT_TOO_SMALL",
        "INVOICE_BLOCKED",
        "INVOICE_STATE",
        "KIND_NOT_ALLOWED",
        "PAYMENT_PENDING",
        "PROPOSAL_LIMIT",
        "TOO_MANY_INSTALMENTS",
        "TOP_UP_INVOICE",
    ];
    assert_eq!((refused.reason, names.as_slice()), (Reason::FEATURE_DISABLED, all.as_slice()));
    let soon =
        try_propose(facts(&[100]), Schedule::Deferral(day("2026-01-04")), &settings()).unwrap_err();
    assert_eq!((soon.reason, soon.conditions[0].name), (Reason::NOT_ELIGIBLE, "DATE_TOO_SOON"));
    assert!(try_propose(facts(&[100]), Schedule::Deferral(day("2026-01-05")), &settings()).is_ok());
    assert_eq!(
        try_propose(facts(&[100]), Schedule::Deferral(day("2026-01-01")), &settings())
            .unwrap_err()
            .reason,
        Reason::DATE_IN_PAST
    );
    let dust =
        try_propose(facts(&[2]), Schedule::Monthly { count: 3, day: 3 }, &settings()).unwrap_err();
    assert_eq!(dust.conditions[0].name, "INSTALMENT_TOO_SMALL", "a part of nothing is none");
}

#[test]
fn the_proposer_never_approves_and_what_was_seen_binds() {
    let now = at(day("2026-01-02"));
    let mut plan = proposed();
    assert_eq!(
        plan.accept(Verb::Approve, who(Side::Customer), usd(10_000), now).unwrap_err().reason,
        Reason::SEPARATION_OF_DUTIES
    );
    assert_eq!(
        plan.accept(Verb::Approve, who(Side::Tenant), usd(9_999), now).unwrap_err().reason,
        Reason::PLAN_AMOUNT_CHANGED
    );
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_001), now).unwrap();
    let busy = plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap_err();
    assert_eq!(busy.reason, Reason::CONCURRENT_UPDATE, "one answer at a time");
    // 40.00 were paid while the answer was on its way: the last instalments are lowered.
    publish_figures(&mut plan, 0, 0, 4_000, now);
    block(&mut plan, now);
    assert_eq!((plan.state, amounts(&plan)), (PlanState::Active, vec![(3_334, 0), (2_666, 0)]));
    let mut countered = proposed();
    let settings = settings();
    let instead = Schedule::Weekly { count: 2, day: None };
    countered
        .offer_instead(instead, who(Side::Tenant), String::new(), &settings, UTC, now)
        .unwrap();
    assert_eq!(
        countered
            .accept(Verb::AcceptCounter, who(Side::Tenant), usd(10_000), now)
            .unwrap_err()
            .reason,
        Reason::SEPARATION_OF_DUTIES
    );
}

#[test]
fn money_goes_to_the_earliest_and_credit_notes_lower_the_last() {
    let (mut plan, now) = (active(), at(day("2026-01-05")));
    assert_eq!(amounts(&plan), [(3_334, 0), (3_333, 0), (3_333, 0)]);
    publish_figures(&mut plan, 0, 0, 4_000, now);
    assert_eq!(amounts(&plan), [(3_334, 3_334), (3_333, 666), (3_333, 0)]);
    publish_figures(&mut plan, 1, 2_000, 0, now);
    assert_eq!(amounts(&plan), [(3_334, 3_334), (2_666, 666), (0, 0)], "40.00 are credited");
    publish_figures(&mut plan, 0, 4_000, 0, now);
    assert_eq!(amounts(&plan), [(3_334, 0), (2_666, 0), (0, 0)], "a payment is taken back");
    publish_figures(&mut plan, 1, 7_000, -1_000, now);
    assert_eq!(
        plan.offer
            .instalments
            .iter()
            .map(|instalment| instalment.unpaid().unwrap().micros())
            .sum::<i64>(),
        110_000_000
    );
    let older = Figures { revision: 0, ..figures(&plan)[0].1.clone() };
    assert_eq!(plan.follow(plan.covered[0].invoice, &older, now), Ok(false), "older news");
}

#[test]
fn a_try_ends_once_and_a_new_instalment_begins_a_new_ladder() {
    let (mut plan, first) = (active(), at(day("2026-01-31")));
    assert_eq!(plan.evaluate(UTC, at(day("2026-01-27"))), Ok(Evaluated::Done));
    assert_eq!(
        plan.evaluate(UTC, at(day("2026-01-28"))),
        Ok(Evaluated::Announce(0)),
        "three days before"
    );
    plan.announce(0, at(day("2026-01-28")));
    assert_eq!(plan.evaluate(UTC, first), Ok(Evaluated::Collect));
    let id = Uuid::from_u128(1);
    plan.collect(id, UTC, first).unwrap();
    assert_eq!(
        (plan.attempt.amount, plan.evaluate(UTC, first)),
        (33_340_000, Ok(Evaluated::Done)),
        "one at a time"
    );
    let failed = Ended::Failed("card_declined".to_owned());
    assert_eq!(
        plan.attempt_ended(Uuid::from_u128(9), &failed, first),
        Ok(false),
        "another try's end"
    );
    assert_eq!(plan.attempt_ended(id, &failed, first), Ok(true));
    assert_eq!(plan.attempt_ended(id, &failed, first), Ok(false));
    assert_eq!(
        (plan.attempt.next_at, plan.next_evaluation(UTC)),
        (Some(first + TimeDelta::days(1)), Some(first + TimeDelta::days(1)))
    );
    assert_eq!(plan.evaluate(UTC, first + TimeDelta::days(1)), Ok(Evaluated::Collect));
    assert_eq!(
        (plan.state, plan.attempt.under_way),
        (PlanState::Active, false),
        "it is tried before it is late"
    );
    plan.collect(Uuid::from_u128(2), UTC, first + TimeDelta::days(1)).unwrap();
    plan.evaluate(UTC, first + TimeDelta::days(30)).unwrap();
    assert_eq!(plan.state, PlanState::Active, "a try under way is waited for");
    let until = first + TimeDelta::days(40);
    plan.attempt_ended(Uuid::from_u128(2), &Ended::From(until), first).unwrap();
    assert_eq!((plan.attempt.next_at, plan.attempt.ladder.attempts), (Some(until), 1));
}

#[test]
fn who_must_be_told_first_is_not_late_meanwhile() {
    let strict = PlanSettings { grace_days: 0, ..settings() };
    let mut plan =
        try_propose(facts(&[4_000, 6_000]), Schedule::Monthly { count: 3, day: 31 }, &strict)
            .unwrap();
    let now = at(day("2026-01-30"));
    block(&mut plan, at(day("2026-01-01")));
    plan.answer_by = None;
    plan.accept(Verb::Approve, who(Side::Tenant), usd(10_000), now).unwrap();
    block(&mut plan, now);
    let (due, from) = (at(day("2026-01-31")), at(day("2026-02-02")));
    assert_eq!(plan.evaluate(UTC, due), Ok(Evaluated::Collect));
    plan.collect(Uuid::from_u128(1), UTC, due).unwrap();
    assert_eq!(plan.attempt.announced_at, None, "it was never told of");
    plan.attempt_ended(Uuid::from_u128(1), &Ended::From(from), due).unwrap();
    assert_eq!(plan.evaluate(UTC, due), Ok(Evaluated::Announce(0)));
    plan.announce(0, due);
    plan.evaluate(UTC, due + TimeDelta::days(1)).unwrap();
    assert_eq!(
        (plan.state, plan.next_evaluation(UTC)),
        (PlanState::Active, Some(from)),
        "the suite itself waits"
    );
    assert_eq!(plan.evaluate(UTC, from), Ok(Evaluated::Collect));
    plan.collect(Uuid::from_u128(2), UTC, from).unwrap();
    assert_eq!(plan.attempt.announced_at, Some(due));
    plan.attempt_ended(Uuid::from_u128(2), &Ended::Failed("no_account".to_owned()), from).unwrap();
    plan.evaluate(UTC, from).unwrap();
    assert_eq!(plan.state, PlanState::Breached, "no days of grace");
}
