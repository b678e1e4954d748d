//! Requests to propose, read, list and collect plans, and the messages of plans.

use super::{
    names::{INVOICE, PLAN, customer_name, customer_ref, plan_name, plan_ref},
    schedules::{render_schedule, schedule},
};
use crate::commands::plans::{ListPlans, PlanRef, ProposePlan};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Caller,
    etag,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    names::Name,
    render::{date, money, timestamp},
};
use payterms_kernel::{Id, Marks, Reason, TenantId};
use payterms_plans_domain::{
    Covered, DateRange, Instalment, Plan, PlanState,
    life::{BAND, NOTHING_OPEN, TIME_LIMIT},
    proposal::Proposal,
};
use payterms_proto::plans::v1 as pb;
use tonic::Request;

/// The most invoices of one plan.
const MOST_INVOICES: usize = 100;

fn proposal(
    fields: &mut Fields,
    parent: &Name,
    invoices: &[String],
    schedule: Option<&pb::Schedule>,
    collect_automatically: bool,
    note: &str,
) -> ProposePlan {
    if invoices.is_empty() {
        fields.wrong("invoices", Reason::FIELD_REQUIRED, "Name 1 to 100 invoices.");
    }
    if invoices.len() > MOST_INVOICES {
        fields.wrong("invoices", Reason::TOO_MANY_ITEMS, "Name at most 100 invoices.");
    }
    let mut ids = Vec::new();
    for (index, text) in invoices.iter().take(MOST_INVOICES).enumerate() {
        let field = format!("invoices[{index}]");
        let name = fields.name(&field, text, INVOICE);
        let id = Id::from_uuid(name.id(1));
        let foreign =
            name.id(0) != parent.id(0) && fields.scope().covers(&name.tenant, Some(name.id(0)));
        if foreign && !name.ids.is_empty() && !parent.ids.is_empty() {
            fields.wrong(
                &field,
                Reason::RESOURCE_NAME_INVALID,
                "A plan covers invoices of one customer: name those of the parent.",
            );
        }
        if ids.contains(&id) {
            fields.wrong(&field, Reason::DUPLICATE_ITEM, "Name each invoice once.");
        }
        ids.push(id);
    }
    let schedule = self::schedule(fields, schedule);
    let note = fields.lines("note", note, 0, 1_000);
    let proposal = Proposal { schedule, collect_automatically, note };
    ProposePlan { customer: customer_ref(parent), invoices: ids, proposal, marks: Marks::default() }
}

/// Parses a request for a preview.
pub fn preview_plan(
    request: Request<pb::PreviewPlanRequest>,
) -> Result<(Caller, ProposePlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let command = proposal(
        &mut fields,
        &parent,
        &message.invoices,
        message.schedule.as_ref(),
        message.collect_automatically,
        &message.note,
    );
    let caller = fields.scope().caller.clone();
    fields.finish()?;
    Ok((caller, command))
}

/// Parses a proposal.
pub fn propose_plan(
    request: Request<pb::ProposePlanRequest>,
) -> Result<(Call, ProposePlan), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let mut command = proposal(
        &mut fields,
        &parent,
        &message.invoices,
        message.schedule.as_ref(),
        message.collect_automatically,
        &message.note,
    );
    command.marks = fields.marks("", &message.external_id, &message.labels);
    Ok((fields.write(&message.request_id, parent.tenant.clone())?, command))
}

/// Parses a request to collect now.
pub fn retry_plan_collection(
    request: Request<pb::RetryPlanCollectionRequest>,
) -> Result<(Call, PlanRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name)))
}

/// Parses a request for one plan.
pub fn get_plan(request: Request<pb::GetPlanRequest>) -> Result<PlanRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    fields.finish()?;
    Ok(plan_ref(&name))
}

const PLANS: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&[
                "PROPOSED",
                "COUNTERED",
                "ACTIVE",
                "IN_GRACE",
                "COMPLETED",
                "REFUSED",
                "WITHDRAWN",
                "LAPSED",
                "BREACHED",
                "CANCELLED",
            ]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "next_due_date", kind: Kind::Date },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
        Field::EXTERNAL_ID,
        Field::LABELS,
    ],
    orders: &[BY_CREATION, UPDATE_TIME, "next_due_date"],
    default: Order::NEWEST,
};

