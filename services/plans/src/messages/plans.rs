//! Plans, their history, and what is asked of them.

use super::{
    names::{INVOICE, PLAN, customer_name, customer_ref, plan_name, plan_ref},
    schedules::{render_schedule, schedule},
};
use crate::commands::plans::{AcceptPlan, CounterPlan, EndPlan, ExplainedChange, ListPlans, PlanHistory, PlanRef, ProposePlan};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Caller,
    call::Grant,
    etag,
    fields::Digits,
    names::Name,
    page::Page,
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, TenantId};
use payterms_plans_domain::{Covered, Instalment, Plan, PlanState, Side, Taken, Verb, proposal::Proposal};
use payterms_proto::plans::v1 as pb;
use tonic::Request;

/// Invoices of one plan.
const MOST_INVOICES: usize = 100;

fn proposal(
    fields: &mut Fields,
    parent: &Name,
    invoices: &[String],
    schedule: Option<&pb::Schedule>,
    (collect_automatically, note): (bool, &str),
) -> ProposePlan {
    if invoices.is_empty() {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    if invoices.len() > MOST_INVOICES {
        fields.wrong("invoices", "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
    let mut ids = Vec::new();
    for (index, text) in invoices.iter().take(MOST_INVOICES).enumerate() {
        let field = format!("invoices[{index}]");
        let name = fields.name(&field, text, INVOICE);
        let id = Id::from_uuid(name.id(1));
        let foreign = name.id(0) != parent.id(0) && fields.scope().covers(&name.tenant, Some(name.id(0)));
        if foreign && !name.ids.is_empty() && !parent.ids.is_empty() {
            fields.wrong(&field, "RESOURCE_NAME_INVALID", "A plan covers invoices of one customer: name those of the parent.");
        }
        if ids.contains(&id) {
            fields.wrong(&field, "DUPLICATE_ITEM", "Name each invoice once.");
        }
        ids.push(id);
    }
    let schedule = self::schedule(fields, schedule);
    let note = fields.lines("note", note, 0, 1_000);
    ProposePlan { customer: customer_ref(parent), invoices: ids, proposal: Proposal { schedule, collect_automatically, note } }
}

/// Previews a plan.
pub fn preview_plan(request: Request<pb::PreviewPlanRequest>) -> Result<(Caller, ProposePlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let rest = (message.collect_automatically, message.note.as_str());
    let command = proposal(&mut fields, &parent, &message.invoices, message.schedule.as_ref(), rest);
    let caller = fields.scope().caller.clone();
    fields.finish()?;
    Ok((caller, command))
}

/// Sends a proposal.
pub fn propose_plan(request: Request<pb::ProposePlanRequest>) -> Result<(Call, ProposePlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let rest = (message.collect_automatically, message.note.as_str());
    let command = proposal(&mut fields, &parent, &message.invoices, message.schedule.as_ref(), rest);
    Ok((fields.write(&message.request_id, parent.tenant.clone())?, command))
}

/// Approves a proposal.
pub fn approve_plan(request: Request<pb::ApprovePlanRequest>) -> Result<(Call, AcceptPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let etag = fields.token("etag", &message.etag, 0, 100);
    let command = AcceptPlan { plan: plan_ref(&name), verb: Verb::Approve, total_seen, etag };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Accepts a counter-offer.
pub fn accept_counter_offer(request: Request<pb::AcceptCounterOfferRequest>) -> Result<(Call, AcceptPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let command = AcceptPlan { plan: plan_ref(&name), verb: Verb::AcceptCounter, total_seen, etag: String::new() };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

fn explained(mut fields: Fields, (request_id, name): (&str, &str), text: &str, least: usize) -> Result<(Call, ExplainedChange), AppError> {
    let name = fields.name("name", name, PLAN);
    let explanation = fields.lines("explanation", text, least, 1_000);
    let change = ExplainedChange { plan: plan_ref(&name), explanation };
    Ok((fields.write(request_id, name.tenant)?, change))
}

fn ended(fields: Fields, named: (&str, &str), explanation: &str, verb: Verb) -> Result<(Call, EndPlan), AppError> {
    let (call, ExplainedChange { plan, explanation }) = explained(fields, named, explanation, 1)?;
    Ok((call, EndPlan { plan, verb, explanation }))
}

/// Says no.
pub fn refuse_plan(request: Request<pb::RefusePlanRequest>) -> Result<(Call, EndPlan), AppError> {
    let (fields, message) = Fields::open(request)?;
    ended(fields, (&message.request_id, &message.name), &message.explanation, Verb::Refuse)
}

/// Ends a plan.
pub fn cancel_plan(request: Request<pb::CancelPlanRequest>) -> Result<(Call, EndPlan), AppError> {
    let (fields, message) = Fields::open(request)?;
    ended(fields, (&message.request_id, &message.name), &message.explanation, Verb::Cancel)
}

/// Turns a counter-offer down.
pub fn decline_counter_offer(request: Request<pb::DeclineCounterOfferRequest>) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 0)
}

/// Gives a breached plan another chance.
pub fn reinstate_plan(request: Request<pb::ReinstatePlanRequest>) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 0)
}

/// Offers another schedule.
pub fn counter_plan(request: Request<pb::CounterPlanRequest>) -> Result<(Call, CounterPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let schedule = schedule(&mut fields, message.schedule.as_ref());
    let explanation = fields.lines("explanation", &message.explanation, 0, 1_000);
    let command = CounterPlan { plan: plan_ref(&name), schedule, explanation };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Takes a proposal back.
pub fn withdraw_plan(request: Request<pb::WithdrawPlanRequest>) -> Result<(Call, EndPlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let command = EndPlan { plan: plan_ref(&name), verb: Verb::Withdraw, explanation: String::new() };
    Ok((fields.write(&message.request_id, name.tenant)?, command))
}

/// Tries to collect now.
pub fn retry_plan_collection(request: Request<pb::RetryPlanCollectionRequest>) -> Result<(Call, PlanRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name)))
}

