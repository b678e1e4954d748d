//! Credit notes: requests → commands, and notes → messages.

use super::{
    invoices::{invoice_name, tax_amount},
    refs::{INVOICE, invoice_ref},
};
use crate::commands::credit_notes::CreateCreditNote;
use payterms_chassis::{
    AppError, Call, Fields,
    fields::Digits,
    render::{date, money, timestamp},
};
use payterms_invoicing_domain::{
    CreditNote, Invoice,
    top_up::{NOT_TRANSFERRED, TRANSFER_FEES, TRANSFER_TAKEN_BACK},
    transfer_refund::TRANSFERRED_BACK,
};
use payterms_kernel::TenantId;
use payterms_proto::invoicing::v1::{self as pb, credit_note::Reason};
use tonic::Request;

/// Takes a part off.
pub fn create_credit_note(
    request: Request<pb::CreateCreditNoteRequest>,
) -> Result<(Call, CreateCreditNote), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, INVOICE);
    let amount = fields.money("amount", message.amount.as_ref(), Digits::MinorUnit);
    let explanation = fields.printed("explanation", &message.explanation, 1, 200);
    let note = CreateCreditNote { invoice: invoice_ref(&fields, &name), amount, explanation };
    Ok((fields.write(&message.request_id, name.tenant.clone())?, note))
}

/// A credit note of an invoice.
#[must_use]
pub fn credit_note(tenant: &TenantId, invoice: &Invoice, note: &CreditNote) -> pb::CreditNote {
    let number = invoice.issue.as_ref().map(|issue| issue.number.clone()).unwrap_or_default();
    credit_note_of(&invoice_name(tenant, invoice), number, note)
}

/// A credit note of the invoice with this name and number.
#[must_use]
pub fn credit_note_of(invoice: &str, invoice_number: String, note: &CreditNote) -> pb::CreditNote {
    let reason = reason_of_the_suite(&note.explanation);
    pb::CreditNote {
        name: format!("{invoice}/creditNotes/{}", note.id),
        number: note.number.clone(),
        invoice_number,
        issue_date: Some(date(note.issue_date)),
        amount: Some(money(note.amount)),
        taxes: note.taxes.iter().map(tax_amount).collect(),
        explanation: if reason == Reason::Unspecified {
            note.explanation.clone()
        } else {
            String::new()
        },
        create_time: Some(timestamp(note.created_at)),
        reason: reason.into(),
    }
}

/// Why the suite itself issued a credit note; unspecified where a person wrote why.
fn reason_of_the_suite(explanation: &str) -> Reason {
    match explanation {
        TRANSFER_FEES => Reason::TransferFees,
        TRANSFER_TAKEN_BACK => Reason::TransferTakenBack,
        TRANSFERRED_BACK => Reason::TransferredBack,
        NOT_TRANSFERRED => Reason::NotTransferred,
        _ => Reason::Unspecified,
    }
}
