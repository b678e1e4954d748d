//! Refunds: requests → commands, and refunds → messages.

use super::{
    customers::customer_name,
    refs::{INVOICE, invoice_ref},
};
use crate::commands::{invoices::InvoiceRef, refunds::UnapplyPayment};
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    page::Page,
    render::{money, timestamp},
};
use payterms_invoicing_domain::{Destination, Refund, RefundPart};
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

/// Takes what a payment has paid of an invoice off it; none: all of it.
pub fn unapply_payment(
    request: Request<pb::UnapplyPaymentRequest>,
) -> Result<(Call, UnapplyPayment), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let payment = fields.name("payment", &message.payment, &["customers", "payments"]);
    let invoice = fields.name("invoice", &message.invoice, INVOICE);
    let amount = message
        .amount
        .as_ref()
        .map(|amount| fields.money("amount", Some(amount), Digits::MinorUnit));
    let named = invoice_ref(&fields, &invoice);
    let call = fields.write(&message.request_id, payment.tenant.clone())?;
    if payment.tenant != invoice.tenant || payment.id(0) != invoice.id(0) {
        return Err(Refusal::not_found().into());
    }
    Ok((call, UnapplyPayment { invoice: named, payment: Id::from_uuid(payment.id(1)), amount }))
}

/// Names a refund to read.
pub fn get_refund(
    request: Request<pb::GetRefundRequest>,
) -> Result<(InvoiceRef, Id<Refund>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, &["customers", "invoices", "refunds"]);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, Id::from_uuid(name.id(2))))
}

/// Asks for the refunds of an invoice.
pub fn list_refunds(
    request: Request<pb::ListRefundsRequest>,
) -> Result<(InvoiceRef, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let named = invoice_ref(&fields, &name);
    fields.finish()?;
    Ok((named, page))
}

/// A refund.
#[must_use]
pub fn refund(tenant: &TenantId, refund: &Refund) -> pb::Refund {
    let customer = customer_name(tenant, refund.customer);
    let invoice = format!("{customer}/invoices/{}", refund.invoice);
    let part = |refund_part: &RefundPart| pb::RefundPart {
        payment: format!("{customer}/payments/{}", refund_part.payment),
        amount: Some(money(refund_part.amount)),
        from_credit: refund_part.from_credit,
        destination: match refund_part.destination {
            Destination::Processing => pb::refund_part::Destination::Unspecified,
            Destination::Card => pb::refund_part::Destination::Card,
            Destination::Credit => pb::refund_part::Destination::Credit,
            Destination::Outside => pb::refund_part::Destination::Outside,
        }
        .into(),
    };
    pb::Refund {
        name: format!("{invoice}/refunds/{}", refund.id),
        state: if refund.ended {
            pb::refund::State::Succeeded
        } else {
            pb::refund::State::Processing
        }
        .into(),
        credit_note: refund
            .credit_note
            .map(|note| format!("{invoice}/creditNotes/{note}"))
            .unwrap_or_default(),
        amount: Some(money(refund.amount)),
        parts: refund.parts.iter().map(part).collect(),
        create_time: Some(timestamp(refund.created_at)),
        update_time: Some(timestamp(refund.updated_at)),
    }
}
