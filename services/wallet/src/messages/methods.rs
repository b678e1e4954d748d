//! Payment methods, and credit lines as methods.

use super::{
    disputes::dispute_name,
    names::{CUSTOMER, METHOD, customer_ref},
};
use crate::commands::{
    customers::CustomerRef,
    methods::{LineState, MethodRef, SwitchCreditLine},
};
use payterms_chassis::{AppError, Call, Fields, names::Name, page::Page, render::timestamp};
use payterms_kernel::Id;
use payterms_proto::wallet::{
    peers::v1::{SwitchCreditLineRequest, switch_credit_line_request::To},
    v1::{self as pb, payment_method::Kind},
};
use payterms_wallet_domain::{Dispute, MethodKind, Methods, PaymentMethod};
use tonic::Request;

/// A kind that a request names.
pub(super) fn method_kind(
    fields: &mut Fields,
    field: &str,
    number: i32,
    among: &[Kind],
) -> Option<MethodKind> {
    match fields.choice_among(field, number, among)? {
        Kind::Card => Some(MethodKind::Card),
        Kind::BankTransfer => Some(MethodKind::BankTransfer),
        Kind::BankDebit => Some(MethodKind::BankDebit),
        // The credit service switches lines.
        Kind::CreditLine | Kind::Unspecified => None,
    }
}

fn method_ref(name: &Name) -> MethodRef {
    MethodRef { customer: customer_ref(name), method: Id::from_uuid(name.id(1)) }
}

/// Names a method to read.
pub fn get_payment_method(
    request: Request<pb::GetPaymentMethodRequest>,
) -> Result<MethodRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, METHOD);
    fields.finish()?;
    Ok(method_ref(&name))
}

/// Names a customer whose methods are listed.
pub fn list_payment_methods(
    request: Request<pb::ListPaymentMethodsRequest>,
) -> Result<(CustomerRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let parent = fields.name("parent", &message.parent, CUSTOMER);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((customer_ref(&parent), page))
}

/// A verb on a method.
fn on_method(
    mut fields: Fields,
    request_id: &str,
    name: &str,
) -> Result<(Call, MethodRef), AppError> {
    let name = fields.name("name", name, METHOD);
    let call = fields.write(request_id, name.tenant.clone())?;
    Ok((call, method_ref(&name)))
}

/// Removes a method.
pub fn remove_payment_method(
    request: Request<pb::RemovePaymentMethodRequest>,
) -> Result<(Call, MethodRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Makes a method the purchase default.
pub fn set_purchase_default(
    request: Request<pb::SetPurchaseDefaultRequest>,
) -> Result<(Call, MethodRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Makes a method the collection method.
pub fn set_collection_method(
    request: Request<pb::SetCollectionMethodRequest>,
) -> Result<(Call, MethodRef), AppError> {
    let (fields, message) = Fields::open(request)?;
    on_method(fields, &message.request_id, &message.name)
}

/// Switches a credit line as a method.
pub fn switch_credit_line(
    request: Request<SwitchCreditLineRequest>,
) -> Result<(Call, SwitchCreditLine), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("credit_line", &message.credit_line, &["customers", "creditLines"]);
    let to = match fields.choice::<To>("to", message.to).unwrap_or(To::On) {
        To::On | To::Unspecified => LineState::On,
        To::Off => LineState::Off,
        To::Removed => LineState::Removed,
    };
    let call = fields.write(&message.request_id, name.tenant.clone())?;
    Ok((
        call,
        SwitchCreditLine {
            customer: customer_ref(&name),
            line: Id::from_uuid(name.id(1)),
            to,
            number: message.number,
        },
    ))
}

pub(super) fn method_name(customer: &str, method: Id<PaymentMethod>) -> String {
    format!("{customer}/paymentMethods/{method}")
}

/// A kind of method.
pub(super) fn kind(kind: MethodKind) -> i32 {
    match kind {
        MethodKind::Card => Kind::Card.into(),
        MethodKind::BankTransfer => Kind::BankTransfer.into(),
        MethodKind::BankDebit => Kind::BankDebit.into(),
        MethodKind::CreditLine => Kind::CreditLine.into(),
    }
}

/// A method, and what points to it.
#[must_use]
pub fn payment_method(
    customer: &str,
    method: &PaymentMethod,
    methods: &Methods,
) -> pb::PaymentMethod {
    let state = if method.active {
        pb::payment_method::State::Active
    } else {
        pb::payment_method::State::Removed
    };
    pb::PaymentMethod {
        name: method_name(customer, method.id),
        kind: kind(method.kind),
        state: state.into(),
        brand: method.brand.clone(),
        last_four: method.last_four.clone(),
        expire_month: i32::try_from(method.expire_month).unwrap_or_default(),
        expire_year: method.expire_year,
        purchase_default: methods.purchase_default == Some(method.id),
        collection_method: methods.collection == Some(method.id),
        create_time: Some(timestamp(method.created_at)),
        charged_back: method.charged_back,
        mandate_reference: method.mandate.clone(),
        provider: method.provider.clone(),
    }
}

/// The event with a customer's methods after a change, and the dispute that collection waits for.
#[must_use]
pub fn payment_methods_changed(
    customer: &CustomerRef,
    methods: &Methods,
    collection_method_replaced: bool,
    waits_for: Option<Id<Dispute>>,
) -> pb::PaymentMethodsChanged {
    let name = customer.name();
    let payment_methods =
        methods.active.iter().map(|method| payment_method(&name, method, methods)).collect();
    let collection_waits_for =
        waits_for.map(|dispute| dispute_name(customer, dispute)).unwrap_or_default();
    pb::PaymentMethodsChanged {
        customer: name,
        payment_methods,
        collection_method_replaced,
        collection_waits_for,
    }
}