/// Parses a request for a list of plans.
pub fn list_plans(request: Request<pb::ListPlansRequest>) -> Result<ListPlans, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent =
        fields.parent("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > PlanState::ALL.len() {
        fields.wrong("states", Reason::TOO_MANY_ITEMS, "Name each state once.");
    }
    for (index, number) in message.states.iter().take(PlanState::ALL.len()).enumerate() {
        let state = fields.choice::<pb::plan::State>(&format!("states[{index}]"), *number);
        states.extend(state.and_then(|state| {
            PlanState::ALL.into_iter().find(|candidate| plan_state(*candidate) == state)
        }));
    }
    let invoice = (!message.invoice.is_empty())
        .then(|| Id::from_uuid(fields.name("invoice", &message.invoice, INVOICE).id(1)));
    let from = fields.optional_date("next_due_from", message.next_due_from.as_ref());
    let to = fields.optional_date("next_due_to", message.next_due_to.as_ref());
    let list =
        format!("{} {:?} {} {from:?} {to:?}", message.parent, message.states, message.invoice);
    let request = ListRequest {
        parent: &list,
        page_size: message.page_size,
        page_token: &message.page_token,
        filter: &message.filter,
        order_by: &message.order_by,
    };
    let listing = Listing::parse(&mut fields, &PLANS, request);
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    Ok(ListPlans {
        tenant: parent.tenant,
        customer,
        states,
        invoice,
        next_due: DateRange { from, to },
        listing,
    })
}

/// Renders a plan's state.
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

/// Renders an instalment; its number is its index plus one.
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

/// Renders a plan.
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
    let (reason, explanation) = reason_or_explanation(&plan.explanation);
    Ok(pb::Plan {
        name: plan_name(tenant, plan.customer, plan.id),
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
        explanation: explanation.to_owned(),
        reason: reason.into(),
        answer_before_time: plan.answer_by.map(timestamp),
        next_instalment: plan.next_instalment().map(instalment),
        collection: Some(pb::PlanCollection {
            failed_attempt_count: i32::try_from(plan.attempt.ladder.attempts).unwrap_or(i32::MAX),
            next_attempt_time: plan.next_try().map(timestamp),
            failure_reason: plan.attempt.reason.clone(),
            under_way: plan.attempt.under_way,
        }),
        grace_end_date: plan.grace_end().map(date),
        breach_after_date: plan.breach_after().map(date),
        due_at_once_date: plan.breached_on.filter(|_| plan.accelerates).map(date),
        due_at_once_on_breach: plan.accelerates,
        instalment_missed: plan.missed_an_instalment(),
        breach_stands: plan.state == PlanState::Breached && !plan.breaches.disproved,
        breach_count: i32::try_from(plan.breaches.count).unwrap_or(i32::MAX),
        create_time: Some(timestamp(plan.created_at)),
        update_time: Some(timestamp(plan.updated_at)),
        etag: etag::etag(plan.version),
        external_id: plan.marks.external_id.clone().unwrap_or_default(),
        labels: plan.marks.labels.clone(),
    })
}

/// Renders a plan that is not stored: it has no name, no version and no times.
pub fn plan_preview(tenant: &TenantId, plan: &Plan) -> Result<pb::Plan, AppError> {
    Ok(pb::Plan {
        name: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..self::plan(tenant, plan)?
    })
}

/// The reason of the suite, or what a person wrote.
pub(super) fn reason_or_explanation(explanation: &str) -> (pb::plan::Reason, &str) {
    use pb::plan::Reason;
    match explanation {
        BAND => (Reason::Band, ""),
        TIME_LIMIT => (Reason::TimeLimit, ""),
        NOTHING_OPEN => (Reason::NothingOpen, ""),
        written => (Reason::Unspecified, written),
    }
}
