//! The standard policy: what a tenant decides by until it publishes its own.
//! docs/standard-policy.md has it rule by rule.
//!
//! A version never changes once it has decided: new facts make a new version beside the old one.

use crate::{
    decision::Outcome,
    feature::{Feature, Features},
    policy::{Bin, Case, Characteristic, Condition, Op, Rule, Terms},
};

/// Millionths of a unit of currency.
const UNIT: i64 = 1_000_000;

fn rule(
    code: &str,
    explanation: &str,
    feature: Feature,
    op: Op,
    value: i64,
    outcome: Outcome,
) -> Rule {
    Rule {
        code: code.to_owned(),
        explanation: explanation.to_owned(),
        conditions: vec![Condition { feature, op, value }],
        outcome,
    }
}

fn line(
    feature: Feature,
    explanation: &str,
    first: i64,
    bins: &[(i64, i64)],
    missing: i64,
) -> Characteristic {
    let rest =
        bins.iter().map(|(at_least, points)| Bin { at_least: Some(*at_least), points: *points });
    let bins = std::iter::once(Bin { at_least: None, points: first }).chain(rest).collect();
    Characteristic { feature, explanation: explanation.to_owned(), bins, missing }
}

/// The newest version.
pub const NEWEST: i64 = 2;
/// What version 2 offers without a person.
const OFFERED_AT_ONCE: i64 = 10_000 * UNIT;

/// What decides in the newest version. Amounts are in units of whatever currency the programme has.
#[must_use]
pub fn terms() -> Terms {
    Terms { rules: rules(), offered_at_once: Some(OFFERED_AT_ONCE), ..terms_of_version_1() }
}

/// The rules of version 1, with doubts about bank data after those that decline, and what it does
/// not say at the end.
fn rules() -> Vec<Rule> {
    use Feature::{
        CircularFlow, ReturnedDeposits, ReturnedOwnPayments, StatementAge, SuspectedDuplicates,
    };
    let mut rules = terms_of_version_1().rules;
    if let Some(returned) = rules.iter_mut().find(|rule| rule.code == "RETURNED_PAYMENTS") {
        *returned = rule(
            "RETURNED_OWN_PAYMENTS",
            "Three or more payments of the applicant came back in the last 180 days.",
            ReturnedOwnPayments,
            Op::AtLeast,
            3,
            Outcome::Decline,
        );
    }
    let doubts = [
        (
            "CIRCULAR_FLOW",
            "More than a tenth of what comes in goes back to where it came from.",
            (CircularFlow, Op::Above, 1_000),
        ),
        (
            "RETURNED_DEPOSITS",
            "More than a twentieth of what came in came back.",
            (ReturnedDeposits, Op::Above, 500),
        ),
        (
            "SUSPECTED_DUPLICATES",
            "Several statements hold bookings that may be the same.",
            (SuspectedDuplicates, Op::AtLeast, 1),
        ),
    ];
    let unknown = [
        (
            "STATEMENTS_OLD",
            "The statements end more than 45 days ago.",
            (StatementAge, Op::Above, 45),
        ),
        (
            "RETURNS_UNKNOWN",
            "The statements do not say which payments came back.",
            (ReturnedOwnPayments, Op::Missing, 0),
        ),
        ("PAYERS_UNKNOWN", "The statements do not say who paid.", (CircularFlow, Op::Missing, 0)),
    ];
    let referring = |(code, reason, (feature, op, value)): (&str, &str, _)| {
        rule(code, reason, feature, op, value, Outcome::Refer)
    };
    let declining = rules.iter().take_while(|rule| rule.outcome == Outcome::Decline).count();
    rules.splice(declining..declining, doubts.map(referring));
    rules.extend(unknown.map(referring));
    rules
}

/// What decided in version 1.
#[must_use]
pub fn terms_of_version_1() -> Terms {
    Terms {
        rules: rules_of_version_1(),
        base: 300,
        scorecard: scorecard(),
        approve_at: 650,
        refer_at: 520,
        share_of_inflow: 1_500,
        step: 100 * UNIT,
        least: 500 * UNIT,
        offered_at_once: None,
    }
}

fn rules_of_version_1() -> Vec<Rule> {
    use Feature::{
        DaysNegative, InflowTrend, LowestBalance, MonthsOfHistory, PaidLate, PayerConcentration,
        PlansBreached, ReturnedPayments,
    };
    vec![
        rule(
            "DAYS_NEGATIVE",
            "An account ended below zero on ten or more of the last 90 days.",
            DaysNegative,
            Op::AtLeast,
            10,
            Outcome::Decline,
        ),
        rule(
            "RETURNED_PAYMENTS",
            "Three or more payments came back in the last 180 days.",
            ReturnedPayments,
            Op::AtLeast,
            3,
            Outcome::Decline,
        ),
        rule(
            "INFLOW_HALVED",
            "What comes in has fallen by more than half.",
            InflowTrend,
            Op::Below,
            -5_000,
            Outcome::Decline,
        ),
        rule(
            "HISTORY_SHORT",
            "The statements cover fewer than three whole months.",
            MonthsOfHistory,
            Op::Below,
            3,
            Outcome::Refer,
        ),
        rule(
            "BALANCES_UNKNOWN",
            "The statements do not tell the balances of the last 90 days.",
            LowestBalance,
            Op::Missing,
            0,
            Outcome::Refer,
        ),
        rule(
            "PLAN_BREACHED",
            "A payment plan was breached.",
            PlansBreached,
            Op::AtLeast,
            1,
            Outcome::Refer,
        ),
        rule(
            "PAYS_LATE",
            "Three or more invoices of the last year were paid late.",
            PaidLate,
            Op::AtLeast,
            3,
            Outcome::Refer,
        ),
        rule(
            "ONE_PAYER",
            "One payer brings more than four fifths of what comes in.",
            PayerConcentration,
            Op::Above,
            8_000,
            Outcome::Refer,
        ),
    ]
}

