//! Lists of what customers have: what they may be filtered and ordered by, and requests → commands.

use super::refs::INVOICE;
use crate::commands::lists::{ListOfCustomers, ListOfInvoices};
use payterms_chassis::{
    AppError, Fields,
    call::Grant,
    filter::{Field, Kind},
    listing::{BY_CREATION, ListRequest, ListSpec, Listing, Order, UPDATE_TIME},
    names::Parent,
};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

const PAYMENTS: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&["PROCESSING", "SUCCEEDED", "PARTIAL", "FAILED", "CANCELLED"]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "invoice", kind: Kind::Name(INVOICE) },
        Field { name: "reference", kind: Kind::Text },
        Field { name: "automatic", kind: Kind::Flag },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field { name: "effective_date", kind: Kind::Date },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
        Field::EXTERNAL_ID,
        Field::LABELS,
    ],
    orders: &[BY_CREATION, UPDATE_TIME, "effective_date"],
    default: Order::NEWEST,
};

const RECEIPTS: ListSpec = ListSpec {
    filters: &[
        Field { name: "number", kind: Kind::Text },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "wallet", kind: Kind::Name(&["customers", "wallets"]) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field { name: "issue_date", kind: Kind::Date },
        Field { name: "create_time", kind: Kind::Instant },
    ],
    orders: &[BY_CREATION, "issue_date"],
    default: Order::NEWEST,
};

const TRANSFER_REFUNDS: ListSpec = ListSpec {
    filters: &[
        Field {
            name: "state",
            kind: Kind::Choice(&[
                "RESERVING",
                "CONFIRMING",
                "PENDING",
                "SENDING",
                "SENT",
                "RETURNED",
                "CANCELLING",
                "CANCELLED",
                "REFUSED",
            ]),
        },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "payment", kind: Kind::Name(&["customers", "payments"]) },
        Field { name: "from", kind: Kind::Choice(&["SURPLUS", "TOP_UP"]) },
        Field { name: "reference", kind: Kind::Text },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field { name: "sent_date", kind: Kind::Date },
        Field::CREATE_TIME,
        Field::UPDATE_TIME,
    ],
    orders: &[BY_CREATION, UPDATE_TIME],
    default: Order::NEWEST,
};

const CREDIT_NOTES: ListSpec = ListSpec {
    filters: &[
        Field { name: "number", kind: Kind::Text },
        Field { name: "customer", kind: Kind::Name(&["customers"]) },
        Field { name: "invoice", kind: Kind::Name(INVOICE) },
        Field { name: "currency", kind: Kind::Currency },
        Field { name: "amount", kind: Kind::Amount },
        Field { name: "issue_date", kind: Kind::Date },
        Field { name: "create_time", kind: Kind::Instant },
    ],
    orders: &[BY_CREATION, "issue_date"],
    default: Order::OLDEST,
};

fn list(
    mut fields: Fields,
    spec: &ListSpec,
    collections: &[&str],
    request: ListRequest<'_>,
) -> Result<(Parent, ListOfCustomers), AppError> {
    let parent = fields.parent("parent", request.parent, collections);
    let listing = Listing::parse(&mut fields, spec, request);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let customer = parent.id(0).map(Id::from_uuid);
    let of = ListOfCustomers { tenant: parent.tenant.clone(), customer, as_customer, listing };
    Ok((parent, of))
}

/// Asks for payments.
pub fn list_payments(
    request: Request<pb::ListPaymentsRequest>,
) -> Result<ListOfCustomers, AppError> {
    let (fields, message) = Fields::open(request)?;
    let pb::ListPaymentsRequest { parent, page_size, page_token, filter, order_by } = &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    Ok(list(fields, &PAYMENTS, &["customers"], request)?.1)
}

/// Asks for receipts.
pub fn list_receipts(
    request: Request<pb::ListReceiptsRequest>,
) -> Result<ListOfCustomers, AppError> {
    let (fields, message) = Fields::open(request)?;
    let pb::ListReceiptsRequest { parent, page_size, page_token, filter, order_by } = &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    Ok(list(fields, &RECEIPTS, &["customers"], request)?.1)
}

/// Asks for transfers back.
pub fn list_transfer_refunds(
    request: Request<pb::ListTransferRefundsRequest>,
) -> Result<ListOfCustomers, AppError> {
    let (fields, message) = Fields::open(request)?;
    let pb::ListTransferRefundsRequest { parent, page_size, page_token, filter, order_by } =
        &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    Ok(list(fields, &TRANSFER_REFUNDS, &["customers"], request)?.1)
}

/// Asks for credit notes.
pub fn list_credit_notes(
    request: Request<pb::ListCreditNotesRequest>,
) -> Result<ListOfInvoices, AppError> {
    let (fields, message) = Fields::open(request)?;
    let pb::ListCreditNotesRequest { parent, page_size, page_token, filter, order_by } = &message;
    let request = ListRequest { parent, page_size: *page_size, page_token, filter, order_by };
    let (parent, of) = list(fields, &CREDIT_NOTES, INVOICE, request)?;
    Ok(ListOfInvoices { of, invoice: parent.id(1).map(Id::from_uuid) })
}

/// Asks for an export of payments.
pub fn export_payments(
    request: Request<pb::ExportPaymentsRequest>,
) -> Result<ListOfCustomers, AppError> {
    let (fields, message) = Fields::open(request)?;
    let request =
        ListRequest::export(&message.parent, &message.filter, &message.page_token, BY_CREATION);
    Ok(list(fields, &PAYMENTS, &["customers"], request)?.1)
}
