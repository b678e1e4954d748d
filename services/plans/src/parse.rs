//! Requests about plans → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use chrono::{NaiveDate, Weekday};
use payterms_chassis::{AppError, Call, Fields, access::Grant, call::Caller, fields::Digits, names::Name, page::Page};
use payterms_kernel::{Id, Money, TenantId};
use payterms_plans_domain::{Customer, Invoice, Plan, PlanState, Schedule, proposal::Proposal, schedule::MOST_INSTALMENTS};
use payterms_proto::{google::r#type::DayOfWeek, plans::v1 as pb};
use tonic::Request;

/// The collections of a plan's name.
pub const PLAN: &[&str] = &["customers", "plans"];
const INVOICE: &[&str] = &["customers", "invoices"];
/// Invoices of one plan.
const MOST_INVOICES: usize = 100;

/// Names a customer.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}

/// Names a plan.
#[derive(Debug, Clone)]
pub struct PlanRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The plan.
    pub plan: Id<Plan>,
}

fn plan_ref(name: &Name) -> PlanRef {
    PlanRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), plan: Id::from_uuid(name.id(1)) }
}

/// What is proposed or previewed.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose invoices they are.
    pub customer: CustomerRef,
    /// The invoices.
    pub invoices: Vec<Id<Invoice>>,
    /// The rest.
    pub proposal: Proposal,
}

fn asked(
    fields: &mut Fields,
    parent: &Name,
    invoices: &[String],
    schedule: Option<&pb::Schedule>,
    (collect_automatically, note): (bool, &str),
) -> Asked {
    if invoices.is_empty() {
        fields.wrong("invoices", "FIELD_REQUIRED", "Name 1 to 100 invoices.");
    }
    if invoices.len() > MOST_INVOICES {
        fields.wrong("invoices", "TOO_MANY_ITEMS", "Name at most 100 invoices.");
    }
    let mut ids = Vec::new();
    for (place, text) in invoices.iter().take(MOST_INVOICES).enumerate() {
        let field = format!("invoices[{place}]");
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
    let customer = CustomerRef { tenant: parent.tenant.clone(), customer: Id::from_uuid(parent.id(0)) };
    Asked { customer, invoices: ids, proposal: Proposal { schedule, collect_automatically, note } }
}

/// A schedule; every part that does not fit its kind is told.
fn schedule(fields: &mut Fields, told: Option<&pb::Schedule>) -> Schedule {
    use pb::schedule::{Interval, Kind};
    let nothing = Schedule::Deferral(NaiveDate::MIN);
    let Some(told) = told else {
        fields.wrong("schedule", "FIELD_REQUIRED", "Say when is paid.");
        return nothing;
    };
    let kind = fields.choice::<Kind>("schedule.kind", told.kind);
    let date = fields.optional_date("schedule.date", told.date.as_ref());
    let day = if told.day_of_week == 0 { None } else { fields.choice::<DayOfWeek>("schedule.day_of_week", told.day_of_week) };
    let mut wrong = |field: &str, description: &str| fields.wrong(&format!("schedule.{field}"), "SCHEDULE_INVALID", description);
    if kind == Some(Kind::SingleDeferral) {
        if date.is_none() && told.date.is_none() {
            wrong("date", "Set the date of the deferral.");
        }
        if !matches!(told.instalment_count, 0 | 1) {
            wrong("instalment_count", "A deferral is one payment: leave the count out.");
        }
        if told.interval != 0 || told.day_of_month != 0 || told.day_of_week != 0 {
            wrong("interval", "A deferral has a date alone: leave interval, day_of_month and day_of_week out.");
        }
        return date.map_or(nothing, Schedule::Deferral);
    }
    let count = u32::try_from(told.instalment_count).ok().filter(|count| (2..=MOST_INSTALMENTS).contains(count));
    if count.is_none() {
        wrong("instalment_count", "Ask for 2 to 120 instalments.");
    }
    if told.date.is_some() {
        wrong("date", "Instalments begin on the next asked day: leave the date out.");
    }
    let monthly = told.interval == i32::from(Interval::Monthly);
    let asked = u32::try_from(told.day_of_month).ok().filter(|day| (1..=31).contains(day));
    if monthly && asked.is_none() {
        wrong("day_of_month", "Ask for a day from 1 to 31.");
    }
    if monthly && told.day_of_week != 0 {
        wrong("day_of_week", "Monthly instalments have a day of the month.");
    }
    if !monthly && told.day_of_month != 0 {
        wrong("day_of_month", "Weekly instalments have a day of the week.");
    }
    let interval = fields.choice::<Interval>("schedule.interval", told.interval);
    let count = count.unwrap_or(2);
    match interval {
        Some(Interval::Monthly) => Schedule::Monthly { count, day: asked.unwrap_or(1) },
        _ => Schedule::Weekly { count, day: day.and_then(weekday) },
    }
}

fn weekday(day: DayOfWeek) -> Option<Weekday> {
    Some(match day {
        DayOfWeek::Monday => Weekday::Mon,
        DayOfWeek::Tuesday => Weekday::Tue,
        DayOfWeek::Wednesday => Weekday::Wed,
        DayOfWeek::Thursday => Weekday::Thu,
        DayOfWeek::Friday => Weekday::Fri,
        DayOfWeek::Saturday => Weekday::Sat,
        DayOfWeek::Sunday => Weekday::Sun,
        DayOfWeek::Unspecified => return None,
    })
}

/// Previews a plan.
pub fn preview_plan(request: Request<pb::PreviewPlanRequest>) -> Result<(Caller, Asked), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let rest = (message.collect_automatically, message.note.as_str());
    let asked = asked(&mut fields, &parent, &message.invoices, message.schedule.as_ref(), rest);
    let caller = fields.scope().caller.clone();
    fields.finish()?;
    Ok((caller, asked))
}

