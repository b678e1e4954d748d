//! The standard policy: what a tenant decides by until it publishes its own. docs/standard-policy.md tells it rule by
//! rule.

use crate::{
    decision::Outcome,
    feature::{Feature, Features},
    policy::{Bin, Case, Characteristic, Condition, Op, Rule, Terms},
};

/// Millionths of a unit of currency.
const UNIT: i64 = 1_000_000;

fn rule(code: &str, reason: &str, (feature, op, value): (Feature, Op, i64), outcome: Outcome) -> Rule {
    Rule { code: code.to_owned(), reason: reason.to_owned(), conditions: vec![Condition { feature, op, value }], outcome }
}

fn line(feature: Feature, reason: &str, first: i64, bins: &[(i64, i64)], missing: i64) -> Characteristic {
    let rest = bins.iter().map(|(at_least, points)| Bin { at_least: Some(*at_least), points: *points });
    let bins = std::iter::once(Bin { at_least: None, points: first }).chain(rest).collect();
    Characteristic { feature, reason: reason.to_owned(), bins, missing }
}

/// What decides. Amounts are in units of whatever currency the programme has.
#[must_use]
pub fn terms() -> Terms {
    use Feature::{
        AverageBalance, DaysNegative, InflowTrend, InflowVolatility, LowestBalance, MonthsOfHistory, PaidLate, PaidVolume,
        PayerConcentration, PlansBreached, ReturnedPayments,
    };
    Terms {
        rules: vec![
            rule(
                "DAYS_NEGATIVE",
                "An account ended below zero on ten or more of the last 90 days.",
                (DaysNegative, Op::AtLeast, 10),
                Outcome::Decline,
            ),
            rule(
                "RETURNED_PAYMENTS",
                "Three or more payments came back in the last 180 days.",
                (ReturnedPayments, Op::AtLeast, 3),
                Outcome::Decline,
            ),
            rule("INFLOW_HALVED", "What comes in has fallen by more than half.", (InflowTrend, Op::Below, -5_000), Outcome::Decline),
            rule("HISTORY_SHORT", "The statements cover fewer than three whole months.", (MonthsOfHistory, Op::Below, 3), Outcome::Refer),
            rule(
                "BALANCES_UNKNOWN",
                "The statements do not tell the balances of the last 90 days.",
                (LowestBalance, Op::Missing, 0),
                Outcome::Refer,
            ),
            rule("PLAN_BREACHED", "A payment plan was breached.", (PlansBreached, Op::AtLeast, 1), Outcome::Refer),
            rule("PAYS_LATE", "Three or more invoices of the last year were paid late.", (PaidLate, Op::AtLeast, 3), Outcome::Refer),
            rule(
                "ONE_PAYER",
                "One payer brings more than four fifths of what comes in.",
                (PayerConcentration, Op::Above, 8_000),
                Outcome::Refer,
            ),
        ],
        base: 300,
        scorecard: vec![
            line(MonthsOfHistory, "The statements cover few months.", 0, &[(3, 40), (6, 80), (12, 110)], 0),
            line(AverageBalance, "The average balance is low.", 0, &[(0, 20), (5_000 * UNIT, 60), (20_000 * UNIT, 90)], 10),
            line(InflowVolatility, "What comes in varies much from month to month.", 90, &[(2_500, 60), (5_000, 20), (10_000, 0)], 20),
            line(InflowTrend, "What comes in is falling.", 0, &[(-2_000, 30), (0, 60), (2_000, 80)], 30),
            line(DaysNegative, "An account was below zero at times.", 90, &[(1, 50), (5, 10)], 20),
            line(PayerConcentration, "Much of what comes in is from one payer.", 60, &[(4_000, 40), (6_000, 10)], 20),
            line(PaidLate, "Invoices were paid late.", 60, &[(1, 20), (2, 0)], 30),
            line(PaidVolume, "Little was bought and paid here so far.", 20, &[(1_000 * UNIT, 40), (10_000 * UNIT, 60)], 20),
        ],
        approve_at: 650,
        refer_at: 520,
        share_of_inflow: 1_500,
        step: 100 * UNIT,
        least: 500 * UNIT,
    }
}

/// What it must decide.
#[must_use]
pub fn cases() -> Vec<Case> {
    let steady: Features = [
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
    .into();
    let with = |feature: Feature, value: i64| {
        let mut features = steady.clone();
        features.insert(feature, value);
        features
    };
    let case =
        |title: &str, features: Features, outcome: Outcome, limit: Option<i64>| Case { title: title.to_owned(), features, outcome, limit };
    vec![
        case("A steady business of a year", steady.clone(), Outcome::Approve, Some(6_000 * UNIT)),
        case("Two months of statements", with(Feature::MonthsOfHistory, 2), Outcome::Refer, None),
        case("Nothing is known", Features::new(), Outcome::Decline, None),
        case("Three payments came back", with(Feature::ReturnedPayments, 3), Outcome::Decline, Some(0)),
        case("Too small for a limit", with(Feature::MonthlyInflow, 3_000 * UNIT), Outcome::Decline, Some(0)),
    ]
}
