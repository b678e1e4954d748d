//! Receipts: requests → references, and receipts → messages.

use super::{
    customers::customer_name,
    invoices::{party, tax_amount},
};
use crate::commands::receipts::ReceiptRef;
use payterms_chassis::{
    AppError, Fields,
    names::Name,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{Receipt, ReceiptCreditNote, receipt::Subject};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1::{self as pb, receipt_credit_note::Reason};
use tonic::Request;

/// The collections of a receipt's name.
pub const RECEIPT: &[&str] = &["customers", "receipts"];

/// Names a receipt to read.
pub fn get_receipt(request: Request<pb::GetReceiptRequest>) -> Result<ReceiptRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, RECEIPT);
    fields.finish()?;
    Ok(receipt_ref(&name))
}

/// A credit note of a receipt.
#[must_use]
pub fn receipt_credit_note(
    tenant: &TenantId,
    receipt: &Receipt,
    note: &ReceiptCreditNote,
) -> pb::ReceiptCreditNote {
    let customer = customer_name(tenant, note.customer);
    let top_up_refund = match &receipt.subject {
        Subject::TopUp { top_up, wallet, .. } if !note.of_dispute => {
            format!("{customer}/wallets/{wallet}/topUps/{top_up}/refunds/{}", note.refund)
        }
        _ => String::new(),
    };
    pb::ReceiptCreditNote {
        name: format!("{customer}/receipts/{}/creditNotes/{}", note.receipt, note.id),
        number: note.number.clone(),
        receipt_number: receipt.number.clone(),
        issue_date: Some(date(note.issue_date)),
        amount: Some(money(note.amount)),
        tax: Some(tax_amount(&note.tax)),
        explanation: if note.of_dispute { String::new() } else { note.explanation.clone() },
        top_up_refund,
        create_time: Some(timestamp(note.created_at)),
        reason: if note.of_dispute { Reason::ChargedBack } else { Reason::Unspecified }.into(),
        dispute: if note.of_dispute {
            format!("{customer}/disputes/{}", note.refund)
        } else {
            String::new()
        },
    }
}

/// A receipt with those of the credit notes that are its own.
#[must_use]
pub fn receipt(tenant: &TenantId, receipt: &Receipt, notes: &[ReceiptCreditNote]) -> pb::Receipt {
    let customer = customer_name(tenant, receipt.customer);
    let notes = notes.iter().filter(|note| note.receipt == receipt.id);
    let (mut top_up, mut dispute, mut payment) = (String::new(), String::new(), String::new());
    let (mut last_day, mut paid_date, mut invoices) = (None, None, Vec::new());
    match &receipt.subject {
        Subject::TopUp { top_up: id, wallet, replaces, expires_on } => {
            last_day = expires_on.map(date);
            top_up = format!("{customer}/wallets/{wallet}/topUps/{id}");
            dispute = replaces
                .as_ref()
                .map(|replaced| format!("{customer}/disputes/{}", replaced.dispute))
                .unwrap_or_default();
        }
        Subject::Payment { payment: id, paid_on, invoices: paid } => {
            payment = format!("{customer}/payments/{id}");
            paid_date = Some(date(*paid_on));
            invoices = paid
                .iter()
                .map(|(number, paid)| pb::PaidInvoice {
                    number: number.clone(),
                    paid: Some(money(*paid)),
                })
                .collect();
        }
    }
    pb::Receipt {
        name: format!("{customer}/receipts/{}", receipt.id),
        number: receipt.number.clone(),
        issue_date: Some(date(receipt.issue_date)),
        top_up,
        dispute,
        credit_last_day: last_day,
        payment,
        paid_date,
        invoices,
        taxed: receipt.taxed,
        amount: Some(money(receipt.amount)),
        tax: Some(tax_amount(&receipt.tax)),
        seller: Some(party(&receipt.seller)),
        buyer: Some(party(&receipt.buyer)),
        create_time: Some(timestamp(receipt.created_at)),
        credit_notes: notes.map(|note| receipt_credit_note(tenant, receipt, note)).collect(),
    }
}

/// The receipt that a name means.
#[must_use]
pub fn receipt_ref(name: &Name) -> ReceiptRef {
    ReceiptRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        receipt: Id::from_uuid(name.id(1)),
    }
}
