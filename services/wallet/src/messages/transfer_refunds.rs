//! Steps of invoicing's transfers back to payers.

use super::{
    names::{CUSTOMER, customer_ref},
    payments::same_customer,
};
use crate::commands::{
    payments::PaymentRef,
    transfer_refunds::{
        BookTransferRefund, QuoteTransferRefund, ReleaseTransferRefund, ReserveTransferRefund,
        TransferCredit,
    },
};
use payterms_chassis::{AppError, Call, Fields, fields::Digits};
use payterms_kernel::Money;
use payterms_proto::wallet::peers::v1 as pb;
use payterms_wallet_domain::TransferKind;
use tonic::Request;

/// Collections of a payment's name.
const PAYMENT: &[&str] = &["customers", "payments"];
/// Collections of a refund's name.
const REFUND: &[&str] = &["customers", "transferRefunds"];

/// How the credit came to be.
fn became(fields: &mut Fields, credit: i32) -> TransferKind {
    match fields.choice::<pb::TransferCredit>("transfer_credit", credit) {
        Some(pb::TransferCredit::TopUp) => TransferKind::TransferTopUp,
        Some(pb::TransferCredit::Surplus | pb::TransferCredit::Unspecified) | None => {
            TransferKind::Surplus
        }
    }
}

/// Asks how much can go back.
pub fn quote_transfer_refund(
    request: Request<pb::QuoteTransferRefundRequest>,
) -> Result<QuoteTransferRefund, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, PAYMENT);
    let became = became(&mut fields, message.transfer_credit);
    let currency = fields.currency("currency_code", &message.currency_code);
    let credit = message
        .credit
        .as_ref()
        .map(|credit| fields.money("credit", Some(credit), Digits::MinorUnit));
    fields.finish()?;
    same_customer(&[&customer, &payment])?;
    let payment =
        PaymentRef { customer: customer_ref(&customer), payment: payment.id(1), currency };
    Ok(QuoteTransferRefund { of: TransferCredit { payment, became }, credit })
}

/// Reserves credit.
pub fn reserve_transfer_refund(
    request: Request<pb::ReserveTransferRefundRequest>,
) -> Result<(Call, ReserveTransferRefund), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, PAYMENT);
    let refund = fields.name("transfer_refund", &message.transfer_refund, REFUND);
    let became = became(&mut fields, message.transfer_credit);
    let credit = fields.money("credit", message.credit.as_ref(), Digits::MinorUnit);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment, &refund])?;
    let payment = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: credit.currency(),
    };
    Ok((
        call,
        ReserveTransferRefund {
            refund: refund.id(1),
            of: TransferCredit { payment, became },
            credit,
        },
    ))
}

/// Frees what is reserved.
pub fn release_transfer_refund(
    request: Request<pb::ReleaseTransferRefundRequest>,
) -> Result<(Call, ReleaseTransferRefund), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let refund = fields.name("transfer_refund", &message.transfer_refund, REFUND);
    let currency = fields.currency("currency_code", &message.currency_code);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &refund])?;
    Ok((
        call,
        ReleaseTransferRefund { refund: refund.id(1), customer: customer_ref(&customer), currency },
    ))
}

/// Books that the transfer was made.
pub fn book_transfer_refund(
    request: Request<pb::BookTransferRefundRequest>,
) -> Result<(Call, BookTransferRefund), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let customer = fields.name("parent", &message.parent, CUSTOMER);
    let payment = fields.name("payment", &message.payment, PAYMENT);
    let refund = fields.name("transfer_refund", &message.transfer_refund, REFUND);
    // Nothing of a deposit is tax; a money field takes no zero.
    let tax = message.tax.clone().unwrap_or_default();
    let tax = if tax.units == 0 && tax.nanos == 0 {
        Money::zero(fields.currency("tax.currency_code", &tax.currency_code))
    } else {
        fields.money("tax", Some(&tax), Digits::MinorUnit)
    };
    let description = fields.printed("description", &message.description, 0, 1_000);
    let call = fields.write(&message.request_id, customer.tenant.clone())?;
    same_customer(&[&customer, &payment, &refund])?;
    let payment = PaymentRef {
        customer: customer_ref(&customer),
        payment: payment.id(1),
        currency: tax.currency(),
    };
    Ok((call, BookTransferRefund { refund: refund.id(1), payment, tax, description }))
}