fn scorecard() -> Vec<Characteristic> {
    use Feature::{
        AverageBalance, DaysNegative, InflowTrend, InflowVolatility, MonthsOfHistory, PaidLate,
        PaidVolume, PayerConcentration,
    };
    vec![
        line(
            MonthsOfHistory,
            "The statements cover few months.",
            0,
            &[(3, 40), (6, 80), (12, 110)],
            0,
        ),
        line(
            AverageBalance,
            "The average balance is low.",
            0,
            &[(0, 20), (5_000 * UNIT, 60), (20_000 * UNIT, 90)],
            10,
        ),
        line(
            InflowVolatility,
            "What comes in varies much from month to month.",
            90,
            &[(2_500, 60), (5_000, 20), (10_000, 0)],
            20,
        ),
        line(
            InflowTrend,
            "What comes in is falling.",
            0,
            &[(-2_000, 30), (0, 60), (2_000, 80)],
            30,
        ),
        line(DaysNegative, "An account was below zero at times.", 90, &[(1, 50), (5, 10)], 20),
        line(
            PayerConcentration,
            "Much of what comes in is from one payer.",
            60,
            &[(4_000, 40), (6_000, 10)],
            20,
        ),
        line(PaidLate, "Invoices were paid late.", 60, &[(1, 20), (2, 0)], 30),
        line(
            PaidVolume,
            "Little was bought and paid here so far.",
            20,
            &[(1_000 * UNIT, 40), (10_000 * UNIT, 60)],
            20,
        ),
    ]
}

/// What the newest version must decide.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut steady = steady();
    steady.extend([
        (Feature::ReturnedOwnPayments, 0),
        (Feature::ReturnedDeposits, 0),
        (Feature::CircularFlow, 0),
        (Feature::StatementAge, 3),
        (Feature::SuspectedDuplicates, 0),
    ]);
    let with = |changes: &[(Feature, i64)]| {
        let mut features = steady.clone();
        features.extend(changes.iter().copied());
        features
    };
    let without = |feature: Feature| {
        let mut features = steady.clone();
        features.remove(&feature);
        features
    };
    let mut cases = cases_of(&steady, Feature::ReturnedOwnPayments);
    cases.extend([
        case(
            "A large business: 10,000 at once",
            with(&[(Feature::MonthlyInflow, 200_000 * UNIT)]),
            Outcome::Approve,
            Some(OFFERED_AT_ONCE),
        ),
        case(
            "A fifth of the inflow goes round",
            with(&[(Feature::CircularFlow, 2_000)]),
            Outcome::Refer,
            None,
        ),
        case(
            "A tenth of the deposits came back",
            with(&[(Feature::ReturnedDeposits, 1_000)]),
            Outcome::Refer,
            None,
        ),
        case(
            "Two files hold what may be one payment",
            with(&[(Feature::SuspectedDuplicates, 1)]),
            Outcome::Refer,
            None,
        ),
        case(
            "Statements of two months ago",
            with(&[(Feature::StatementAge, 46)]),
            Outcome::Refer,
            None,
        ),
        case(
            "The files do not say what came back",
            without(Feature::ReturnedOwnPayments),
            Outcome::Refer,
            None,
        ),
        case("The files do not say who paid", without(Feature::CircularFlow), Outcome::Refer, None),
        case(
            "A large business with a rule against it: nothing at once",
            with(&[(Feature::MonthlyInflow, 200_000 * UNIT), (Feature::PlansBreached, 1)]),
            Outcome::Refer,
            None,
        ),
    ]);
    cases
}

/// What version 1 had to decide.
#[must_use]
pub fn cases_of_version_1() -> Vec<Case> {
    cases_of(&steady(), Feature::ReturnedPayments)
}

fn case(title: &str, features: Features, outcome: Outcome, limit: Option<i64>) -> Case {
    Case { title: title.to_owned(), features, outcome, limit }
}

fn steady() -> Features {
    [
        (Feature::MonthlyInflow, 40_000 * UNIT),
        (Feature::InflowTrend, 500),
        (Feature::InflowVolatility, 1_200),
        (Feature::LowestBalance, 4_000 * UNIT),
        (Feature::AverageBalance, 12_000 * UNIT),
        (Feature::DaysNegative, 0),
        (Feature::ReturnedPayments, 0),
        (Feature::PayerConcentration, 3_000),
        (Feature::MonthsOfHistory, 12),
        (Feature::PaidLate, 0),
        (Feature::PaidVolume, 2_000 * UNIT),
    ]
    .into()
}

/// The cases of both versions, which decline on different counts of what came back.
fn cases_of(steady: &Features, returned: Feature) -> Vec<Case> {
    let with = |feature: Feature, value: i64| {
        let mut features = steady.clone();
        features.insert(feature, value);
        features
    };
    vec![
        case("A steady business of a year", steady.clone(), Outcome::Approve, Some(6_000 * UNIT)),
        case("Two months of statements", with(Feature::MonthsOfHistory, 2), Outcome::Refer, None),
        case("Nothing is known", Features::new(), Outcome::Decline, None),
        case("Three payments came back", with(returned, 3), Outcome::Decline, Some(0)),
        case(
            "Too small for a limit",
            with(Feature::MonthlyInflow, 3_000 * UNIT),
            Outcome::Decline,
            Some(0),
        ),
    ]
}
