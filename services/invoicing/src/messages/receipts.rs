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
use payterms_invoicing_domain::{Receipt, ReceiptCreditNote};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
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
pub fn receipt_credit_note(tenant: &TenantId, receipt: &Receipt, note: &ReceiptCreditNote) -> pb::ReceiptCreditNote {
    let customer = customer_name(tenant, note.customer);
    pb::ReceiptCreditNote {
        name: format!("{customer}/receipts/{}/creditNotes/{}", note.receipt, note.id),
        number: note.number.clone(),
        receipt_number: receipt.number.clone(),
        issue_date: Some(date(note.issue_date)),
        amount: Some(money(note.amount)),
        tax: Some(tax_amount(&note.tax)),
        reason: note.explanation.clone(),
        top_up_refund: format!("{customer}/wallets/{}/topUps/{}/refunds/{}", receipt.wallet, receipt.top_up, note.refund),
        create_time: Some(timestamp(note.created_at)),
    }
}

/// A receipt with those of the credit notes that are its own.
#[must_use]
pub fn receipt(tenant: &TenantId, receipt: &Receipt, notes: &[ReceiptCreditNote]) -> pb::Receipt {
    let customer = customer_name(tenant, receipt.customer);
    let notes = notes.iter().filter(|note| note.receipt == receipt.id);
    pb::Receipt {
        name: format!("{customer}/receipts/{}", receipt.id),
        number: receipt.number.clone(),
        issue_date: Some(date(receipt.issue_date)),
        top_up: format!("{customer}/wallets/{}/topUps/{}", receipt.wallet, receipt.top_up),
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
    ReceiptRef { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), receipt: Id::from_uuid(name.id(1)) }
}
