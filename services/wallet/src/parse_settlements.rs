//! Requests of a payment's owner → commands of the domain.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse::{CustomerRef, METHOD};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, names::Name};
use payterms_kernel::{Currency, Id, Money, Refusal};
use payterms_proto::wallet::v1 as pb;
use payterms_wallet_domain::{Charge, PaymentMethod, TaxKind, settlement::Arrived};
use std::cmp::Ordering;
use tonic::Request;
use uuid::Uuid;

/// A payment of a customer, and the currency that it is in.
#[derive(Debug, Clone)]
pub struct PaymentRef {
    /// The customer.
    pub customer: CustomerRef,
    /// The payment.
    pub payment: Uuid,
    /// The currency.
    pub currency: Currency,
}

impl PaymentRef {
    /// The payment's name.
    #[must_use]
    pub fn name(&self) -> String {
        payment_name(&self.customer, self.payment)
    }
}

/// The name of a customer's payment.
#[must_use]
pub fn payment_name(customer: &CustomerRef, payment: Uuid) -> String {
    format!("{}/payments/{payment}", customer.name())
}

fn customer_ref(name: &Name) -> CustomerRef {
    CustomerRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)) }
}

/// Names of one request belong to one customer.
fn same_customer(names: &[&Name]) -> Result<(), AppError> {
    let one = names.windows(2).all(|pair| matches!(pair, [a, b] if a.tenant == b.tenant && a.id(0) == b.id(0)));
    if one { Ok(()) } else { Err(Refusal::not_found().into()) }
}

/// Asks what can be paid with.
pub fn means(request: Request<pb::GetPaymentMeansRequest>) -> Result<(CustomerRef, Currency), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let currency = fields.currency("currency_code", &message.currency_code);
    fields.finish()?;
    Ok((customer_ref(&name), currency))
}

/// Reserves credit: how much, and whether it pays tax.
pub fn hold(request: Request<pb::HoldForPaymentRequest>) -> Result<(Call, PaymentRef, Money, bool), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency: amount.currency() };
    Ok((call, named, amount, message.taxed))
}

/// Gives back what is reserved.
pub fn release(request: Request<pb::ReleasePaymentRequest>) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let currency = fields.currency("currency_code", &message.currency_code);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    Ok((call, PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency }))
}

/// Whether reserved credit is taken, and the surplus if there is one.
pub type Settle = (bool, Option<Money>);

/// Settles a payment.
pub fn settle(request: Request<pb::SettlePaymentRequest>) -> Result<(Call, PaymentRef, Settle), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let currency = fields.currency("currency_code", &message.currency_code);
    let surplus = message.surplus.as_ref().map(|surplus| fields.money("surplus", Some(surplus), Digits::MinorUnit));
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    Ok((call, PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency }, (message.credit, surplus)))
}

/// What is charged, and how much; none: the collection method.
pub type Order = (Option<Id<PaymentMethod>>, Money);

/// Charges a method.
pub fn charge(request: Request<pb::ChargeForPaymentRequest>) -> Result<(Call, PaymentRef, Order), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let method = (!message.payment_method.is_empty()).then(|| fields.name("payment_method", &message.payment_method, METHOD));
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment, method.as_ref().unwrap_or(&customer)])?;
    let named = PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency: amount.currency() };
    Ok((call, named, (method.map(|method| Id::from_uuid(method.id(1))), amount)))
}

/// Names a charge to read.
pub fn get_charge(request: Request<pb::GetChargeRequest>) -> Result<(CustomerRef, Id<Charge>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "charges"]);
    fields.finish()?;
    Ok((customer_ref(&name), Id::from_uuid(name.id(1))))
}

/// What is given back.
#[derive(Debug, Clone)]
pub struct ToRefund {
    /// How much.
    pub amount: Money,
    /// The step that charged; none for credit.
    pub charge_step: Option<Uuid>,
    /// Whether it becomes credit rather than going back to the card.
    pub to_credit: bool,
}

/// Gives back a part of what a payment took.
pub fn refund(request: Request<pb::RefundPaymentRequest>) -> Result<(Call, PaymentRef, ToRefund), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let charge_step = payterms_chassis::names::uuid(&message.charge_request_id);
    if charge_step.is_none() && !message.charge_request_id.is_empty() {
        fields.wrong("charge_request_id", "REQUEST_ID_INVALID", "Give the UUID of the step that charged, or leave it empty.");
    }
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency: amount.currency() };
    Ok((call, named, ToRefund { amount, charge_step, to_credit: message.to_credit }))
}

/// Books what arrived by transfer.
pub fn transfer(request: Request<pb::RecordTransferRequest>) -> Result<(Call, PaymentRef, Arrived), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, &["customers"]);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let bought = message.bought.as_ref().map(|bought| fields.money("bought", Some(bought), Digits::MinorUnit));
    let taxed = message.tax.as_ref().filter(|tax| tax.units != 0 || tax.nanos != 0);
    let tax = taxed.map(|tax| fields.money("tax", Some(tax), Digits::MinorUnit));
    let kind = bought.and_then(|_| fields.choice::<pb::TaxKind>("tax_kind", message.tax_kind));
    let kind = if kind == Some(pb::TaxKind::TaxedSale) { TaxKind::TaxedSale } else { TaxKind::Deposit };
    if bought.is_some_and(|bought| bought.compare(amount).is_ok_and(Ordering::is_gt)) {
        fields.wrong("bought", "AMOUNT_OUT_OF_RANGE", "No more can be bought than has arrived.");
    }
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency: amount.currency() };
    let bought = bought.map(|bought| (bought, tax.unwrap_or_else(|| Money::zero(bought.currency())), kind));
    Ok((call, named, Arrived { payment: payment.id(1), amount, bought }))
}
