//! Requests about policies → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::render_policies::decimals;
use chrono::DateTime;
use payterms_chassis::{AppError, Call, Fields, fields::Digits, page::Page};
use payterms_credit_domain::{
    Feature, Features, Outcome, Policy, PolicyState,
    policy::{Bin, Case, Characteristic, Condition, Op, Rule, Terms},
    standard,
};
use payterms_kernel::{Currency, Id, TenantId};
use payterms_proto::{credit::v1 as pb, google::r#type::Decimal as DecimalMessage};
use rust_decimal::{Decimal, prelude::ToPrimitive};
use tonic::Request;

/// The collections of a policy's name.
pub const POLICY: &[&str] = &["policies"];
const MOST_RULES: usize = 50;
const MOST_CONDITIONS: usize = 10;
const MOST_LINES: usize = 30;
const MOST_BINS: usize = 20;
const MOST_CASES: usize = 100;
/// Points of anything, either way.
const MOST_POINTS: i32 = 1_000;
/// The largest value of a feature, in its unit.
const MOST_VALUE: i64 = 1_000_000_000;

/// Names a policy.
#[derive(Debug, Clone)]
pub struct PolicyRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The policy.
    pub policy: Id<Policy>,
}

fn feature(fields: &mut Fields, field: &str, number: i32) -> Option<Feature> {
    let told = fields.choice::<pb::Feature>(field, number)?;
    Feature::ALL.into_iter().find(|own| crate::render_policies::feature(*own) == told)
}

/// A value of a feature, in its unit's smallest part.
fn value(fields: &mut Fields, field: &str, (own, told): (Feature, Option<&DecimalMessage>)) -> i64 {
    let most = Decimal::from(MOST_VALUE);
    let scale = decimals(own.unit());
    let parsed = match negative(told) {
        Some(plain) => -fields.decimal(field, Some(&plain), scale, Decimal::ZERO, most),
        None => fields.decimal(field, told, scale, -most, most),
    };
    let factor = 10_i64.checked_pow(scale).unwrap_or(1);
    parsed.checked_mul(Decimal::from(factor)).and_then(|parsed| parsed.to_i64()).unwrap_or_default()
}

/// The number without its minus sign; none where it has none: the grammar of amounts takes no sign.
fn negative(told: Option<&DecimalMessage>) -> Option<DecimalMessage> {
    let plain = told?.value.strip_prefix('-')?;
    Some(DecimalMessage { value: plain.to_owned() })
}

fn points(fields: &mut Fields, field: &str, points: i32) -> i64 {
    if points.checked_abs().is_none_or(|points| points > MOST_POINTS) {
        fields.wrong(field, "FIELD_OUT_OF_RANGE", "Use -1,000 to 1,000 points.");
    }
    points.into()
}

fn outcome(fields: &mut Fields, field: &str, number: i32) -> Outcome {
    match fields.choice::<pb::Outcome>(field, number) {
        Some(pb::Outcome::Refer) => Outcome::Refer,
        Some(pb::Outcome::Decline) => Outcome::Decline,
        Some(pb::Outcome::Approve | pb::Outcome::Unspecified) | None => Outcome::Approve,
    }
}

