//! What a policy came to.

use super::{
    features::{feature_value, feature_values, render_outcome, render_points},
    names::policy_name,
    policy_terms::render_condition,
};
use payterms_chassis::render::money;
use payterms_credit_domain::{
    Advice,
    bank::{ApartRule, SetApart},
    decision::{Points, PrincipalReason, RuleOutcome},
};
use payterms_kernel::{Money, TenantId};
use payterms_proto::credit::v1 as pb;

/// A reason.
#[must_use]
pub fn principal_reason(reason: &PrincipalReason) -> pb::PrincipalReason {
    pb::PrincipalReason { code: reason.code.clone(), text: reason.text.clone() }
}

fn apart_rule(rule: ApartRule) -> pb::ApartRule {
    pb::ApartRule::from_str_name(&format!("APART_RULE_{}", rule.name())).unwrap_or_default()
}

/// What a policy came to.
#[must_use]
pub fn decision(tenant: &TenantId, advice: &Advice) -> pb::Decision {
    let made = &advice.decided;
    let amount = |micros| money(Money::from_micros(advice.cap.currency(), micros));
    let set_apart = |set_apart: &SetApart| pb::SetApart {
        rule: apart_rule(set_apart.rule).into(),
        booking_count: i32::try_from(set_apart.count).unwrap_or(i32::MAX),
        inflow: Some(amount(set_apart.inflow)),
        outflow: Some(amount(set_apart.outflow)),
    };
    let rule = |rule: &RuleOutcome| pb::RuleOutcome {
        code: rule.code.clone(),
        matched: rule.matched,
        outcome: render_outcome(rule.outcome).into(),
        inputs: rule
            .inputs
            .iter()
            .map(|(feature, value)| feature_value(*feature, *value))
            .collect(),
    };
    pb::Decision {
        policy: policy_name(tenant, advice.policy),
        features: feature_values(&advice.features),
        limit_cap: Some(money(advice.cap)),
        outcome: render_outcome(made.outcome).into(),
        limit: Some(amount(made.limit)),
        score: render_points(made.score),
        rules: made.rules.iter().map(rule).collect(),
        scorecard: made
            .points
            .iter()
            .map(|line: &Points| pb::LineOutcome {
                input: Some(feature_value(line.feature, line.value)),
                points: render_points(line.points),
                best_points: render_points(line.best),
            })
            .collect(),
        reasons: made.reasons.iter().map(principal_reason).collect(),
        would_pass: made.would_pass.iter().map(render_condition).collect(),
        points_lacking: render_points(made.points_lacking),
        advised_limit: (made.advised > 0).then(|| amount(made.advised)),
        set_apart: advice.coverage.set_apart.iter().map(set_apart).collect(),
    }
}
