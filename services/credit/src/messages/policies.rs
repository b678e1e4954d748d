//! Policies, their cases and their trials.

use super::{
    features::{feature, feature_value, outcome, render_outcome, value},
    names::{POLICY, application_name, policy_name},
    policy_terms::{bounded, render_terms, terms},
};
use crate::commands::policies::{PolicyRef, UpdatePolicy};
use chrono::DateTime;
use payterms_chassis::{
    AppError, Call, Fields, etag,
    fields::Digits,
    names::Name,
    page::Page,
    render::{money, timestamp},
};
use payterms_credit_domain::{
    Advice, Application, Customer, Decided, Feature, Features, Policy, PolicyState,
    policy::{Case, Tried},
    standard,
};
use payterms_kernel::{Currency, Id, Money, Reason, TenantId};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

const MOST_CASES: usize = 100;

fn cases(fields: &mut Fields, messages: &[pb::PolicyCase], currency: Currency) -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, case) in bounded(fields, "policy.cases", messages, 0, MOST_CASES) {
        let at = format!("policy.cases[{index}]");
        let mut features = Features::new();
        for (index, known) in
            bounded(fields, &format!("{at}.features"), &case.features, 0, Feature::ALL.len())
        {
            let at = format!("{at}.features[{index}]");
            let Some(feature) = feature(fields, &format!("{at}.feature"), known.feature) else {
                continue;
            };
            let known = known
                .value
                .as_ref()
                .map(|known| value(fields, &format!("{at}.value"), feature, Some(known)));
            if features.contains_key(&feature) {
                fields.wrong(
                    &format!("{at}.feature"),
                    Reason::DUPLICATE_ITEM,
                    "Name each feature once.",
                );
            }
            features.extend(known.map(|known| (feature, known)));
        }
        let limit = case.limit.as_ref().and_then(|limit| {
            no_limit(limit, currency).or_else(|| {
                let limit = fields.money(&format!("{at}.limit"), Some(limit), Digits::MinorUnit);
                if limit.is_positive() && limit.currency() != currency {
                    fields.wrong(
                        &format!("{at}.limit"),
                        Reason::CURRENCY_MISMATCH,
                        "Write it in the policy's currency.",
                    );
                }
                Some(limit.micros())
            })
        });
        let title = fields.text(&format!("{at}.title"), &case.title, 1, 200);
        cases.push(Case {
            title,
            features,
            outcome: outcome(fields, &format!("{at}.outcome"), case.outcome),
            limit,
        });
    }
    cases
}

/// A limit of nothing, which a case may ask for.
fn no_limit(message: &payterms_proto::google::r#type::Money, currency: Currency) -> Option<i64> {
    (message.units == 0 && message.nanos == 0 && message.currency_code == currency.code())
        .then_some(0)
}

fn policy(fields: &mut Fields, message: &pb::Policy) -> Policy {
    let currency = if message.currency_code.is_empty() {
        Currency::parse("USD").unwrap_or_else(|| fields.currency("policy.currency_code", ""))
    } else {
        fields.currency("policy.currency_code", &message.currency_code)
    };
    let (terms, cases) = match &message.terms {
        None => (standard::terms(), standard::cases()),
        Some(stated) => (terms(fields, stated, currency), cases(fields, &message.cases, currency)),
    };
    Policy {
        id: Id::from_uuid(uuid::Uuid::nil()),
        title: fields.text("policy.title", &message.title, 1, 200),
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

fn policy_ref(name: &Name) -> PolicyRef {
    PolicyRef { tenant: name.tenant.clone(), policy: Id::from_uuid(name.id(0)) }
}

/// Writes a draft.
pub fn create_policy(
    request: Request<pb::CreatePolicyRequest>,
) -> Result<(Call, Policy), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let draft = policy(&mut fields, &message.policy.unwrap_or_default());
    Ok((fields.write(&message.request_id, parent.tenant)?, draft))
}

/// Replaces a draft.
pub fn update_policy(
    request: Request<pb::UpdatePolicyRequest>,
) -> Result<(Call, UpdatePolicy), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let policy_message = message.policy.unwrap_or_default();
    let name = fields.name("policy.name", &policy_message.name, POLICY);
    let new = policy(&mut fields, &policy_message);
    let etag = fields.token("policy.etag", &policy_message.etag, 0, 100);
    let command = UpdatePolicy { policy: policy_ref(&name), new, etag };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Publishes a draft.
pub fn publish_policy(
    request: Request<pb::PublishPolicyRequest>,
) -> Result<(Call, PolicyRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, POLICY);
    let policy = policy_ref(&name);
    Ok((fields.write(&message.request_id, name.tenant)?, policy))
}

