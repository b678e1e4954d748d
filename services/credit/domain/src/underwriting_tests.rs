//! Policies, decisions, bank data and applications, by tables and properties.

use crate::{
    Application, ApplicationState, BankLink, Feature, Features, FileKind, LinkState, Outcome,
    Policy, PolicyState, Programme, ProgrammeState,
    application::{cool_down, must_be_eligible},
    bank::BankData,
    decision::decide,
    policy::{Bin, Condition, Op, Terms},
    programme::Customer,
    standard,
};
use chrono::{DateTime, Days, TimeDelta, Utc};
use payterms_kernel::{Currency, Id, Money, Reason, calendar::PaymentTerm};
use proptest::prelude::*;
use uuid::Uuid;

const UNIT: i64 = 1_000_000;

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn draft(terms: Terms) -> Policy {
    Policy {
        id: Id::from_uuid(Uuid::nil()),
        title: "Ours".into(),
        state: PolicyState::Draft,
        currency: usd(),
        number: 0,
        terms,
        cases: standard::cases(),
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        published_at: None,
    }
}

#[test]
fn above_what_is_offered_at_once_a_person_decides_on_the_rest() {
    let features = standard::cases()[0].features.clone();
    let with = |feature, value| {
        features.clone().into_iter().chain([(feature, value)]).collect::<Features>()
    };
    let large = with(Feature::MonthlyInflow, 123_456 * UNIT);
    let limits = |terms: &Terms, features: &Features, cap: i64| {
        let made = decide(terms, features, cap * UNIT);
        (made.outcome, made.limit / UNIT, made.advised / UNIT)
    };
    let terms = standard::terms();
    assert_eq!(limits(&terms, &large, 50_000), (Outcome::Approve, 10_000, 18_500));
    assert_eq!(
        limits(&terms, &large, 10_000),
        (Outcome::Approve, 10_000, 0),
        "the cap is no advice"
    );
    assert_eq!(
        limits(&terms, &with(Feature::MonthlyInflow, 66_666 * UNIT), 50_000),
        (Outcome::Approve, 9_900, 0)
    );
    let referred: Features =
        large.clone().into_iter().chain([(Feature::PlansBreached, 1)]).collect();
    assert_eq!(
        limits(&terms, &referred, 50_000),
        (Outcome::Refer, 18_500, 0),
        "nothing at once: a person decides on all of it"
    );
    let of_tenant = Terms { offered_at_once: Some(15_050 * UNIT), ..terms };
    assert_eq!(
        limits(&of_tenant, &large, 50_000),
        (Outcome::Approve, 15_000, 18_500),
        "the tenant may set it"
    );
}

#[test]
fn the_first_version_still_decides_its_cases() {
    let first =
        Policy { cases: standard::cases_of_version_1(), ..draft(standard::terms_of_version_1()) };
    assert!(first.tried().iter().all(|tried| tried.passed), "{:?}", first.tried());
}

