//! Policies and decisions → messages of the contract.

use payterms_chassis::{
    etag,
    render::{decimal, money, timestamp},
};
use payterms_credit_domain::{
    Advice, Feature, Features, Outcome, Policy, PolicyState,
    decision::{Reason, RuleOutcome},
    feature::Unit,
    policy::{Case, Characteristic, Condition, Op, Rule, Tried},
};
use payterms_kernel::{Currency, Id, Money, TenantId};
use payterms_proto::{credit::v1 as pb, google::r#type::Decimal as DecimalMessage};
use rust_decimal::Decimal;

/// The name of a policy.
#[must_use]
pub fn policy_name(tenant: &TenantId, policy: Id<Policy>) -> String {
    format!("tenants/{tenant}/policies/{policy}")
}

/// Digits after the point of a unit.
#[must_use]
pub fn decimals(unit: Unit) -> u32 {
    match unit {
        Unit::Money => 6,
        Unit::BasisPoints => 4,
        Unit::Count | Unit::Days | Unit::Months => 0,
    }
}

/// A feature.
#[must_use]
pub fn feature(own: Feature) -> pb::Feature {
    pb::Feature::from_str_name(&format!("FEATURE_{}", own.name())).unwrap_or_default()
}

fn value(own: Feature, value: i64) -> DecimalMessage {
    decimal(Decimal::new(value, decimals(own.unit())))
}

/// What is known of a feature.
#[must_use]
pub fn known((own, known): (Feature, Option<i64>)) -> pb::FeatureValue {
    pb::FeatureValue { feature: feature(own).into(), value: known.map(|known| value(own, known)) }
}

fn every(features: &Features) -> Vec<pb::FeatureValue> {
    Feature::ALL.into_iter().map(|own| known((own, features.get(&own).copied()))).collect()
}

/// An outcome.
#[must_use]
pub fn outcome(own: Outcome) -> pb::Outcome {
    match own {
        Outcome::Approve => pb::Outcome::Approve,
        Outcome::Refer => pb::Outcome::Refer,
        Outcome::Decline => pb::Outcome::Decline,
    }
}

fn condition(own: &Condition) -> pb::PolicyCondition {
    let comparison = format!("COMPARISON_{}", own.op.name());
    pb::PolicyCondition {
        feature: feature(own.feature).into(),
        comparison: pb::policy_condition::Comparison::from_str_name(&comparison).unwrap_or_default().into(),
        value: (!matches!(own.op, Op::Missing | Op::Known)).then(|| value(own.feature, own.value)),
    }
}

fn rule(own: &Rule) -> pb::PolicyRule {
    pb::PolicyRule {
        code: own.code.clone(),
        reason: own.reason.clone(),
        conditions: own.conditions.iter().map(condition).collect(),
        outcome: outcome(own.outcome).into(),
    }
}

fn points(points: i64) -> i32 {
    i32::try_from(points).unwrap_or(i32::MAX)
}

fn line(own: &Characteristic) -> pb::ScorecardLine {
    pb::ScorecardLine {
        feature: feature(own.feature).into(),
        reason: own.reason.clone(),
        bins: own
            .bins
            .iter()
            .map(|bin| pb::ScorecardBin { at_least: bin.at_least.map(|least| value(own.feature, least)), points: points(bin.points) })
            .collect(),
        missing_points: points(own.missing),
    }
}

fn case(own: &Case, currency: Currency) -> pb::PolicyCase {
    pb::PolicyCase {
        title: own.title.clone(),
        features: own.features.iter().map(|(own, value)| known((*own, Some(*value)))).collect(),
        outcome: outcome(own.outcome).into(),
        limit: own.limit.map(|limit| money(Money::from_micros(currency, limit))),
    }
}

/// A policy.
#[must_use]
pub fn policy(tenant: &TenantId, own: &Policy) -> pb::Policy {
    let state = match own.state {
        PolicyState::Draft => pb::policy::State::Draft,
        PolicyState::Published => pb::policy::State::Published,
    };
    let amount = |micros| Some(money(Money::from_micros(own.currency, micros)));
    let terms = &own.terms;
    pb::Policy {
        name: policy_name(tenant, own.id),
        title: own.title.clone(),
        state: state.into(),
        currency_code: own.currency.code().to_owned(),
        number: own.number,
        terms: Some(pb::PolicyTerms {
            rules: terms.rules.iter().map(rule).collect(),
            base_points: points(terms.base),
            scorecard: terms.scorecard.iter().map(line).collect(),
            approve_at: points(terms.approve_at),
            refer_at: points(terms.refer_at),
            share_of_inflow: Some(decimal(Decimal::new(terms.share_of_inflow, 4))),
            limit_step: amount(terms.step),
            least_limit: amount(terms.least),
        }),
        cases: own.cases.iter().map(|case| self::case(case, own.currency)).collect(),
        create_time: Some(timestamp(own.created_at)),
        publish_time: own.published_at.map(timestamp),
        etag: etag::etag(own.version),
    }
}

/// What a case came to.
#[must_use]
pub fn tried((own, tried): (&Case, &Tried), currency: Currency) -> pb::TriedCase {
    pb::TriedCase {
        title: own.title.clone(),
        passed: tried.passed,
        outcome: outcome(tried.outcome).into(),
        limit: Some(money(Money::from_micros(currency, tried.limit))),
    }
}

/// A reason.
#[must_use]
pub fn reason(own: &Reason) -> pb::PrincipalReason {
    pb::PrincipalReason { code: own.code.clone(), text: own.text.clone() }
}

/// What a policy came to.
#[must_use]
pub fn decision(tenant: &TenantId, own: &Advice) -> pb::Decision {
    let made = &own.decided;
    let rule = |own: &RuleOutcome| pb::RuleOutcome {
        code: own.code.clone(),
        matched: own.matched,
        outcome: outcome(own.outcome).into(),
        inputs: own.inputs.iter().copied().map(known).collect(),
    };
    pb::Decision {
        policy: policy_name(tenant, own.policy),
        features: every(&own.features),
        limit_cap: Some(money(own.cap)),
        outcome: outcome(made.outcome).into(),
        limit: Some(money(Money::from_micros(own.cap.currency(), made.limit))),
        score: points(made.score),
        rules: made.rules.iter().map(rule).collect(),
        scorecard: made
            .points
            .iter()
            .map(|own| pb::LineOutcome {
                input: Some(known((own.feature, own.value))),
                points: points(own.points),
                best_points: points(own.best),
            })
            .collect(),
        reasons: made.reasons.iter().map(reason).collect(),
        would_pass: made.would_pass.iter().map(condition).collect(),
        points_lacking: points(made.points_lacking),
    }
}
