//! Credit lines and their history.

use super::names::{
    LINE, PROGRAMME, application_name, customer_ref, line_name, line_ref, programme_name,
};
use crate::commands::lines::{
    ChangeLimit, ExplainedChange, LineHistory, LineRef, ListLines, OfferLine, SwitchLine,
};
use chrono::{DateTime, Utc};
use payterms_chassis::{
    AppError, Call, Fields,
    call::Grant,
    etag,
    fields::Digits,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    page::Page,
    render::{date, money, term, timestamp},
};
use payterms_credit_domain::{Line, LineState, Suspension, Taken, Verb};
use payterms_kernel::{Id, Reason, Refusal, Side, TenantId};
use payterms_proto::credit::v1 as pb;
use tonic::Request;

/// Principal reasons of a change.
const MOST_REASONS: usize = 4;

/// Offers a line.
pub fn offer_line(request: Request<pb::OfferLineRequest>) -> Result<(Call, OfferLine), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let programme = fields.name("programme", &message.programme, PROGRAMME);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    let explanation = fields.lines("explanation", &message.explanation, 1, 1_000);
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((
        call,
        OfferLine {
            customer: customer_ref(&parent),
            programme: Id::from_uuid(programme.id(0)),
            limit,
            explanation,
        },
    ))
}

fn switch(
    mut fields: Fields,
    request_id: &str,
    name: &str,
    verb: Verb,
) -> Result<(Call, SwitchLine), AppError> {
    let name = fields.name("name", name, LINE);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, SwitchLine { line: line_ref(&name), verb, explanation: String::new() }))
}

fn explained(
    mut fields: Fields,
    request_id: &str,
    name: &str,
    text: &str,
    least: usize,
) -> Result<(Call, ExplainedChange), AppError> {
    let name = fields.name("name", name, LINE);
    let explanation = fields.lines("explanation", text, least, 1_000);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, ExplainedChange { line: line_ref(&name), explanation }))
}

/// Takes a line.
pub fn activate_line(
    request: Request<pb::ActivateLineRequest>,
) -> Result<(Call, SwitchLine), AppError> {
    let (fields, message) = Fields::open(request)?;
    switch(fields, &message.request_id, &message.name, Verb::Activate)
}

/// Turns a line down.
pub fn decline_line(request: Request<pb::DeclineLineRequest>) -> Result<(Call, LineRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    Ok((fields.write(&message.request_id, name.tenant.clone())?, line_ref(&name)))
}

/// Puts a line aside.
pub fn deactivate_line(
    request: Request<pb::DeactivateLineRequest>,
) -> Result<(Call, SwitchLine), AppError> {
    let (fields, message) = Fields::open(request)?;
    switch(fields, &message.request_id, &message.name, Verb::Deactivate)
}

/// Takes a line up again.
pub fn reactivate_line(
    request: Request<pb::ReactivateLineRequest>,
) -> Result<(Call, SwitchLine), AppError> {
    let (fields, message) = Fields::open(request)?;
    switch(fields, &message.request_id, &message.name, Verb::Reactivate)
}

/// Bars new draws.
pub fn suspend_line(
    request: Request<pb::SuspendLineRequest>,
) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, &message.request_id, &message.name, &message.explanation, 1)
}

/// Takes a suspension back.
pub fn restore_line(
    request: Request<pb::RestoreLineRequest>,
) -> Result<(Call, ExplainedChange), AppError> {
    let (fields, message) = Fields::open(request)?;
    explained(fields, &message.request_id, &message.name, &message.explanation, 0)
}

/// Ends a line.
pub fn close_line(request: Request<pb::CloseLineRequest>) -> Result<(Call, SwitchLine), AppError> {
    let (fields, message) = Fields::open(request)?;
    let (call, change) =
        explained(fields, &message.request_id, &message.name, &message.explanation, 1)?;
    Ok((call, SwitchLine { line: change.line, verb: Verb::Close, explanation: change.explanation }))
}

/// Sets a limit.
pub fn change_limit(
    request: Request<pb::ChangeLimitRequest>,
) -> Result<(Call, ChangeLimit), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    let limit = fields.money("limit", message.limit.as_ref(), Digits::MinorUnit);
    let reasons = principal_reasons(&mut fields, &message.reasons);
    let etag = fields.token("etag", &message.etag, 0, 100);
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((call, ChangeLimit { line: line_ref(&name), limit, reasons, etag }))
}

/// Principal reasons, in order.
pub(super) fn principal_reasons(fields: &mut Fields, reasons: &[String]) -> Vec<String> {
    if reasons.len() > MOST_REASONS {
        fields.wrong("reasons", Reason::TOO_MANY_ITEMS, "Name at most 4 reasons.");
    }
    let counted = reasons.iter().take(MOST_REASONS).enumerate();
    counted
        .map(|(index, reason)| fields.text(&format!("reasons[{index}]"), reason, 1, 200))
        .collect()
}

/// Names a line to read.
pub fn get_credit_line(request: Request<pb::GetCreditLineRequest>) -> Result<LineRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    fields.finish()?;
    Ok(line_ref(&name))
}