#[test]
fn the_standard_policy_decides_its_own_cases_and_is_published() {
    let mut policy = draft(standard::terms());
    assert!(policy.tried().iter().all(|tried| tried.passed), "{:?}", policy.tried());
    policy.publish(1, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!((policy.state, policy.number), (PolicyState::Published, 1));
    assert_eq!(policy.publish(2, DateTime::UNIX_EPOCH).unwrap_err().reason, Reason::POLICY_STATE);
}

#[test]
fn a_policy_that_fails_its_cases_is_told_each() {
    let mut policy = draft(Terms { approve_at: 5_000, ..standard::terms() });
    policy.cases.retain(|case| case.outcome != Outcome::Refer);
    let refusal = policy.publish(1, DateTime::UNIX_EPOCH).unwrap_err();
    let pairs: Vec<_> = refusal
        .conditions
        .iter()
        .map(|condition| (condition.name, condition.subject.as_str()))
        .collect();
    let failed = ["A steady business of a year", "A large business: 10,000 at once"]
        .map(|title| ("CASE_FAILED", title));
    assert_eq!(pairs, [failed.as_slice(), &[("CASE_MISSING", "REFER")]].concat());
}

#[test]
fn a_refusal_says_why_in_order_and_what_would_have_passed() {
    let features: Features = [
        (Feature::MonthlyInflow, 30_000 * UNIT),
        (Feature::ReturnedPayments, 4),
        (Feature::DaysNegative, 12),
        (Feature::MonthsOfHistory, 2),
        (Feature::PlansBreached, 1),
        (Feature::LowestBalance, -100 * UNIT),
    ]
    .into();
    let made = decide(&standard::terms_of_version_1(), &features, 50_000 * UNIT);
    assert_eq!((made.outcome, made.limit), (Outcome::Decline, 0));
    let codes: Vec<_> = made.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(
        codes,
        ["DAYS_NEGATIVE", "RETURNED_PAYMENTS", "HISTORY_SHORT", "PLAN_BREACHED"],
        "four, what declines first"
    );
    let would_pass =
        |feature, op, value| made.would_pass.contains(&Condition { feature, op, value });
    assert!(
        would_pass(Feature::DaysNegative, Op::Below, 10)
            && would_pass(Feature::MonthsOfHistory, Op::AtLeast, 3)
    );
    assert!(made.points_lacking > 0);
}

#[test]
fn a_limit_is_a_share_of_the_inflow_rounded_down_up_to_the_cap() {
    let terms = standard::terms_of_version_1();
    let limit = |inflow: i64, cap: i64| {
        let mut features = standard::cases()[0].features.clone();
        features.insert(Feature::MonthlyInflow, inflow * UNIT);
        let made = decide(&terms, &features, cap * UNIT);
        (made.outcome, made.limit / UNIT)
    };
    assert_eq!(limit(40_000, 50_000), (Outcome::Approve, 6_000));
    assert_eq!(limit(40_659, 50_000), (Outcome::Approve, 6_000), "to the step, downwards");
    assert_eq!(limit(4_000_000, 50_000), (Outcome::Approve, 50_000));
    assert_eq!(limit(3_333, 50_000), (Outcome::Decline, 0));
    assert_eq!(limit(3_334, 50_000), (Outcome::Approve, 500));
    let made = decide(&terms, &[(Feature::MonthlyInflow, 1)].into(), 50_000 * UNIT);
    let needed = made
        .would_pass
        .iter()
        .find(|condition| condition.feature == Feature::MonthlyInflow)
        .unwrap()
        .value;
    assert_eq!(needed, 3_333_333_334, "the inflow from which the smallest limit is reached");
}

#[test]
fn points_rise_by_bins_and_a_value_that_is_not_known_has_its_own() {
    let line = &standard::terms().scorecard[0];
    let points: Vec<_> = [None, Some(0), Some(2), Some(3), Some(11), Some(12)]
        .into_iter()
        .map(|number| line.points(number))
        .collect();
    assert_eq!((points, line.best()), (vec![0, 0, 0, 40, 80, 110], 110));
    assert_eq!(line.bins[0], Bin { at_least: None, points: 0 });
}

fn programme() -> Programme {
    Programme {
        id: Id::from_uuid(Uuid::nil()),
        title: "Pay later".into(),
        state: ProgrammeState::Open,
        currency: usd(),
        cap: Money::from_micros(usd(), 50_000 * UNIT),
        term: PaymentTerm::EndOfFollowingMonth,
        countries: vec!["US".into()],
        tiers: Vec::new(),
        invitation_only: false,
        cool_down_days: 90,
        plans_allowed: false,
        draws_during_plans: false,
        policy: Id::from_uuid(Uuid::nil()),
        offer_days: 30,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        updated_at: DateTime::UNIX_EPOCH,
    }
}

fn started(now: DateTime<Utc>) -> Application {
    let customer =
        Customer { id: Id::from_uuid(Uuid::max()), country: "US".into(), tier: String::new() };
    Application::start(Id::from_uuid(Uuid::nil()), &programme(), &customer, "ada".into(), now)
}

#[test]
fn nobody_decides_their_own_and_one_person_at_a_time() {
    let now = DateTime::UNIX_EPOCH;
    let mut application = started(now);
    assert_eq!(application.submit(now).unwrap_err().reason, Reason::APPLICATION_STATE);
    application.upload(FileKind::Statement, now).unwrap();
    application.submit(now).unwrap();
    assert!(application.goes_to_a_person(), "a file can be forged");
    application.refer(now);
    assert_eq!(application.claim("ada", now).unwrap_err().reason, Reason::SEPARATION_OF_DUTIES);
    let no = |application: &mut Application, subject: &str| {
        application.decide(&programme(), subject, None, vec!["Thin.".into()], "No.", now)
    };
    assert_eq!(no(&mut application, "bob").unwrap_err().reason, Reason::NOT_CLAIMED);
    application.claim("bob", now).unwrap();
    assert_eq!(application.claim("cyd", now).unwrap_err().reason, Reason::CLAIMED);
    application.ask_for_more("bob", "June, please.", now).unwrap();
    assert_eq!(
        (application.state, application.expires_at),
        (ApplicationState::MoreInformation, Some(now + TimeDelta::days(30)))
    );
    application.submit(now).unwrap();
    application.refer(now);
    assert_eq!(no(&mut application, "bob"), Ok(Outcome::Decline));
    assert_eq!(
        (application.state, application.reapply_at),
        (ApplicationState::Declined, Some(now + TimeDelta::days(90)))
    );
    assert_eq!(
        application.withdraw(&programme(), now).unwrap_err().reason,
        Reason::APPLICATION_STATE
    );
}

#[test]
fn ten_attachments_are_taken_and_stand_in_for_an_account() {
    let now = DateTime::UNIX_EPOCH;
    let mut application = started(now);
    assert!(!application.is_decided_by_sight());
    for _ in 0..10 {
        application.upload(FileKind::Attachment, now).unwrap();
    }
    assert_eq!(
        application.upload(FileKind::Attachment, now).unwrap_err().reason,
        Reason::TOO_MANY_ITEMS
    );
    assert_eq!(
        (application.files, application.attachments),
        (10, 10),
        "what is refused does not count"
    );
    for _ in 10..24 {
        application.upload(FileKind::Statement, now).unwrap();
    }
    assert_eq!(
        application.upload(FileKind::Statement, now).unwrap_err().reason,
        Reason::TOO_MANY_ITEMS
    );
    assert!(application.is_decided_by_sight() && application.goes_to_a_person());
    application.submit(now).unwrap();
    assert_eq!(
        application.upload(FileKind::Attachment, now).unwrap_err().reason,
        Reason::APPLICATION_STATE
    );
}

#[test]
fn without_an_account_every_feature_of_it_is_missing() {
    let none = BankData::of(usd(), &[], &|_| false);
    let features = none.features(DateTime::UNIX_EPOCH.date_naive());
    assert_eq!((features, none.coverage().accounts), (Features::new(), 0));
}

#[test]
fn linked_accounts_alone_are_decided_by_the_policy_until_a_person_has_asked_for_more() {
    let now = DateTime::UNIX_EPOCH;
    let mut application = started(now);
    application.link(0, now).unwrap();
    assert_eq!(
        (application.state, application.link(10, now).unwrap_err().reason),
        (ApplicationState::AwaitingBankData, Reason::TOO_MANY_ITEMS)
    );
    application.submit(now).unwrap();
    assert_eq!(
        (application.goes_to_a_person(), application.link(0, now).unwrap_err().reason),
        (false, Reason::APPLICATION_STATE)
    );
    application.give_back(now);
    assert_eq!(
        (application.state, application.expires_at),
        (ApplicationState::AwaitingBankData, Some(now + TimeDelta::days(30)))
    );
    application.submit(now).unwrap();
    application.refer(now);
    application.claim("bob", now).unwrap();
    application.ask_for_more("bob", "The other account, please.", now).unwrap();
    application.submit(now).unwrap();
    assert!(application.goes_to_a_person());
    application.give_back(now);
    assert_eq!(application.state, ApplicationState::MoreInformation);
    let mut link = BankLink::open(
        Id::from_uuid(Uuid::nil()),
        application.id,
        "page".into(),
        "url".into(),
        now,
    );
    assert!(!link.expire(now + TimeDelta::hours(3)) && link.expire(now + TimeDelta::hours(4)));
    assert_eq!(link.must_be_confirmable().unwrap_err().reason, Reason::BANK_LINK_BROKEN);
    link.confirm("Bank".into(), vec![1]);
    assert_eq!(
        (link.state, link.break_up(), link.state),
        (LinkState::Linked, true, LinkState::Broken)
    );
    link.remove();
    link.confirm("Bank".into(), vec![1]);
    assert_eq!((link.state, link.token.len()), (LinkState::Removed, 0), "what is removed stays so");
}

#[test]
fn a_withdrawal_counts_for_the_cool_down_only_after_it_was_submitted() {
    let now = DateTime::UNIX_EPOCH;
    let (mut early, mut late) = (started(now), started(now));
    early.withdraw(&programme(), now).unwrap();
    late.upload(FileKind::Statement, now).unwrap();
    late.submit(now).unwrap();
    late.withdraw(&programme(), now).unwrap();
    assert_eq!((early.reapply_at, late.reapply_at), (None, Some(now + TimeDelta::days(90))));
    let mut idle = started(now);
    assert!(
        !idle.expire(now) && idle.expire(now + Days::new(30)) && !idle.expire(now + Days::new(31))
    );
    let until = now + TimeDelta::days(90);
    let cooling = || vec![cool_down(until, &programme())];
    let refusal = must_be_eligible(cooling(), Some(until)).unwrap_err();
    assert_eq!(
        (refusal.reason, refusal.metadata[0].1.as_str()),
        (Reason::COOL_DOWN_ACTIVE, "1970-04-01T00:00:00+00:00")
    );
    let both = programme().against(
        &Customer { id: Id::from_uuid(Uuid::max()), country: "FR".into(), tier: String::new() },
        false,
    );
    assert_eq!(
        must_be_eligible([both, cooling()].concat(), Some(until)).unwrap_err().reason,
        Reason::NOT_ELIGIBLE
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is known: the same again, never above the cap, four reasons at most, and one at
    /// least for a refusal.
    #[test]
    fn a_decision_is_one_for_ever_and_within_its_bounds(
        values in prop::collection::vec((0_usize..20, -1_000_000_000_000_i64..1_000_000_000_000), 0..20),
        cap in 1_i64..100_000_000_000,
    ) {
        let features: Features = values.into_iter().map(|(place, value)| (Feature::ALL[place], value)).collect();
        let terms = standard::terms();
        let made = decide(&terms, &features, cap);
        prop_assert_eq!(&made, &decide(&terms, &features, cap));
        prop_assert!(made.limit >= 0 && made.limit <= cap && made.limit % terms.step == 0);
        prop_assert!(made.reasons.len() <= 4);
        prop_assert_eq!(made.reasons.is_empty(), made.outcome == Outcome::Approve);
        if made.outcome == Outcome::Approve {
            prop_assert!(made.limit >= terms.least && made.points_lacking == 0 && made.would_pass.is_empty());
        }
        let worst = made.rules.iter().filter(|rule| rule.matched).map(|rule| rule.outcome).max();
        prop_assert!(worst.is_none_or(|worst| worst <= made.outcome));
    }
}
