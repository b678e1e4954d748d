//! The terms of a policy, its rules and its scorecard, both ways.

use super::features::{
    feature, outcome, points, render_feature, render_outcome, render_points, render_value, value,
};
use payterms_chassis::{
    Fields,
    fields::Digits,
    render::{decimal, money},
};
use payterms_credit_domain::{
    Outcome,
    policy::{Bin, Characteristic, Condition, Op, Rule, Terms},
};
use payterms_kernel::{Currency, Money, Reason};
use payterms_proto::credit::v1 as pb;
use rust_decimal::{Decimal, prelude::ToPrimitive};

const MOST_RULES: usize = 50;
const MOST_CONDITIONS: usize = 10;
const MOST_LINES: usize = 30;
const MOST_BINS: usize = 20;

/// Refuses fewer or more than these bounds; answers those within them, with their indexes.
pub(super) fn bounded<'a, T>(
    fields: &mut Fields,
    field: &str,
    messages: &'a [T],
    least: usize,
    most: usize,
) -> impl Iterator<Item = (usize, &'a T)> + use<'a, T> {
    if messages.len() < least {
        fields.wrong(field, Reason::FIELD_REQUIRED, format!("Write {least} to {most}."));
    }
    if messages.len() > most {
        fields.wrong(field, Reason::TOO_MANY_ITEMS, format!("Write at most {most}."));
    }
    messages.iter().take(most).enumerate()
}

fn condition(fields: &mut Fields, at: &str, message: &pb::PolicyCondition) -> Option<Condition> {
    let comparison = fields.choice::<pb::policy_condition::Comparison>(
        &format!("{at}.comparison"),
        message.comparison,
    );
    let feature = feature(fields, &format!("{at}.feature"), message.feature)?;
    let name = comparison?.as_str_name();
    let op = Op::ALL.into_iter().find(|op| name == format!("COMPARISON_{}", op.name()))?;
    let bare = matches!(op, Op::Missing | Op::Known);
    if bare && message.value.is_some() {
        fields.wrong(
            &format!("{at}.value"),
            Reason::FIELD_OUT_OF_RANGE,
            "Leave it out: MISSING and KNOWN compare with nothing.",
        );
    }
    let value = if bare {
        0
    } else {
        value(fields, &format!("{at}.value"), feature, message.value.as_ref())
    };
    Some(Condition { feature, op, value })
}

fn rules(fields: &mut Fields, messages: &[pb::PolicyRule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, rule) in bounded(fields, "policy.terms.rules", messages, 0, MOST_RULES) {
        let at = format!("policy.terms.rules[{index}]");
        let code = fields.text(&format!("{at}.code"), &rule.code, 1, 60);
        if !code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
            fields.wrong(
                &format!("{at}.code"),
                Reason::FIELD_INVALID_CHARS,
                "Use capitals, digits and underscores.",
            );
        }
        if rules.iter().any(|other| other.code == code) {
            fields.wrong(
                &format!("{at}.code"),
                Reason::DUPLICATE_ITEM,
                "Give each rule a code of its own.",
            );
        }
        let explanation = fields.text(&format!("{at}.explanation"), &rule.explanation, 1, 200);
        let mut conditions = Vec::new();
        for (index, message) in
            bounded(fields, &format!("{at}.conditions"), &rule.conditions, 1, MOST_CONDITIONS)
        {
            conditions.extend(condition(fields, &format!("{at}.conditions[{index}]"), message));
        }
        let outcome = outcome(fields, &format!("{at}.outcome"), rule.outcome);
        if outcome == Outcome::Approve && rule.outcome != 0 {
            fields.wrong(
                &format!("{at}.outcome"),
                Reason::ENUM_INVALID,
                "A rule refers or declines.",
            );
        }
        rules.push(Rule { code, explanation, conditions, outcome });
    }
    rules
}

fn scorecard(fields: &mut Fields, messages: &[pb::ScorecardLine]) -> Vec<Characteristic> {
    let mut lines: Vec<Characteristic> = Vec::new();
    for (index, line) in bounded(fields, "policy.terms.scorecard", messages, 0, MOST_LINES) {
        let at = format!("policy.terms.scorecard[{index}]");
        let explanation = fields.text(&format!("{at}.explanation"), &line.explanation, 1, 200);
        let missing = points(fields, &format!("{at}.missing_points"), line.missing_points);
        let Some(feature) = feature(fields, &format!("{at}.feature"), line.feature) else {
            continue;
        };
        if lines.iter().any(|other| other.feature == feature) {
            fields.wrong(
                &format!("{at}.feature"),
                Reason::DUPLICATE_ITEM,
                "Give each feature one line.",
            );
        }
        let mut bins: Vec<Bin> = Vec::new();
        for (index, bin) in bounded(fields, &format!("{at}.bins"), &line.bins, 1, MOST_BINS) {
            let at = format!("{at}.bins[{index}]");
            let at_least = bin
                .at_least
                .as_ref()
                .map(|least| value(fields, &format!("{at}.at_least"), feature, Some(least)));
            let rises = match (index, bins.last(), at_least) {
                (0, _, least) => least.is_none(),
                (_, Some(last), Some(least)) => last.at_least.is_none_or(|before| before < least),
                _ => false,
            };
            if !rises {
                fields.wrong(
                    &format!("{at}.at_least"),
                    Reason::FIELD_OUT_OF_RANGE,
                    "The first bin has no least value, each other a higher one.",
                );
            }
            bins.push(Bin {
                at_least,
                points: points(fields, &format!("{at}.points"), bin.points),
            });
        }
        lines.push(Characteristic { feature, explanation, bins, missing });
    }
    lines
}

