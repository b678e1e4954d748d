//! Requests for the history of a plan, and the messages of its entries.

use super::{
    names::{PLAN, plan_ref},
    plans::{plan_state, reason_or_explanation},
};
use crate::commands::plans::{HistoryReader, PlanHistory};
use payterms_chassis::{AppError, Fields, call::Grant, page::Page, render::timestamp};
use payterms_plans_domain::{Side, Transition};
use payterms_proto::plans::v1 as pb;
use tonic::Request;

/// Parses a request for a plan's history.
pub fn list_plan_history(
    request: Request<pb::ListPlanHistoryRequest>,
) -> Result<(PlanHistory, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, PLAN);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let reader = if fields.scope().grant == Grant::OwnCustomer {
        HistoryReader::Customer
    } else {
        HistoryReader::Tenant
    };
    fields.finish()?;
    Ok((PlanHistory { plan: plan_ref(&name), reader }, page))
}

/// Renders a change of state. Customers do not see the names of the tenant's staff.
#[must_use]
pub fn plan_history_entry(transition: &Transition, reader: HistoryReader) -> pb::PlanHistoryEntry {
    use pb::plan_history_entry::Side as Message;
    let side = match transition.by.side {
        Side::Customer => Message::Customer,
        Side::Tenant => Message::Tenant,
        Side::Suite => Message::Suite,
    };
    let is_hidden = reader == HistoryReader::Customer && transition.by.side == Side::Tenant;
    let (reason, explanation) = reason_or_explanation(&transition.explanation);
    pb::PlanHistoryEntry {
        verb: transition.verb.name().to_owned(),
        from: plan_state(transition.from).into(),
        to: plan_state(transition.to).into(),
        side: side.into(),
        actor: if is_hidden { String::new() } else { transition.by.subject.clone() },
        explanation: explanation.to_owned(),
        reason: reason.into(),
        time: Some(timestamp(transition.at)),
    }
}
