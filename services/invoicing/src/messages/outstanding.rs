//! What is open of a customer's invoices, both ways.

use super::refs::customer_ref;
use crate::commands::customers::CustomerRef;
use payterms_chassis::{
    AppError, Fields,
    render::{date, money},
};
use payterms_invoicing_domain::Outstanding;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Asks what is open of a customer's invoices.
pub fn get_outstanding(
    request: Request<pb::GetOutstandingRequest>,
) -> Result<CustomerRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let customer = customer_ref(&fields, &name);
    fields.finish()?;
    Ok(customer)
}

/// What is open in one currency.
#[must_use]
pub fn outstanding(outstanding: &Outstanding) -> pb::Outstanding {
    let count = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    pb::Outstanding {
        open: Some(money(outstanding.open)),
        past_due: Some(money(outstanding.past_due)),
        pending: Some(money(outstanding.pending)),
        invoice_count: count(outstanding.count),
        past_due_count: count(outstanding.past_due_count),
        next_due_date: outstanding.next_due.map(date),
    }
}