/// Names a plan to read.
pub fn get_plan(request: Request<pb::GetPlanRequest>) -> Result<PlanRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    fields.finish()?;
    Ok(plan_ref(&name))
}

/// Asks for plans.
pub fn list_plans(request: Request<pb::ListPlansRequest>) -> Result<(ListPlans, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent = fields.name("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > PlanState::ALL.len() {
        fields.wrong("states", "TOO_MANY_ITEMS", "Name each state once.");
    }
    for (index, number) in message.states.iter().take(PlanState::ALL.len()).enumerate() {
        let state = fields.choice::<pb::plan::State>(&format!("states[{index}]"), *number);
        states.extend(state.and_then(|state| PlanState::ALL.into_iter().find(|own| plan_state(*own) == state)));
    }
    let invoice = (!message.invoice.is_empty()).then(|| Id::from_uuid(fields.name("invoice", &message.invoice, INVOICE).id(1)));
    let from = fields.optional_date("next_due_from", message.next_due_from.as_ref());
    let to = fields.optional_date("next_due_to", message.next_due_to.as_ref());
    let list = format!("{} {:?} {} {from:?} {to:?}", message.parent, message.states, message.invoice);
    let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
    fields.finish()?;
    let customer = (!of_tenant).then(|| Id::from_uuid(parent.id(0)));
    Ok((ListPlans { tenant: parent.tenant, customer, states, invoice, next_due: (from, to) }, page))
}

/// Asks for a plan's history.
pub fn list_plan_history(request: Request<pb::ListPlanHistoryRequest>) -> Result<(PlanHistory, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, PLAN);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((PlanHistory { plan: plan_ref(&name), as_customer }, page))
}

/// A plan's state.
#[must_use]
pub fn plan_state(state: PlanState) -> pb::plan::State {
    use pb::plan::State;
    match state {
        PlanState::Pending => State::Pending,
        PlanState::Proposed => State::Proposed,
        PlanState::Countered => State::Countered,
        PlanState::Active => State::Active,
        PlanState::InGrace => State::InGrace,
        PlanState::Completed => State::Completed,
        PlanState::Refused => State::Refused,
        PlanState::Withdrawn => State::Withdrawn,
        PlanState::Lapsed => State::Lapsed,
        PlanState::Breached => State::Breached,
        PlanState::Cancelled => State::Cancelled,
    }
}

