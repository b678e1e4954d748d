//! Ageing, both ways.

use super::customers::customer_name;
use crate::commands::ageing::ListAgeing;
use payterms_chassis::{AppError, Fields, call::Grant, page::Page, render::money};
use payterms_invoicing_domain::ageing::Ageing;
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Asks for what customers owe.
pub fn list_ageing(request: Request<pb::ListAgeingRequest>) -> Result<ListAgeing, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.parent("parent", &message.parent, &["customers"]);
    let as_of = fields.optional_date("as_of", message.as_of.as_ref());
    let page = Page::parse(
        &mut fields,
        &format!("{} {as_of:?}", message.parent),
        message.page_size,
        &message.page_token,
    );
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    Ok(ListAgeing { tenant: parent.tenant, customer, as_of, as_customer, page })
}

/// What a customer owes in one currency.
///
/// # Errors
/// None that stored amounts can cause.
pub fn ageing(tenant: &TenantId, ageing: &Ageing) -> Result<pb::Ageing, AppError> {
    let [current, to_30, to_60, to_90, over_90] = ageing.buckets.map(money);
    Ok(pb::Ageing {
        customer: customer_name(tenant, ageing.customer),
        open: Some(money(ageing.open().map_err(Refusal::from)?)),
        current: Some(current),
        past_due_1_to_30_days: Some(to_30),
        past_due_31_to_60_days: Some(to_60),
        past_due_61_to_90_days: Some(to_90),
        past_due_over_90_days: Some(over_90),
        invoice_count: i32::try_from(ageing.invoice_count).unwrap_or(i32::MAX),
    })
}
