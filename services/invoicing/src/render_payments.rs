//! Payments → messages of the contract.

use crate::render::customer_name;
use payterms_chassis::render::{money, timestamp};
use payterms_invoicing_domain::{Allocation, Destination, Payment, PaymentState, Refund, RefundPart, Tender, TenderState, payment::Source};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1 as pb;

/// The name of a payment.
#[must_use]
pub fn payment_name(tenant: &TenantId, payment: &Payment) -> String {
    format!("{}/payments/{}", customer_name(tenant, payment.customer), payment.id)
}

/// A payment.
#[must_use]
pub fn payment(tenant: &TenantId, payment: &Payment) -> pb::Payment {
    let state = match payment.state {
        PaymentState::Processing => pb::payment::State::Processing,
        PaymentState::Succeeded => pb::payment::State::Succeeded,
        PaymentState::Partial => pb::payment::State::Partial,
        PaymentState::Failed => pb::payment::State::Failed,
        PaymentState::Cancelled => pb::payment::State::Cancelled,
    };
    let customer = customer_name(tenant, payment.customer);
    let allocation = |own: &Allocation| pb::PaymentAllocation {
        invoice: format!("{customer}/invoices/{}", own.invoice),
        amount: Some(money(own.amount)),
        paid: Some(money(own.paid)),
        refunded: Some(money(own.refunded)),
        deferred: Some(money(own.deferred)),
    };
    pb::Payment {
        name: payment_name(tenant, payment),
        state: state.into(),
        allocations: payment.allocations.iter().map(allocation).collect(),
        tenders: payment.tenders.iter().map(|own| tender(&customer, own)).collect(),
        surplus: Some(money(payment.surplus)),
        create_time: Some(timestamp(payment.created_at)),
        update_time: Some(timestamp(payment.updated_at)),
        automatic: payment.automatic,
        reference: payment.reference.clone(),
        owner: payment.owner.clone(),
    }
}

fn tender(customer: &str, tender: &Tender) -> pb::PaymentTender {
    let state = match tender.state {
        TenderState::Processing => pb::payment_tender::State::Processing,
        TenderState::Succeeded => pb::payment_tender::State::Succeeded,
        TenderState::Failed(_) => pb::payment_tender::State::Failed,
        TenderState::Released => pb::payment_tender::State::Released,
    };
    pb::PaymentTender {
        credit: tender.source == Source::Credit,
        announced: tender.source == Source::Announced,
        outside: tender.source == Source::Outside,
        credit_line: matches!(tender.source, Source::Line(_)),
        payment_method: if let Source::Card(method) | Source::BankDebit(method) | Source::Line(method) = tender.source {
            format!("{customer}/paymentMethods/{method}")
        } else {
            String::new()
        },
        amount: Some(money(tender.amount)),
        state: state.into(),
        refunded: Some(money(tender.refunded)),
        charged_back: Some(money(tender.charged_back)),
        bank_line: if let Source::Transfer(line) = tender.source {
            format!("{}/bankLines/{line}", customer.split("/customers/").next().unwrap_or_default())
        } else {
            String::new()
        },
        decline_code: if let TenderState::Failed(code) = &tender.state { code.clone() } else { String::new() },
    }
}

/// A refund.
#[must_use]
pub fn refund(tenant: &TenantId, refund: &Refund) -> pb::Refund {
    let customer = customer_name(tenant, refund.customer);
    let invoice = format!("{customer}/invoices/{}", refund.invoice);
    let part = |own: &RefundPart| pb::RefundPart {
        payment: format!("{customer}/payments/{}", own.payment),
        amount: Some(money(own.amount)),
        from_credit: own.from_credit,
        destination: match own.destination {
            Destination::Processing => pb::refund_part::Destination::Unspecified,
            Destination::Card => pb::refund_part::Destination::Card,
            Destination::Credit => pb::refund_part::Destination::Credit,
            Destination::Outside => pb::refund_part::Destination::Outside,
        }
        .into(),
    };
    pb::Refund {
        name: format!("{invoice}/refunds/{}", refund.id),
        state: if refund.ended { pb::refund::State::Succeeded } else { pb::refund::State::Processing }.into(),
        credit_note: refund.credit_note.map(|note| format!("{invoice}/creditNotes/{note}")).unwrap_or_default(),
        amount: Some(money(refund.amount)),
        parts: refund.parts.iter().map(part).collect(),
        create_time: Some(timestamp(refund.created_at)),
        update_time: Some(timestamp(refund.updated_at)),
    }
}