fn readable_policy(mut fields: Fields, name: &str) -> Result<PolicyRef, AppError> {
    let name = fields.name("name", name, POLICY);
    fields.finish()?;
    Ok(policy_ref(&name))
}

/// Names a policy to read.
pub fn get_policy(request: Request<pb::GetPolicyRequest>) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    readable_policy(fields, &message.name)
}

/// Names a policy to try.
pub fn test_policy(request: Request<pb::TestPolicyRequest>) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    readable_policy(fields, &message.name)
}

/// Names a policy to try on what was decided.
pub fn back_test_policy(
    request: Request<pb::BackTestPolicyRequest>,
) -> Result<PolicyRef, AppError> {
    let (fields, message) = Fields::open(request)?;
    readable_policy(fields, &message.name)
}

/// Asks for policies.
pub fn list_policies(
    request: Request<pb::ListPoliciesRequest>,
) -> Result<(TenantId, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &[]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((parent.tenant, page))
}

fn render_case(case: &Case, currency: Currency) -> pb::PolicyCase {
    pb::PolicyCase {
        title: case.title.clone(),
        features: case
            .features
            .iter()
            .map(|(feature, value)| feature_value(*feature, Some(*value)))
            .collect(),
        outcome: render_outcome(case.outcome).into(),
        limit: case.limit.map(|limit| money(Money::from_micros(currency, limit))),
    }
}

/// A policy.
#[must_use]
pub fn render_policy(tenant: &TenantId, policy: &Policy) -> pb::Policy {
    let state = match policy.state {
        PolicyState::Draft => pb::policy::State::Draft,
        PolicyState::Published => pb::policy::State::Published,
    };
    pb::Policy {
        name: policy_name(tenant, policy.id),
        title: policy.title.clone(),
        state: state.into(),
        currency_code: policy.currency.code().to_owned(),
        number: policy.number,
        terms: Some(render_terms(&policy.terms, policy.currency)),
        cases: policy.cases.iter().map(|case| render_case(case, policy.currency)).collect(),
        create_time: Some(timestamp(policy.created_at)),
        publish_time: policy.published_at.map(timestamp),
        etag: etag::etag(policy.version),
    }
}

/// What a case came to.
#[must_use]
pub fn tried_case(case: &Case, tried: &Tried, currency: Currency) -> pb::TriedCase {
    pb::TriedCase {
        title: case.title.clone(),
        passed: tried.passed,
        outcome: render_outcome(tried.outcome).into(),
        limit: Some(money(Money::from_micros(currency, tried.limit))),
    }
}

/// What another policy came to for an application, and what this one would have.
#[must_use]
pub fn back_tested(
    tenant: &TenantId,
    (application, customer, advice): &(Id<Application>, Id<Customer>, Advice),
    would_be: &Decided,
    currency: Currency,
) -> pb::BackTested {
    let amount = |micros| Some(money(Money::from_micros(currency, micros)));
    pb::BackTested {
        application: application_name(tenant, *customer, application),
        outcome: render_outcome(advice.decided.outcome).into(),
        limit: amount(advice.decided.limit),
        would_be: render_outcome(would_be.outcome).into(),
        limit_would_be: amount(would_be.limit),
    }
}