/// Refuses fewer or more than these bounds; answers those within them, with their places.
fn bounded<'a, T>(
    fields: &mut Fields,
    field: &str,
    told: &'a [T],
    (least, most): (usize, usize),
) -> impl Iterator<Item = (usize, &'a T)> + use<'a, T> {
    if told.len() < least {
        fields.wrong(field, "FIELD_REQUIRED", format!("Write {least} to {most}."));
    }
    if told.len() > most {
        fields.wrong(field, "TOO_MANY_ITEMS", format!("Write at most {most}."));
    }
    told.iter().take(most).enumerate()
}

fn condition(fields: &mut Fields, at: &str, told: &pb::PolicyCondition) -> Option<Condition> {
    let comparison = fields.choice::<pb::policy_condition::Comparison>(&format!("{at}.comparison"), told.comparison);
    let feature = feature(fields, &format!("{at}.feature"), told.feature)?;
    let name = comparison?.as_str_name();
    let op = Op::ALL.into_iter().find(|op| name == format!("COMPARISON_{}", op.name()))?;
    let bare = matches!(op, Op::Missing | Op::Known);
    if bare && told.value.is_some() {
        fields.wrong(&format!("{at}.value"), "FIELD_OUT_OF_RANGE", "Leave it out: MISSING and KNOWN compare with nothing.");
    }
    let value = if bare { 0 } else { value(fields, &format!("{at}.value"), (feature, told.value.as_ref())) };
    Some(Condition { feature, op, value })
}

fn rules(fields: &mut Fields, told: &[pb::PolicyRule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for (place, own) in bounded(fields, "policy.terms.rules", told, (0, MOST_RULES)) {
        let at = format!("policy.terms.rules[{place}]");
        let code = fields.text(&format!("{at}.code"), &own.code, 1, 60);
        if !code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_') {
            fields.wrong(&format!("{at}.code"), "FIELD_INVALID_CHARS", "Use capitals, digits and underscores.");
        }
        if rules.iter().any(|rule| rule.code == code) {
            fields.wrong(&format!("{at}.code"), "DUPLICATE_ITEM", "Give each rule a code of its own.");
        }
        let reason = fields.text(&format!("{at}.reason"), &own.reason, 1, 200);
        let mut conditions = Vec::new();
        for (place, told) in bounded(fields, &format!("{at}.conditions"), &own.conditions, (1, MOST_CONDITIONS)) {
            conditions.extend(condition(fields, &format!("{at}.conditions[{place}]"), told));
        }
        let outcome = outcome(fields, &format!("{at}.outcome"), own.outcome);
        if outcome == Outcome::Approve && own.outcome != 0 {
            fields.wrong(&format!("{at}.outcome"), "ENUM_INVALID", "A rule refers or declines.");
        }
        rules.push(Rule { code, reason, conditions, outcome });
    }
    rules
}

fn scorecard(fields: &mut Fields, told: &[pb::ScorecardLine]) -> Vec<Characteristic> {
    let mut lines: Vec<Characteristic> = Vec::new();
    for (place, own) in bounded(fields, "policy.terms.scorecard", told, (0, MOST_LINES)) {
        let at = format!("policy.terms.scorecard[{place}]");
        let reason = fields.text(&format!("{at}.reason"), &own.reason, 1, 200);
        let missing = points(fields, &format!("{at}.missing_points"), own.missing_points);
        let Some(feature) = feature(fields, &format!("{at}.feature"), own.feature) else { continue };
        if lines.iter().any(|line| line.feature == feature) {
            fields.wrong(&format!("{at}.feature"), "DUPLICATE_ITEM", "Give each feature one line.");
        }
        let mut bins: Vec<Bin> = Vec::new();
        for (place, told) in bounded(fields, &format!("{at}.bins"), &own.bins, (1, MOST_BINS)) {
            let at = format!("{at}.bins[{place}]");
            let at_least = told.at_least.as_ref().map(|least| value(fields, &format!("{at}.at_least"), (feature, Some(least))));
            let rises = match (place, bins.last(), at_least) {
                (0, _, least) => least.is_none(),
                (_, Some(last), Some(least)) => last.at_least.is_none_or(|before| before < least),
                _ => false,
            };
            if !rises {
                fields.wrong(&format!("{at}.at_least"), "FIELD_OUT_OF_RANGE", "The first bin has no least value, each other a higher one.");
            }
            bins.push(Bin { at_least, points: points(fields, &format!("{at}.points"), told.points) });
        }
        lines.push(Characteristic { feature, reason, bins, missing });
    }
    lines
}

fn terms(fields: &mut Fields, told: &pb::PolicyTerms, currency: Currency) -> Terms {
    let at = |field: &str| format!("policy.terms.{field}");
    let (least_share, most_share) = (Decimal::new(1, 4), Decimal::from(10));
    let share = fields.decimal(&at("share_of_inflow"), told.share_of_inflow.as_ref(), 4, least_share, most_share);
    let step = fields.money(&at("limit_step"), told.limit_step.as_ref(), Digits::MinorUnit);
    let least = fields.money(&at("least_limit"), told.least_limit.as_ref(), Digits::MinorUnit);
    for (field, amount) in [("limit_step", step), ("least_limit", least)] {
        if amount.is_positive() && amount.currency() != currency {
            fields.wrong(&at(field), "CURRENCY_MISMATCH", "Write it in the policy's currency.");
        }
    }
    if told.refer_at > told.approve_at {
        fields.wrong(&at("refer_at"), "FIELD_OUT_OF_RANGE", "It refers from at most as many points as it approves from.");
    }
    let whole = share.checked_mul(Decimal::from(10_000)).and_then(|share| share.to_i64());
    Terms {
        rules: rules(fields, &told.rules),
        base: points(fields, &at("base_points"), told.base_points),
        scorecard: scorecard(fields, &told.scorecard),
        approve_at: told.approve_at.into(),
        refer_at: told.refer_at.into(),
        share_of_inflow: whole.unwrap_or(1).max(1),
        step: step.micros().max(1),
        least: least.micros().max(1),
    }
}

fn cases(fields: &mut Fields, told: &[pb::PolicyCase], currency: Currency) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, own) in bounded(fields, "policy.cases", told, (0, MOST_CASES)) {
        let at = format!("policy.cases[{place}]");
        let mut features = Features::new();
        for (place, told) in bounded(fields, &format!("{at}.features"), &own.features, (0, Feature::ALL.len())) {
            let at = format!("{at}.features[{place}]");
            let Some(feature) = feature(fields, &format!("{at}.feature"), told.feature) else { continue };
            let known = told.value.as_ref().map(|known| value(fields, &format!("{at}.value"), (feature, Some(known))));
            if features.contains_key(&feature) {
                fields.wrong(&format!("{at}.feature"), "DUPLICATE_ITEM", "Name each feature once.");
            }
            features.extend(known.map(|known| (feature, known)));
        }
        let limit = own.limit.as_ref().and_then(|limit| {
            no_limit(limit, currency).or_else(|| {
                let limit = fields.money(&format!("{at}.limit"), Some(limit), Digits::MinorUnit);
                if limit.is_positive() && limit.currency() != currency {
                    fields.wrong(&format!("{at}.limit"), "CURRENCY_MISMATCH", "Write it in the policy's currency.");
                }
                Some(limit.micros())
            })
        });
        let title = fields.text(&format!("{at}.title"), &own.title, 1, 200);
        cases.push(Case { title, features, outcome: outcome(fields, &format!("{at}.outcome"), own.outcome), limit });
    }
    cases
}