/// Terms, in the policy's currency.
pub(super) fn terms(fields: &mut Fields, message: &pb::PolicyTerms, currency: Currency) -> Terms {
    let at = |field: &str| format!("policy.terms.{field}");
    let (least_share, most_share) = (Decimal::new(1, 4), Decimal::from(10));
    let share = fields.decimal(
        &at("share_of_inflow"),
        message.share_of_inflow.as_ref(),
        4,
        least_share,
        most_share,
    );
    let step = fields.money(&at("limit_step"), message.limit_step.as_ref(), Digits::MinorUnit);
    let least = fields.money(&at("least_limit"), message.least_limit.as_ref(), Digits::MinorUnit);
    let at_once = message
        .offered_at_once
        .as_ref()
        .map(|most| fields.money(&at("offered_at_once"), Some(most), Digits::MinorUnit));
    if at_once
        .is_some_and(|most| most.is_positive() && most.micros() < least.micros().max(step.micros()))
    {
        fields.wrong(
            &at("offered_at_once"),
            Reason::FIELD_OUT_OF_RANGE,
            "Write the smallest limit and a step at least, or leave it out.",
        );
    }
    let amounts =
        [("limit_step", Some(step)), ("least_limit", Some(least)), ("offered_at_once", at_once)];
    for (field, amount) in amounts.into_iter().filter_map(|(field, amount)| Some((field, amount?)))
    {
        if amount.is_positive() && amount.currency() != currency {
            fields.wrong(
                &at(field),
                Reason::CURRENCY_MISMATCH,
                "Write it in the policy's currency.",
            );
        }
    }
    if message.refer_at > message.approve_at {
        fields.wrong(
            &at("refer_at"),
            Reason::FIELD_OUT_OF_RANGE,
            "It refers from at most as many points as it approves from.",
        );
    }
    let whole = share.checked_mul(Decimal::from(10_000)).and_then(|share| share.to_i64());
    Terms {
        rules: rules(fields, &message.rules),
        base: points(fields, &at("base_points"), message.base_points),
        scorecard: scorecard(fields, &message.scorecard),
        approve_at: message.approve_at.into(),
        refer_at: message.refer_at.into(),
        share_of_inflow: whole.unwrap_or(1).max(1),
        step: step.micros().max(1),
        least: least.micros().max(1),
        offered_at_once: at_once.map(Money::micros),
    }
}

/// A condition of a rule.
pub(super) fn render_condition(condition: &Condition) -> pb::PolicyCondition {
    let comparison = format!("COMPARISON_{}", condition.op.name());
    pb::PolicyCondition {
        feature: render_feature(condition.feature).into(),
        comparison: pb::policy_condition::Comparison::from_str_name(&comparison)
            .unwrap_or_default()
            .into(),
        value: (!matches!(condition.op, Op::Missing | Op::Known))
            .then(|| render_value(condition.feature, condition.value)),
    }
}

fn render_rule(rule: &Rule) -> pb::PolicyRule {
    pb::PolicyRule {
        code: rule.code.clone(),
        explanation: rule.explanation.clone(),
        conditions: rule.conditions.iter().map(render_condition).collect(),
        outcome: render_outcome(rule.outcome).into(),
    }
}

fn render_line(line: &Characteristic) -> pb::ScorecardLine {
    pb::ScorecardLine {
        feature: render_feature(line.feature).into(),
        explanation: line.explanation.clone(),
        bins: line
            .bins
            .iter()
            .map(|bin| pb::ScorecardBin {
                at_least: bin.at_least.map(|least| render_value(line.feature, least)),
                points: render_points(bin.points),
            })
            .collect(),
        missing_points: render_points(line.missing),
    }
}

/// Terms, in the policy's currency.
pub(super) fn render_terms(terms: &Terms, currency: Currency) -> pb::PolicyTerms {
    let amount = |micros| Some(money(Money::from_micros(currency, micros)));
    pb::PolicyTerms {
        rules: terms.rules.iter().map(render_rule).collect(),
        base_points: render_points(terms.base),
        scorecard: terms.scorecard.iter().map(render_line).collect(),
        approve_at: render_points(terms.approve_at),
        refer_at: render_points(terms.refer_at),
        share_of_inflow: Some(decimal(Decimal::new(terms.share_of_inflow, 4))),
        limit_step: amount(terms.step),
        least_limit: amount(terms.least),
        offered_at_once: terms.offered_at_once.and_then(amount),
    }
}
