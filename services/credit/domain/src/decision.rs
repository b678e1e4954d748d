//! Decisions: a policy over features. The same features and policy give the same decision for ever.

use crate::{
    bank::Coverage,
    feature::{Feature, Features},
    policy::{Condition, Op, Policy, Rule, Terms},
};
use chrono::{DateTime, Utc};
use payterms_kernel::{Id, Money};
use serde::{Deserialize, Serialize};

/// What a decision comes to, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// A line with a limit.
    Approve,
    /// A person decides.
    Refer,
    /// No.
    Decline,
}

payterms_kernel::names! {
    /// The name of the outcome, as in the contract.
    Outcome { Approve = "APPROVE", Refer = "REFER", Decline = "DECLINE" }
}

/// Principal reasons of a decision.
pub const MOST_REASONS: usize = 4;

/// What a hard rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleOutcome {
    /// Its code.
    pub code: String,
    /// Whether all its conditions held.
    pub matched: bool,
    /// What followed where it did.
    pub outcome: Outcome,
    /// What it looked at.
    pub inputs: Vec<(Feature, Option<i64>)>,
}

/// What a line of the scorecard came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// The feature.
    pub feature: Feature,
    /// What is known of it.
    pub value: Option<i64>,
    /// Its points.
    pub points: i64,
    /// The most that it could have.
    pub best: i64,
}

/// Why it came to that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrincipalReason {
    /// A rule's code, a feature's name, `LIMIT_TOO_SMALL` or `INFLOW_UNKNOWN`.
    pub code: String,
    /// A sentence for the applicant.
    pub text: String,
}

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What it comes to.
    pub outcome: Outcome,
    /// The limit, in millionths; 0 where it declines.
    pub limit: i64,
    /// What the inflow carries beyond what is offered at once, limit included, for a person to
    /// decide on; 0: no more.
    #[serde(default)]
    pub advised: i64,
    /// Points in all.
    pub score: i64,
    /// Every rule, in the policy's order.
    pub rules: Vec<RuleOutcome>,
    /// Every line of the scorecard, in the policy's order.
    pub points: Vec<Points>,
    /// Principal reasons, the weightiest first, four at most; none where it approves.
    pub reasons: Vec<PrincipalReason>,
    /// What would have passed, by the rules that kept it from being approved.
    pub would_pass: Vec<Condition>,
    /// Points that were lacking; 0: none.
    pub points_lacking: i64,
}

/// What a policy came to for an application, and what it was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// The policy.
    pub policy: Id<Policy>,
    /// What was known.
    pub features: Features,
    /// The programme's cap then.
    pub cap: Money,
    /// What the bank data covered.
    pub coverage: Coverage,
    /// What it came to.
    pub decided: Decided,
    /// When.
    pub at: DateTime<Utc>,
}

/// Why nothing is left to grant.
const LIMIT_TOO_SMALL: &str = "LIMIT_TOO_SMALL";
/// Why a person must set the limit.
const INFLOW_UNKNOWN: &str = "INFLOW_UNKNOWN";

/// Decides. `cap` is the programme's, in millionths.
#[must_use]
pub fn decide(terms: &Terms, features: &Features, cap: i64) -> Decided {
    let known = |feature: Feature| features.get(&feature).copied();
    let rules = rule_outcomes(terms, features);
    let points: Vec<_> = terms
        .scorecard
        .iter()
        .map(|characteristic| Points {
            feature: characteristic.feature,
            value: known(characteristic.feature),
            points: characteristic.points(known(characteristic.feature)),
            best: characteristic.best(),
        })
        .collect();
    let score = points.iter().fold(terms.base, |sum, points| sum.saturating_add(points.points));
    let by_score = if score >= terms.approve_at {
        Outcome::Approve
    } else if score >= terms.refer_at {
        Outcome::Refer
    } else {
        Outcome::Decline
    };
    let by_rules = rules
        .iter()
        .filter(|rule| rule.matched)
        .map(|rule| rule.outcome)
        .max()
        .unwrap_or(Outcome::Approve);
    let limit = limit(terms, known(Feature::MonthlyInflow), cap);
    let too_small = limit < terms.least;
    // Without bank data there is nothing to measure a limit by: a person sets it.
    let by_limit = match (too_small, known(Feature::MonthlyInflow)) {
        (false, _) => Outcome::Approve,
        (true, Some(_)) => Outcome::Decline,
        (true, None) => Outcome::Refer,
    };
    let outcome = by_score.max(by_rules).max(by_limit);
    let mut reasons = Vec::new();
    if outcome != Outcome::Approve {
        reasons = principal(terms, &rules, &points, by_score, by_limit);
    }
    let matched = terms
        .rules
        .iter()
        .zip(&rules)
        .filter(|(_, came)| came.matched && came.outcome > Outcome::Approve);
    let mut would_pass: Vec<Condition> = matched
        .flat_map(|(rule, _)| {
            rule.conditions
                .iter()
                .map(|condition| Condition { op: condition.op.opposite(), ..*condition })
        })
        .collect();
    if by_limit != Outcome::Approve {
        would_pass.push(Condition {
            feature: Feature::MonthlyInflow,
            op: Op::AtLeast,
            value: inflow_for(terms),
        });
    }
    let carried = if outcome == Outcome::Decline || too_small { 0 } else { limit };
    // A person who decides sees all that the inflow carries.
    let at_once =
        terms.offered_at_once.filter(|most| outcome == Outcome::Approve && carried > *most);
    Decided {
        outcome,
        limit: at_once.map_or(carried, |most| to_step(most, terms.step)),
        advised: at_once.map_or(0, |_| carried),
        score,
        rules,
        points,
        reasons,
        would_pass,
        points_lacking: terms.approve_at.saturating_sub(score).max(0),
    }
}

