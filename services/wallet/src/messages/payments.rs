//! Steps of invoicing's payments.

use super::names::{CUSTOMER, METHOD, customer_ref};
use crate::commands::{
    customers::CustomerRef,
    payments::{
        ChargeForPayment, HoldForPayment, PaymentRef, RecordTransfer, RefundPayment,
        ReturnTransfer, SettlePayment,
    },
};
use payterms_chassis::{AppError, Call, Fields, fields::Digits, names::Name};
use payterms_kernel::{Currency, Id, Money, Reason, Refusal};
use payterms_proto::{
    google::r#type::Money as MoneyMessage,
    wallet::{peers::v1 as peers, v1 as pb},
};
use payterms_wallet_domain::{
    TaxKind,
    settlement::{Arrived, CreditBought, InvoiceTax},
};
use std::cmp::Ordering;
use tonic::Request;

/// Refuses names of different customers in one request, as if the second did not exist.
pub(super) fn same_customer(names: &[&Name]) -> Result<(), AppError> {
    let is_one_customer = names
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.tenant == b.tenant && a.id(0) == b.id(0)));
    if is_one_customer { Ok(()) } else { Err(Refusal::not_found().into()) }
}

/// Names the customer and the currency whose means of payment are read.
pub fn get_payment_means(
    request: Request<peers::GetPaymentMeansRequest>,
) -> Result<(CustomerRef, Currency), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, CUSTOMER);
    let currency = fields.currency("currency_code", &message.currency_code);
    fields.finish()?;
    Ok((customer_ref(&name), currency))
}

/// Reserves credit: how much, and whether it pays tax.
pub fn hold_for_payment(
    request: Request<peers::HoldForPaymentRequest>,
) -> Result<(Call, HoldForPayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: amount.currency(),
    };
    Ok((
        call,
        HoldForPayment {
            payment: named,
            amount,
            tax: if message.taxed { InvoiceTax::Taxed } else { InvoiceTax::Untaxed },
        },
    ))
}

/// Names the payment whose reserved credit is released.
pub fn release_payment(
    request: Request<peers::ReleasePaymentRequest>,
) -> Result<(Call, PaymentRef), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let currency = fields.currency("currency_code", &message.currency_code);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    Ok((call, PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency }))
}

/// Settles a payment.
pub fn settle_payment(
    request: Request<peers::SettlePaymentRequest>,
) -> Result<(Call, SettlePayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let currency = fields.currency("currency_code", &message.currency_code);
    let surplus = message
        .surplus
        .as_ref()
        .map(|surplus| fields.money("surplus", Some(surplus), Digits::MinorUnit));
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency };
    Ok((call, SettlePayment { payment: named, credit: message.credit, surplus }))
}

/// Charges a method.
pub fn charge_for_payment(
    request: Request<peers::ChargeForPaymentRequest>,
) -> Result<(Call, ChargeForPayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let method = (!message.payment_method.is_empty())
        .then(|| fields.name("payment_method", &message.payment_method, METHOD));
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment, method.as_ref().unwrap_or(&customer)])?;
    let named = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: amount.currency(),
    };
    Ok((
        call,
        ChargeForPayment {
            payment: named,
            method: method.map(|method| Id::from_uuid(method.id(1))),
            amount,
        },
    ))
}

/// Refunds a part of a payment.
pub fn refund_payment(
    request: Request<peers::RefundPaymentRequest>,
) -> Result<(Call, RefundPayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let charge_step = payterms_chassis::names::uuid(&message.charge_request_id);
    if charge_step.is_none() && !message.charge_request_id.is_empty() {
        fields.wrong(
            "charge_request_id",
            Reason::REQUEST_ID_INVALID,
            "Give the UUID of the step that charged, or leave it empty.",
        );
    }
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: amount.currency(),
    };
    Ok((call, RefundPayment { payment: named, amount, charge_step, to_credit: message.to_credit }))
}

/// Books back what a bank line had paid.
pub fn return_transfer(
    request: Request<peers::ReturnTransferRequest>,
) -> Result<(Call, ReturnTransfer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let surplus = message
        .surplus
        .as_ref()
        .map(|surplus| fields.money("surplus", Some(surplus), Digits::MinorUnit));
    if surplus.is_some_and(|surplus| surplus.compare(amount).is_ok_and(Ordering::is_gt)) {
        fields.wrong(
            "surplus",
            Reason::AMOUNT_OUT_OF_RANGE,
            "No more can have become credit than had arrived.",
        );
    }
    let bought = credit_bought(
        &mut fields,
        amount,
        message.bought.as_ref(),
        message.tax.as_ref(),
        message.tax_kind,
    );
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: amount.currency(),
    };
    Ok((call, ReturnTransfer { payment: named, amount, surplus, bought }))
}

/// The part of a transfer that buys credit, with its tax.
fn credit_bought(
    fields: &mut Fields,
    arrived: Money,
    bought: Option<&MoneyMessage>,
    tax: Option<&MoneyMessage>,
    kind: i32,
) -> Option<CreditBought> {
    let amount = bought.map(|bought| fields.money("bought", Some(bought), Digits::MinorUnit));
    let taxed = tax.filter(|tax| tax.units != 0 || tax.nanos != 0);
    let tax = taxed.map(|tax| fields.money("tax", Some(tax), Digits::MinorUnit));
    let amount = amount?;
    let kind = fields.choice::<pb::TaxKind>("tax_kind", kind);
    let tax_kind =
        if kind == Some(pb::TaxKind::TaxedSale) { TaxKind::TaxedSale } else { TaxKind::Deposit };
    if amount.compare(arrived).is_ok_and(Ordering::is_gt) {
        fields.wrong(
            "bought",
            Reason::AMOUNT_OUT_OF_RANGE,
            "No more can be bought than has arrived.",
        );
    }
    Some(CreditBought {
        amount,
        tax: tax.unwrap_or_else(|| Money::zero(amount.currency())),
        tax_kind,
    })
}

/// Books a bank transfer.
pub fn record_transfer(
    request: Request<peers::RecordTransferRequest>,
) -> Result<(Call, RecordTransfer), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let bought = credit_bought(
        &mut fields,
        amount,
        message.bought.as_ref(),
        message.tax.as_ref(),
        message.tax_kind,
    );
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment])?;
    let named = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: amount.currency(),
    };
    Ok((
        call,
        RecordTransfer {
            payment: named,
            arrived: Arrived { payment: payment.id(1), amount, bought },
        },
    ))
}
