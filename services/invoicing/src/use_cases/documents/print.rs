//! Prints documents.

use crate::{
    documents::{paper, sheets, wording::Language},
    messages::{customers::customer_name, invoices::invoice_name, statements::statement_name},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{CreditNote, Invoice, InvoiceVersion, Party, Receipt, ReceiptCreditNote, Statement};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1::Document;

/// Something that is printed.
#[derive(Debug)]
pub enum Printable {
    /// An issued invoice.
    Invoice(Box<Invoice>),
    /// An issued invoice as a later version shows it.
    Version(Box<(Invoice, InvoiceVersion)>),
    /// A credit note with its invoice.
    CreditNote(Box<Invoice>, CreditNote),
    /// A receipt.
    Receipt(Box<Receipt>),
    /// A credit note of a receipt, with it.
    ReceiptCreditNote(Box<(Receipt, ReceiptCreditNote)>),
    /// A statement with its invoices, and who drew it up for whom.
    Statement(Box<(Statement, Vec<Invoice>, Party, Party)>),
}

impl Printable {
    /// Prints it.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` for a draft.
    pub fn print(&self, tenant: &TenantId, language: Language) -> Result<Document, AppError> {
        let issue = |invoice: &Invoice| invoice.issue.clone().ok_or_else(Refusal::not_found);
        let (name, number, sheet) = match self {
            Self::Invoice(own) => {
                let issue = issue(own)?;
                (invoice_name(tenant, own), issue.number.clone(), sheets::invoice(language, own, &issue)?)
            }
            Self::Version(both) => {
                let (own, version) = both.as_ref();
                let name = format!("{}/versions/{}", invoice_name(tenant, own), version.id);
                let number = format!(
                    "{}{}",
                    version.number,
                    if version.is_corrective(own) { String::new() } else { format!("-v{}", version.version) }
                );
                (name, number, sheets::version(language, own, (&issue(own)?, version))?)
            }
            Self::CreditNote(own, note) => {
                let name = format!("{}/creditNotes/{}", invoice_name(tenant, own), note.id);
                (name, note.number.clone(), sheets::credit_note(language, (&issue(own)?, note))?)
            }
            Self::Statement(own) => {
                let (statement, invoices, seller, buyer) = own.as_ref();
                let number = format!("{}-{}", statement.month.format("%Y-%m"), statement.currency());
                (statement_name(tenant, statement), number, sheets::statement(language, statement, invoices, (seller, buyer))?)
            }
            Self::Receipt(own) => {
                let name = format!("{}/receipts/{}", customer_name(tenant, own.customer), own.id);
                (name, own.number.clone(), sheets::receipt(language, own)?)
            }
            Self::ReceiptCreditNote(both) => {
                let (receipt, note) = both.as_ref();
                let name = format!("{}/receipts/{}/creditNotes/{}", customer_name(tenant, note.customer), note.receipt, note.id);
                (name, note.number.clone(), sheets::receipt_credit_note(language, (receipt, note))?)
            }
        };
        let content = paper::print(&sheet).map_err(|error| AppError::Fault(error.to_string()))?;
        let media_type = "application/pdf".to_owned();
        Ok(Document { name, file_name: format!("{number}.pdf"), media_type, content: content.into() })
    }
}
