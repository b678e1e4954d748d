//! Lists of invoices: what they may be filtered and ordered by, and requests → commands.

use super::{collections::block_reason, metered_services::METERED_SERVICE};
use crate::commands::invoices::ListInvoices;
use payterms_chassis::{
    AppError, Fields,
    call::Grant,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
};
use payterms_invoicing_domain::InvoiceState;
use payterms_kernel::Id;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

const INVOICES: ListSpec = ListSpec {
    filters: &[
        Field { name: "number", kind: Kind::Text },
        Field {
            name: "state",
            kind: Kind::Choice(&["DRAFT", "OPEN", "PAID", "VOID", "UNCOLLECTIBLE"]),
        },
        Field {
            name: "block_reason",
            kind: Kind::Choice(&[
                "PAYMENT_PLAN_PROPOSED",
                "PAYMENT_PLAN_ACTIVE",
                "DISPUTED",
                "MANUAL",
            ]),
        },
        Field {
            name: "collection_state",
            kind: Kind::Choice(&["OFF", "SCHEDULED", "PROCESSING", "REQUIRES_ACTION", "FAILED"]),
        },
        Field { name: "past_due", kind: Kind::Flag },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "metered_service", kind: Kind::Name(METERED_SERVICE) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "total", kind: Kind::Amount },
        Field { name: "open", kind: Kind::Amount },
        Field { name: "issue_date", kind: Kind::Date },
        Field { name: "due_date", kind: Kind::Date },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
        Field::EXTERNAL_ID,
        Field::LABELS,
    ],
    orders: &[BY_CREATION, UPDATE_TIME, "issue_date", "due_date", "total"],
    default: Order::NEWEST,
};

/// Asks for invoices.
pub fn list_invoices(request: Request<pb::ListInvoicesRequest>) -> Result<ListInvoices, AppError> {
    use pb::invoice::State;
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.parent("parent", &message.parent, &["customers"]);
    let state =
        if message.state == 0 { None } else { fields.choice::<State>("state", message.state) };
    let state = state.and_then(|state| match state {
        State::Unspecified => None,
        State::Draft => Some(InvoiceState::Draft),
        State::Open => Some(InvoiceState::Open),
        State::Paid => Some(InvoiceState::Paid),
        State::Void => Some(InvoiceState::Void),
        State::Uncollectible => Some(InvoiceState::Uncollectible),
    });
    let blocked_for = if message.block_reason == 0 {
        None
    } else {
        block_reason(&mut fields, "block_reason", message.block_reason)
    };
    let request = ListRequest {
        parent: &format!("{} {} {}", message.parent, message.state, message.block_reason),
        page_size: message.page_size,
        page_token: &message.page_token,
        filter: &message.filter,
        order_by: &message.order_by,
    };
    let listing = Listing::parse(&mut fields, &INVOICES, request);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    Ok(ListInvoices { tenant: parent.tenant, customer, state, blocked_for, as_customer, listing })
}

/// Asks for an export of invoices.
pub fn export_invoices(
    request: Request<pb::ExportInvoicesRequest>,
) -> Result<ListInvoices, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.parent("parent", &message.parent, &["customers"]);
    let request =
        ListRequest::export(&message.parent, &message.filter, &message.page_token, BY_CREATION);
    let listing = Listing::parse(&mut fields, &INVOICES, request);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    Ok(ListInvoices {
        tenant: parent.tenant,
        customer,
        state: None,
        blocked_for: None,
        as_customer,
        listing,
    })
}