/// Sends a proposal.
pub fn propose_plan(request: Request<pb::ProposePlanRequest>) -> Result<(Call, Asked), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let rest = (message.collect_automatically, message.note.as_str());
    let asked = asked(&mut fields, &parent, &message.invoices, message.schedule.as_ref(), rest);
    Ok((fields.write(&message.request_id, parent.tenant.clone())?, asked))
}

/// What was seen before it was accepted.
#[derive(Debug, Clone)]
pub struct Accept {
    /// What was open in all.
    pub total_seen: Money,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// Approves a proposal.
pub fn approve_plan(request: Request<pb::ApprovePlanRequest>) -> Result<(Call, PlanRef, Accept), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let etag = fields.text("etag", &message.etag, 0, 100);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name), Accept { total_seen, etag }))
}

/// Accepts a counter-offer.
pub fn accept_counter_offer(request: Request<pb::AcceptCounterOfferRequest>) -> Result<(Call, PlanRef, Accept), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let total_seen = fields.money("total_seen", message.total_seen.as_ref(), Digits::MinorUnit);
    let accept = Accept { total_seen, etag: String::new() };
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name), accept))
}

fn explained(mut fields: Fields, (request_id, name): (&str, &str), text: &str, least: usize) -> Result<(Call, PlanRef, String), AppError> {
    let name = fields.name("name", name, PLAN);
    let explanation = fields.lines("explanation", text, least, 1_000);
    Ok((fields.write(request_id, name.tenant.clone())?, plan_ref(&name), explanation))
}

/// Says no.
pub fn refuse_plan(request: Request<pb::RefusePlanRequest>) -> Result<(Call, PlanRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 1)
}

/// Ends a plan.
pub fn cancel_plan(request: Request<pb::CancelPlanRequest>) -> Result<(Call, PlanRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 1)
}

/// Turns a counter-offer down.
pub fn decline_counter_offer(request: Request<pb::DeclineCounterOfferRequest>) -> Result<(Call, PlanRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 0)
}

/// Gives a breached plan another chance.
pub fn reinstate_plan(request: Request<pb::ReinstatePlanRequest>) -> Result<(Call, PlanRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 0)
}

/// Another schedule, and why.
#[derive(Debug, Clone)]
pub struct Counter {
    /// When is paid.
    pub schedule: Schedule,
    /// For the customer to read.
    pub explanation: String,
}

/// Offers another schedule.
pub fn counter_plan(request: Request<pb::CounterPlanRequest>) -> Result<(Call, PlanRef, Counter), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    let schedule = schedule(&mut fields, message.schedule.as_ref());
    let explanation = fields.lines("explanation", &message.explanation, 0, 1_000);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name), Counter { schedule, explanation }))
}

/// Takes a proposal back.
pub fn withdraw_plan(request: Request<pb::WithdrawPlanRequest>) -> Result<(Call, PlanRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, PLAN);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, plan_ref(&name)))
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

/// Which plans are listed.
#[derive(Debug, Clone)]
pub struct ListPlans {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// Which page.
    pub page: Page,
    /// In one of these states; none: in any.
    pub states: Vec<PlanState>,
    /// That cover this invoice.
    pub invoice: Option<Id<Invoice>>,
    /// Whose next instalment falls due between these dates.
    pub next_due: (Option<NaiveDate>, Option<NaiveDate>),
}

/// Asks for plans.
pub fn list_plans(request: Request<pb::ListPlansRequest>) -> Result<ListPlans, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent = fields.name("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > PlanState::ALL.len() {
        fields.wrong("states", "TOO_MANY_ITEMS", "Name each state once.");
    }
    for (place, number) in message.states.iter().take(PlanState::ALL.len()).enumerate() {
        let told = fields.choice::<pb::plan::State>(&format!("states[{place}]"), *number);
        states.extend(told.and_then(|told| PlanState::ALL.into_iter().find(|own| crate::render::state(*own) == told)));
    }
    let invoice = (!message.invoice.is_empty()).then(|| Id::from_uuid(fields.name("invoice", &message.invoice, INVOICE).id(1)));
    let from = fields.optional_date("next_due_from", message.next_due_from.as_ref());
    let to = fields.optional_date("next_due_to", message.next_due_to.as_ref());
    let list = format!("{} {:?} {} {from:?} {to:?}", message.parent, message.states, message.invoice);
    let page = Page::parse(&mut fields, &list, message.page_size, &message.page_token);
    fields.finish()?;
    let customer = (!of_tenant).then(|| Id::from_uuid(parent.id(0)));
    Ok(ListPlans { tenant: parent.tenant, customer, page, states, invoice, next_due: (from, to) })
}

/// Asks for a plan's history.
pub fn list_plan_history(request: Request<pb::ListPlanHistoryRequest>) -> Result<(PlanRef, Page, bool), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, PLAN);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((plan_ref(&name), page, as_customer))
}