/// An instalment, numbered from 1.
#[must_use]
pub fn instalment((index, instalment): (usize, &Instalment)) -> pb::Instalment {
    pb::Instalment {
        number: i32::try_from(index.saturating_add(1)).unwrap_or(i32::MAX),
        due_date: Some(date(instalment.due_on)),
        amount: Some(money(instalment.amount)),
        paid: Some(money(instalment.paid)),
    }
}

fn instalments(parts: &[Instalment]) -> Vec<pb::Instalment> {
    parts.iter().enumerate().map(instalment).collect()
}

/// A plan.
///
/// # Errors
/// None that stored amounts can cause.
pub fn plan(tenant: &TenantId, plan: &Plan) -> Result<pb::Plan, AppError> {
    let customer = customer_name(tenant, plan.customer);
    let covered = |invoice: &Covered| pb::CoveredInvoice {
        invoice: format!("{customer}/invoices/{}", invoice.invoice),
        number: invoice.number.clone(),
        due_date: Some(date(invoice.due_on)),
        covered: Some(money(invoice.covered)),
        open: Some(money(invoice.open)),
    };
    let counter = plan.counter.as_ref().filter(|_| plan.state == PlanState::Countered);
    Ok(pb::Plan {
        name: plan_name(tenant, plan),
        state: plan_state(plan.state).into(),
        currency_code: plan.currency.code().to_owned(),
        invoices: plan.covered.iter().map(covered).collect(),
        schedule: Some(render_schedule(plan.offer.schedule)),
        instalments: instalments(&plan.offer.instalments),
        total: Some(money(plan.total()?)),
        open: Some(money(plan.open()?)),
        counter_offer: counter.map(|offer| pb::CounterOffer {
            schedule: Some(render_schedule(offer.schedule)),
            instalments: instalments(&offer.instalments),
            explanation: offer.explanation.clone(),
        }),
        collect_automatically: plan.collect_automatically,
        note: plan.note.clone(),
        explanation: plan.explanation.clone(),
        answer_before_time: plan.answer_by.map(timestamp),
        next_instalment: plan.next_instalment().map(instalment),
        collection: Some(pb::PlanCollection {
            failed_attempt_count: i32::try_from(plan.attempt.ladder.attempts).unwrap_or(i32::MAX),
            next_attempt_time: plan.attempt.next_at.map(timestamp),
            failure_reason: plan.attempt.reason.clone(),
            under_way: plan.attempt.under_way,
        }),
        grace_end_date: plan.grace_end().map(date),
        due_at_once_date: plan.breached_on.filter(|_| plan.accelerates).map(date),
        due_at_once_on_breach: plan.accelerates,
        create_time: Some(timestamp(plan.created_at)),
        update_time: Some(timestamp(plan.updated_at)),
        etag: etag::etag(plan.version),
    })
}

/// A plan that is not stored.
///
/// # Errors
/// None that stored amounts can cause.
pub fn plan_preview(tenant: &TenantId, plan: &Plan) -> Result<pb::Plan, AppError> {
    let none = (String::new(), String::new());
    Ok(pb::Plan { name: none.0, etag: none.1, create_time: None, update_time: None, ..self::plan(tenant, plan)? })
}

/// An edge; customers do not see who of the tenant took it.
#[must_use]
pub fn plan_history_entry(taken: &Taken, as_customer: bool) -> pb::PlanHistoryEntry {
    use pb::plan_history_entry::Side as Message;
    let side = match taken.by.side {
        Side::Customer => Message::Customer,
        Side::Tenant => Message::Tenant,
        Side::Suite => Message::Suite,
    };
    let unseen = as_customer && taken.by.side == Side::Tenant;
    pb::PlanHistoryEntry {
        verb: taken.verb.name().to_owned(),
        from: plan_state(taken.from).into(),
        to: plan_state(taken.to).into(),
        side: side.into(),
        actor: if unseen { String::new() } else { taken.by.subject.clone() },
        explanation: taken.explanation.clone(),
        time: Some(timestamp(taken.at)),
    }
}
