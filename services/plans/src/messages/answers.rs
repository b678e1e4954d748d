//! Requests that answer a proposal or a counter-offer, or that end or reinstate a plan.

use super::{
    names::{PLAN, plan_ref},
    schedules::schedule,
};
use crate::commands::plans::{AcceptPlan, CounterPlan, EndPlan, ExplainedChange};
use payterms_chassis::{AppError, Call, Fields, fields::Digits};
use payterms_plans_domain::Verb;
use payterms_proto::plans::v1 as pb;
use tonic::Request;

/// Parses the approval of a proposal.
pub fn approve_plan(
    request: Request<pb::ApprovePlanRequest>,
) -> Result<(Call, AcceptPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let etag = fields.token("etag", &message.etag, 0, 100);
    let command = AcceptPlan { plan: plan_ref(&name), verb: Verb::Approve, total_seen, etag };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Parses the acceptance of a counter-offer.
pub fn accept_counter_offer(
    request: Request<pb::AcceptCounterOfferRequest>,
) -> Result<(Call, AcceptPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let command = AcceptPlan {
        plan: plan_ref(&name),
        verb: Verb::AcceptCounter,
        total_seen,
        etag: String::new(),
    };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

fn explained(
    mut fields: Fields,
    request_id: &str,
    name: &str,
    text: &str,
    least: usize,
) -> Result<(Call, ExplainedChange), AppError> {
    let name = fields.name("name", name, PLAN);
    let explanation = fields.lines("explanation", text, least, 1_000);
    let change = ExplainedChange { plan: plan_ref(&name), explanation };
    Ok((fields.write(request_id, name.tenant)?, change))
}

fn ended(
    fields: Fields,
    request_id: &str,
    name: &str,
    explanation: &str,
    verb: Verb,
) -> Result<(Call, EndPlan), AppError> {
    let (call, ExplainedChange { plan, explanation }) =
        explained(fields, request_id, name, explanation, 1)?;
    Ok((call, EndPlan { plan, verb, explanation }))
}

/// Parses the refusal of a proposal.
pub fn refuse_plan(request: Request<pb::RefusePlanRequest>) -> Result<(Call, EndPlan), AppError> {
    let (fields, message) = Fields::open(request)?;
    ended(fields, &message.request_id, &message.name, &message.explanation, Verb::Refuse)
}

/// Parses the cancellation of a plan.
pub fn cancel_plan(request: Request<pb::CancelPlanRequest>) -> Result<(Call, EndPlan), AppError> {
    let (fields, message) = Fields::open(request)?;
    ended(fields, &message.request_id, &message.name, &message.explanation, Verb::Cancel)
}

/// Parses the refusal of a counter-offer.
pub fn decline_counter_offer(
    request: Request<pb::DeclineCounterOfferRequest>,
) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, &message.request_id, &message.name, &message.explanation, 0)
}

/// Parses the reinstatement of a breached plan.
pub fn reinstate_plan(
    request: Request<pb::ReinstatePlanRequest>,
) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, &message.request_id, &message.name, &message.explanation, 0)
}

/// Parses a counter-offer.
pub fn counter_plan(
    request: Request<pb::CounterPlanRequest>,
) -> Result<(Call, CounterPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let schedule = schedule(&mut fields, message.schedule.as_ref());
    let explanation = fields.lines("explanation", &message.explanation, 0, 1_000);
    let command = CounterPlan { plan: plan_ref(&name), schedule, explanation };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Parses the withdrawal of a proposal.
pub fn withdraw_plan(
    request: Request<pb::WithdrawPlanRequest>,
) -> Result<(Call, EndPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let command =
        EndPlan { plan: plan_ref(&name), verb: Verb::Withdraw, explanation: String::new() };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}
