//! Requests about top-ups by transfer → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::address;
use payterms_chassis::{AppError, Call, Fields, access::Grant, fields::Digits};
use payterms_invoicing_domain::{Customer, TopUp};
use payterms_kernel::{Id, Money};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Whom an invoice is made out to, and who asks.
#[derive(Debug, Clone)]
pub struct Raise {
    /// Whom it is made out to; its tax and bank details are the tenant's.
    pub top_up: TopUp,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

/// Raises an invoice.
pub fn raise(request: Request<pb::RaiseTransferTopUpRequest>) -> Result<(Call, Id<Customer>, Money, Raise), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, &["customers"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    if message.top_up.is_none() {
        fields.wrong("top_up", "FIELD_REQUIRED", "Say whom the invoice is made out to.");
    }
    let top_up = top_up(&mut fields, &message.top_up.unwrap_or_default());
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    let call = fields.write(&message.request_id, parent.tenant.clone())?;
    Ok((call, Id::from_uuid(parent.id(0)), amount, Raise { top_up, as_customer }))
}

fn top_up(fields: &mut Fields, own: &pb::TransferTopUp) -> TopUp {
    let at = |name: &str| format!("top_up.{name}");
    if own.address.is_none() && own.company_id.is_empty() {
        fields.wrong(&at("address"), "FIELD_REQUIRED", "Give the company's address, or its id in a public register.");
    }
    if own.email.is_empty() {
        fields.wrong(&at("email"), "FIELD_REQUIRED", "Write the address that the invoice is mailed to.");
    }
    let digits = own.phone.bytes().filter(u8::is_ascii_digit).count();
    if !(5..=15).contains(&digits) || !own.phone.bytes().all(|b| b.is_ascii_digit() || b" +-()./".contains(&b)) {
        fields.wrong(&at("phone"), "FIELD_INVALID_CHARS", "Write the phone number with 5 to 15 digits, spaces and +-()./ only.");
    }
    TopUp {
        company_name: fields.text(&at("company_name"), &own.company_name, 1, 200),
        address: own.address.as_ref().map(|own| address(fields, &at("address"), own)),
        company_id: fields.text(&at("company_id"), &own.company_id, 0, 40),
        email: fields.email(&at("email"), &own.email),
        contact_name: fields.text(&at("contact_name"), &own.contact_name, 1, 100),
        phone: fields.text(&at("phone"), &own.phone, 0, 30),
        taxed: false,
        bank_details: String::new(),
    }
}