/// What each hard rule comes to, in the policy's order.
fn rule_outcomes(terms: &Terms, features: &Features) -> Vec<RuleOutcome> {
    let known = |feature: Feature| features.get(&feature).copied();
    let outcome = |rule: &Rule| RuleOutcome {
        code: rule.code.clone(),
        matched: rule.conditions.iter().all(|condition| condition.holds(features)),
        outcome: rule.outcome,
        inputs: rule
            .conditions
            .iter()
            .map(|condition| (condition.feature, known(condition.feature)))
            .collect(),
    };
    terms.rules.iter().map(outcome).collect()
}

/// The limit that the inflow carries: its share, rounded down to the step, up to the cap.
fn limit(terms: &Terms, inflow: Option<i64>, cap: i64) -> i64 {
    let share = i128::from(inflow.unwrap_or_default().max(0))
        .saturating_mul(i128::from(terms.share_of_inflow))
        .checked_div(10_000);
    to_step(i64::try_from(share.unwrap_or_default()).unwrap_or(i64::MAX).min(cap), terms.step)
}

/// An amount rounded down to the step.
fn to_step(amount: i64, step: i64) -> i64 {
    amount.saturating_sub(amount.checked_rem(step).unwrap_or_default())
}

/// The inflow from which the smallest limit is reached.
fn inflow_for(terms: &Terms) -> i64 {
    let steps = i128::from(terms.least)
        .saturating_add(i128::from(terms.step))
        .saturating_sub(1)
        .checked_div(i128::from(terms.step));
    let limit = steps.unwrap_or_default().saturating_mul(i128::from(terms.step));
    let share = i128::from(terms.share_of_inflow);
    let inflow =
        limit.saturating_mul(10_000).saturating_add(share).saturating_sub(1).checked_div(share);
    i64::try_from(inflow.unwrap_or_default()).unwrap_or(i64::MAX)
}

/// The principal reasons: rules that kept it from a better outcome, the worst first and in the
/// policy's order; then what the inflow does not carry; then the lines of the scorecard that cost
/// most.
fn principal(
    terms: &Terms,
    rules: &[RuleOutcome],
    points: &[Points],
    by_score: Outcome,
    by_limit: Outcome,
) -> Vec<PrincipalReason> {
    let mut reasons: Vec<PrincipalReason> = Vec::new();
    for worst in [Outcome::Decline, Outcome::Refer] {
        let matched =
            terms.rules.iter().zip(rules).filter(|(_, came)| came.matched && came.outcome == worst);
        reasons.extend(matched.map(|(rule, _)| PrincipalReason {
            code: rule.code.clone(),
            text: rule.explanation.clone(),
        }));
    }
    match by_limit {
        Outcome::Approve => {}
        Outcome::Refer => {
            let text = "What comes in each month is not known.".to_owned();
            reasons.push(PrincipalReason { code: INFLOW_UNKNOWN.to_owned(), text });
        }
        Outcome::Decline => {
            let text = "What comes in each month does not carry the smallest limit.".to_owned();
            reasons.push(PrincipalReason { code: LIMIT_TOO_SMALL.to_owned(), text });
        }
    }
    if by_score > Outcome::Approve {
        let mut lost: Vec<_> = terms
            .scorecard
            .iter()
            .zip(points)
            .filter(|(_, points)| points.points < points.best)
            .collect();
        lost.sort_by_key(|(_, points)| {
            std::cmp::Reverse(points.best.saturating_sub(points.points))
        });
        reasons.extend(lost.into_iter().map(|(line, points)| PrincipalReason {
            code: points.feature.name().to_owned(),
            text: line.explanation.clone(),
        }));
    }
    reasons.truncate(MOST_REASONS);
    reasons
}
