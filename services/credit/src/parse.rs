//! Requests about lines → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use chrono::{DateTime, Utc};
use payterms_chassis::{AppError, Call, Fields, access::Grant, fields::Digits, names::Name, page::Page};
use payterms_credit_domain::{Customer, Line, LineState, Programme};
use payterms_kernel::{Id, Money, TenantId};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

/// The collections of a line's name.
pub const LINE: &[&str] = &["customers", "creditLines"];
/// The collections of a programme's name.
pub const PROGRAMME: &[&str] = &["programmes"];
/// Principal reasons of a change.
pub const MOST_REASONS: usize = 4;

/// Names a customer.
#[derive(Debug, Clone)]
pub struct CustomerRef {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: Id<Customer>,
}

/// Names a line.
#[derive(Debug, Clone)]
pub struct LineRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The line.
    pub line: Id<Line>,
}

/// What a name names.
#[must_use]
pub fn line_ref(name: &Name) -> LineRef {
    LineRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), line: Id::from_uuid(name.id(1)) }
}

/// What is offered.
#[derive(Debug, Clone)]
pub struct Offered {
    /// To whom.
    pub customer: CustomerRef,
    /// Under which programme.
    pub programme: Id<Programme>,
    /// The limit.
    pub limit: Money,
    /// Why.
    pub explanation: String,
}

/// Offers a line.
pub fn offer_line(request: Request<pb::OfferLineRequest>) -> Result<(Call, Offered), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let programme = fields.name("programme", &message.programme, PROGRAMME);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let customer = CustomerRef { tenant: parent.tenant.clone(), customer: Id::from_uuid(parent.id(0)) };
    let offered = Offered { customer, programme: Id::from_uuid(programme.id(0)), limit, explanation };
    Ok((fields.write(&message.request_id, parent.tenant.clone())?, offered))
}

fn named(mut fields: Fields, request_id: &str, name: &str) -> Result<(Call, LineRef), AppError> {
    let name = fields.name("name", name, LINE);
    Ok((fields.write(request_id, name.tenant.clone())?, line_ref(&name)))
}

fn explained(mut fields: Fields, (request_id, name): (&str, &str), text: &str, least: usize) -> Result<(Call, LineRef, String), AppError> {
    let name = fields.name("name", name, LINE);
    let explanation = fields.lines("explanation", text, least, 1_000);
    Ok((fields.write(request_id, name.tenant.clone())?, line_ref(&name), explanation))
}

/// Takes a line.
pub fn activate_line(request: Request<pb::ActivateLineRequest>) -> Result<(Call, LineRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Turns a line down.
pub fn decline_line(request: Request<pb::DeclineLineRequest>) -> Result<(Call, LineRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Puts a line aside.
pub fn deactivate_line(request: Request<pb::DeactivateLineRequest>) -> Result<(Call, LineRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Takes a line up again.
pub fn reactivate_line(request: Request<pb::ReactivateLineRequest>) -> Result<(Call, LineRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    named(fields, &message.request_id, &message.name)
}

/// Bars new draws.
pub fn suspend_line(request: Request<pb::SuspendLineRequest>) -> Result<(Call, LineRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 1)
}

/// Takes a suspension back.
pub fn restore_line(request: Request<pb::RestoreLineRequest>) -> Result<(Call, LineRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 0)
}

/// Ends a line.
pub fn close_line(request: Request<pb::CloseLineRequest>) -> Result<(Call, LineRef, String), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, (&message.request_id, &message.name), &message.explanation, 1)
}

/// A limit and its reasons.
#[derive(Debug, Clone)]
pub struct NewLimit {
    /// The limit.
    pub limit: Money,
    /// Why, in order.
    pub reasons: Vec<String>,
    /// The version that was read; empty: any.
    pub etag: String,
}

/// Sets a limit.
pub fn change_limit(request: Request<pb::ChangeLimitRequest>) -> Result<(Call, LineRef, NewLimit), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    if message.reasons.len() > MOST_REASONS {
        fields.wrong("reasons", "TOO_MANY_ITEMS", "Name at most 4 reasons.");
    }
    let told = message.reasons.iter().take(MOST_REASONS).enumerate();
    let reasons = told.map(|(place, reason)| fields.text(&format!("reasons[{place}]"), reason, 1, 200)).collect();
    let etag = fields.text("etag", &message.etag, 0, 100);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, line_ref(&name), NewLimit { limit, reasons, etag }))
}

/// Names a line to read.
pub fn get_credit_line(request: Request<pb::GetCreditLineRequest>) -> Result<LineRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    fields.finish()?;
    Ok(line_ref(&name))
}

/// Which lines are listed.
#[derive(Debug, Clone)]
pub struct ListLines {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose; none: of all customers.
    pub customer: Option<Id<Customer>>,
    /// In one of these states; none: in any.
    pub states: Vec<LineState>,
    /// Which page.
    pub page: Page,
}

/// Asks for lines.
pub fn list_credit_lines(request: Request<pb::ListCreditLinesRequest>) -> Result<ListLines, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent = fields.name("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > LineState::ALL.len() {
        fields.wrong("states", "TOO_MANY_ITEMS", "Name each state once.");
    }
    for (place, number) in message.states.iter().take(LineState::ALL.len()).enumerate() {
        let told = fields.choice::<pb::credit_line::State>(&format!("states[{place}]"), *number);
        states.extend(told.and_then(|told| LineState::ALL.into_iter().find(|own| crate::render::state(*own) == told)));
    }
    let page = Page::parse(&mut fields, &format!("{} {:?}", message.parent, message.states), message.page_size, &message.page_token);
    fields.finish()?;
    let customer = (!of_tenant).then(|| Id::from_uuid(parent.id(0)));
    Ok(ListLines { tenant: parent.tenant, customer, states, page })
}

/// Asks for a line's history.
pub fn list_line_history(request: Request<pb::ListLineHistoryRequest>) -> Result<(LineRef, Page, bool), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, LINE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((line_ref(&name), page, as_customer))
}

/// Asks for an exposure; none: now.
pub fn get_exposure(request: Request<pb::GetExposureRequest>) -> Result<(LineRef, Option<DateTime<Utc>>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    let at = fields.optional_instant("at_time", message.at_time.as_ref());
    fields.finish()?;
    Ok((line_ref(&name), at))
}