/// A limit of nothing, which a case may ask for.
fn no_limit(told: &payterms_proto::google::r#type::Money, currency: Currency) -> Option<i64> {
    (told.units == 0 && told.nanos == 0 && told.currency_code == currency.code()).then_some(0)
}

fn policy(fields: &mut Fields, told: &pb::Policy) -> Policy {
    let currency = if told.currency_code.is_empty() {
        Currency::parse("USD").unwrap_or_else(|| fields.currency("policy.currency_code", ""))
    } else {
        fields.currency("policy.currency_code", &told.currency_code)
    };
    let (terms, cases) = match &told.terms {
        None => (standard::terms(), standard::cases()),
        Some(own) => (terms(fields, own, currency), cases(fields, &told.cases, currency)),
    };
    Policy {
        id: Id::from_uuid(uuid::Uuid::nil()),
        title: fields.text("policy.title", &told.title, 1, 200),
        state: PolicyState::Draft,
        currency,
        number: 0,
        terms,
        cases,
        version: 1,
        created_at: DateTime::UNIX_EPOCH,
        published_at: None,
    }
}

/// Writes a draft.
pub fn create(request: Request<pb::CreatePolicyRequest>) -> Result<(Call, Policy), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let own = policy(&mut fields, &message.policy.unwrap_or_default());
    Ok((fields.write(&message.request_id, parent.tenant)?, own))
}

/// Replaces a draft: which, with what, and the version that was read.
pub fn update(request: Request<pb::UpdatePolicyRequest>) -> Result<(Call, PolicyRef, Policy, String), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let told = message.policy.unwrap_or_default();
    let name = fields.name("policy.name", &told.name, POLICY);
    let own = policy(&mut fields, &told);
    let etag = fields.text("policy.etag", &told.etag, 0, 100);
    let named = PolicyRef { tenant: name.tenant.clone(), policy: Id::from_uuid(name.id(0)) };
    Ok((fields.write(&message.request_id, name.tenant)?, named, own, etag))
}

/// Publishes a draft.
pub fn publish(request: Request<pb::PublishPolicyRequest>) -> Result<(Call, PolicyRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, POLICY);
    let named = PolicyRef { tenant: name.tenant.clone(), policy: Id::from_uuid(name.id(0)) };
    Ok((fields.write(&message.request_id, name.tenant)?, named))
}

fn read(mut fields: Fields, name: &str) -> Result<PolicyRef, AppError> {
    let name = fields.name("name", name, POLICY);
    fields.finish()?;
    Ok(PolicyRef { policy: Id::from_uuid(name.id(0)), tenant: name.tenant })
}

/// Names a policy to read.
pub fn get(request: Request<pb::GetPolicyRequest>) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    read(fields, &message.name)
}

/// Names a policy to try.
pub fn test(request: Request<pb::TestPolicyRequest>) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    read(fields, &message.name)
}

/// Names a policy to try on what was decided.
pub fn back_test(request: Request<pb::BackTestPolicyRequest>) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    read(fields, &message.name)
}

/// Asks for policies.
pub fn list(request: Request<pb::ListPoliciesRequest>) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((parent.tenant, page))
}
