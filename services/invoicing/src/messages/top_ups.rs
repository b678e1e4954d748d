//! Top-ups by transfer: requests → commands, and top-ups → messages.

use super::addresses::{address, render_address};
use crate::commands::top_ups::RaiseTopUp;
use payterms_chassis::{AppError, Call, Fields, call::Grant, fields::Digits};
use payterms_invoicing_domain::TopUp;
use payterms_kernel::{Id, Reason};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Raises an invoice.
pub fn raise_transfer_top_up(
    request: Request<pb::RaiseTransferTopUpRequest>,
) -> Result<(Call, RaiseTopUp), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    if message.top_up.is_none() {
        fields.wrong("top_up", Reason::FIELD_REQUIRED, "Say whom the invoice is made out to.");
    }
    let top_up = top_up(&mut fields, &message.top_up.unwrap_or_default());
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, RaiseTopUp { customer: Id::from_uuid(parent.id(0)), amount, top_up, as_customer }))
}

fn top_up(fields: &mut Fields, transfer_top_up: &pb::TransferTopUp) -> TopUp {
    let at = |name: &str| format!("top_up.{name}");
    if transfer_top_up.address.is_none() && transfer_top_up.company_id.is_empty() {
        fields.wrong(
            &at("address"),
            Reason::FIELD_REQUIRED,
            "Give the company's address, or its id in a public register.",
        );
    }
    if transfer_top_up.email.is_empty() {
        fields.wrong(
            &at("email"),
            Reason::FIELD_REQUIRED,
            "Write the address that the invoice is mailed to.",
        );
    }
    let digits = transfer_top_up.phone.bytes().filter(u8::is_ascii_digit).count();
    if !(5..=15).contains(&digits)
        || !transfer_top_up.phone.bytes().all(|b| b.is_ascii_digit() || b" +-()./".contains(&b))
    {
        fields.wrong(
            &at("phone"),
            Reason::FIELD_INVALID_CHARS,
            "Write the phone number with 5 to 15 digits, spaces and +-()./ only.",
        );
    }
    TopUp {
        company_name: fields.printed(&at("company_name"), &transfer_top_up.company_name, 1, 200),
        address: transfer_top_up.address.as_ref().map(|each| address(fields, &at("address"), each)),
        company_id: fields.reference(&at("company_id"), &transfer_top_up.company_id, 0, 40),
        email: fields.email(&at("email"), &transfer_top_up.email),
        contact_name: fields.text(&at("contact_name"), &transfer_top_up.contact_name, 1, 100),
        phone: fields.reference(&at("phone"), &transfer_top_up.phone, 0, 30),
        taxed: false,
    }
}

/// Whom a top-up is made out to.
#[must_use]
pub fn render_top_up(top_up: &TopUp) -> pb::TransferTopUp {
    let TopUp { company_name, address: place, company_id, email, contact_name, phone, taxed } =
        top_up.clone();
    pb::TransferTopUp {
        company_name,
        address: place.as_ref().map(render_address),
        company_id,
        email,
        contact_name,
        phone,
        taxed,
    }
}
