//! Advised limits.

use super::{
    applications::answer,
    names::{ADVISED_LIMIT, application_name, customer_name, line_ref},
};
use crate::commands::advised_limits::{AdvisedLimitRef, DecideAdvisedLimit, ListAdvisedLimits};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    etag,
    names::Name,
    page::Page,
    render::{money, timestamp},
};
use payterms_credit_domain::{AdvisedLimit, AdvisedState, advised::Answer};
use payterms_kernel::{Id, Money, Reason, TenantId};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

fn advised_limit_ref(fields: &Fields, name: &Name) -> AdvisedLimitRef {
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    AdvisedLimitRef { line: line_ref(name), advised: Id::from_uuid(name.id(2)), as_customer }
}

/// Decides.
pub fn decide_advised_limit(
    request: Request<pb::DecideAdvisedLimitRequest>,
) -> Result<(Call, DecideAdvisedLimit), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, ADVISED_LIMIT);
    let (limit, reasons) =
        answer(&mut fields, message.outcome, message.limit.as_ref(), &message.reasons);
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let named = advised_limit_ref(&fields, &name);
    let call = fields.write(&message.request_id, name.tenant)?;
    let answer = limit.map_or(Answer::Refuse(reasons), Answer::Grant);
    Ok((call, DecideAdvisedLimit { named, answer, explanation }))
}

/// Names an advised limit to read.
pub fn get_advised_limit(
    request: Request<pb::GetAdvisedLimitRequest>,
) -> Result<AdvisedLimitRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, ADVISED_LIMIT);
    let named = advised_limit_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Asks for advised limits.
pub fn list_advised_limits(
    request: Request<pb::ListAdvisedLimitsRequest>,
) -> Result<(ListAdvisedLimits, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent =
        fields.name("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > AdvisedState::ALL.len() {
        fields.wrong("states", Reason::TOO_MANY_ITEMS, "Name each state once.");
    }
    for (index, number) in message.states.iter().take(AdvisedState::ALL.len()).enumerate() {
        let state = fields.choice::<pb::advised_limit::State>(&format!("states[{index}]"), *number);
        states.extend(state.and_then(|state| {
            AdvisedState::ALL.into_iter().find(|each| advised_state(*each) == state)
        }));
    }
    let page = Page::parse(
        &mut fields,
        &format!("{} {:?}", message.parent, message.states),
        message.page_size,
        &message.page_token,
    );
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = (!of_tenant).then(|| Id::from_uuid(parent.id(0)));
    Ok((ListAdvisedLimits { tenant: parent.tenant, customer, states, as_customer }, page))
}

fn advised_state(state: AdvisedState) -> pb::advised_limit::State {
    use pb::advised_limit::State;
    match state {
        AdvisedState::Open => State::Open,
        AdvisedState::Granted => State::Granted,
        AdvisedState::Refused => State::Refused,
        AdvisedState::Lapsed => State::Lapsed,
    }
}

/// An advised limit; customers do not see who decided.
#[must_use]
pub fn advised_limit(
    tenant: &TenantId,
    this_advised_limit: &AdvisedLimit,
    as_customer: bool,
) -> pb::AdvisedLimit {
    pb::AdvisedLimit {
        name: format!(
            "{}/creditLines/{}/advisedLimits/{}",
            customer_name(tenant, this_advised_limit.customer),
            this_advised_limit.line,
            this_advised_limit.id
        ),
        state: advised_state(this_advised_limit.state).into(),
        credit_application: application_name(
            tenant,
            this_advised_limit.customer,
            this_advised_limit.application,
        ),
        offered_limit: Some(money(this_advised_limit.offered)),
        advised_limit: Some(money(this_advised_limit.advised)),
        granted_limit: this_advised_limit.granted.map(money),
        reasons: this_advised_limit.reasons.clone(),
        explanation: this_advised_limit.explanation.clone(),
        decider: if as_customer { String::new() } else { this_advised_limit.decider.clone() },
        expire_time: (this_advised_limit.state == AdvisedState::Open)
            .then(|| timestamp(this_advised_limit.expires_at)),
        create_time: Some(timestamp(this_advised_limit.created_at)),
        update_time: Some(timestamp(this_advised_limit.updated_at)),
        etag: etag::etag(this_advised_limit.version),
    }
}

/// An advised limit as its event tells it, with the line's limit.
#[must_use]
pub fn advised_limit_changed(
    tenant: &TenantId,
    this_advised_limit: &AdvisedLimit,
    line_limit: Money,
) -> pb::AdvisedLimitChanged {
    pb::AdvisedLimitChanged {
        advised_limit: Some(advised_limit(tenant, this_advised_limit, false)),
        line_limit: Some(money(line_limit)),
    }
}