const LINES: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&[
                "OFFERED",
                "ACTIVE",
                "INACTIVE",
                "SUSPENDED",
                "EXPIRED",
                "DECLINED_BY_CUSTOMER",
                "CLOSED",
            ]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "programme", kind: Kind::Name(PROGRAMME) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "limit", kind: Kind::Amount },
        Field { name: "expire_time", kind: Kind::Instant },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

/// Asks for lines.
pub fn list_credit_lines(
    request: Request<pb::ListCreditLinesRequest>,
) -> Result<ListLines, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let of_tenant = message.parent.split('/').count() == 2;
    let parent =
        fields.parent("parent", &message.parent, if of_tenant { &[] } else { &["customers"] });
    let mut states = Vec::new();
    if message.states.len() > LineState::ALL.len() {
        fields.wrong("states", Reason::TOO_MANY_ITEMS, "Name each state once.");
    }
    for (index, number) in message.states.iter().take(LineState::ALL.len()).enumerate() {
        let state = fields.choice::<pb::credit_line::State>(&format!("states[{index}]"), *number);
        states.extend(
            state.and_then(|state| {
                LineState::ALL.into_iter().find(|line| line_state(*line) == state)
            }),
        );
    }
    let request = ListRequest {
        parent: &format!("{} {:?}", message.parent, message.states),
        page_size: message.page_size,
        page_token: &message.page_token,
        filter: &message.filter,
        order_by: &message.order_by,
    };
    let listing = Listing::parse(&mut fields, &LINES, request);
    fields.finish()?;
    Ok(ListLines {
        tenant: parent.tenant.clone(),
        customer: parent.id(0).map(Id::from_uuid),
        states,
        listing,
    })
}

/// Asks for a line's history.
pub fn list_line_history(
    request: Request<pb::ListLineHistoryRequest>,
) -> Result<(LineHistory, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, LINE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((LineHistory { line: line_ref(&name), as_customer }, page))
}

/// Asks for an exposure; none: now.
pub fn get_exposure(
    request: Request<pb::GetExposureRequest>,
) -> Result<(LineRef, Option<DateTime<Utc>>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, LINE);
    let at = fields.optional_instant("at_time", message.at_time.as_ref());
    fields.finish()?;
    Ok((line_ref(&name), at))
}

/// A line's state.
#[must_use]
pub fn line_state(state: LineState) -> pb::credit_line::State {
    use pb::credit_line::State;
    match state {
        LineState::Offered => State::Offered,
        LineState::Active => State::Active,
        LineState::Inactive => State::Inactive,
        LineState::Suspended => State::Suspended,
        LineState::Expired => State::Expired,
        LineState::Declined => State::DeclinedByCustomer,
        LineState::Closed => State::Closed,
    }
}

/// A line.
pub fn credit_line(tenant: &TenantId, line: &Line) -> Result<pb::CreditLine, AppError> {
    use pb::credit_line::Suspension as Message;
    let suspension = |suspension: &Suspension| match suspension {
        Suspension::PastDue => Message::PastDue.into(),
        Suspension::ByTenant => Message::ByTenant.into(),
    };
    let exposure = line.exposure().map_err(Refusal::from)?;
    let available = line.available().map_err(Refusal::from)?;
    Ok(pb::CreditLine {
        name: line_name(tenant, line),
        programme: programme_name(tenant, line.programme),
        state: line_state(line.state).into(),
        limit: Some(money(line.limit)),
        exposure: Some(money(exposure)),
        authorized: Some(money(line.authorized)),
        available: Some(money(available)),
        payment_term: Some(term(line.term)),
        suspensions: line.suspensions.iter().map(suspension).collect(),
        explanation: line.explanation.clone(),
        limit_reasons: line.limit_reasons.clone(),
        expire_time: (line.state == LineState::Offered).then(|| timestamp(line.expires_at)),
        next_due_date: line.next_due.map(date),
        create_time: Some(timestamp(line.created_at)),
        update_time: Some(timestamp(line.updated_at)),
        etag: etag::etag(line.version),
        application: line
            .application
            .map(|id| application_name(tenant, line.customer, id))
            .unwrap_or_default(),
    })
}

/// An edge; customers do not see who of the tenant took it, nor why a line was offered.
#[must_use]
pub fn line_history_entry(taken: &Taken, as_customer: bool) -> pb::LineHistoryEntry {
    use pb::line_history_entry::Side as Message;
    let side = match taken.by.side {
        Side::Customer => Message::Customer,
        Side::Tenant => Message::Tenant,
        Side::Suite => Message::Suite,
    };
    let unseen = as_customer && taken.by.side == Side::Tenant;
    let unread = as_customer && taken.from.is_none();
    pb::LineHistoryEntry {
        verb: taken.verb.clone(),
        from: taken.from.map_or(pb::credit_line::State::Unspecified, line_state).into(),
        to: line_state(taken.to).into(),
        side: side.into(),
        actor: if unseen { String::new() } else { taken.by.subject.clone() },
        limit: Some(money(taken.limit)),
        explanation: if unread { String::new() } else { taken.explanation.clone() },
        time: Some(timestamp(taken.at)),
    }
}
