//! Prints documents.

use crate::{
    documents::{
        paper,
        sheets::{self, receipts},
        statements::{self, StatementPage},
        wording::Language,
    },
    messages::{
        customers::customer_name, invoices::invoice_name, receipt_versions::receipt_version_name,
        statements::statement_name,
    },
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    CreditNote, Invoice, InvoiceVersion, Party, Receipt, ReceiptCreditNote, ReceiptVersion,
};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1::Document;

/// Something that is printed.
#[derive(Debug)]
pub enum Printable {
    /// An invoice as it was issued.
    Invoice(Box<Invoice>),
    /// An issued invoice as a later version shows it.
    Version(Box<(Invoice, InvoiceVersion)>),
    /// A credit note with its invoice.
    CreditNote(Box<Invoice>, CreditNote),
    /// A receipt as a version shows it.
    Receipt(Box<(Receipt, ReceiptVersion)>),
    /// A credit note of a receipt, with it.
    ReceiptCreditNote(Box<(Receipt, ReceiptCreditNote)>),
    /// A statement with its lists.
    Statement(Box<StatementPage>),
}

impl Printable {
    /// Who it is for.
    fn buyer(&self) -> Option<&Party> {
        match self {
            Self::Invoice(invoice) | Self::CreditNote(invoice, _) => {
                invoice.issue.as_ref().map(|issue| &issue.buyer)
            }
            Self::Version(both) => Some(&both.1.buyer),
            Self::Receipt(both) => Some(&both.1.buyer),
            Self::ReceiptCreditNote(both) => Some(&both.0.buyer),
            Self::Statement(statement_page) => Some(&statement_page.buyer),
        }
    }

    /// Prints it in the language of its day; in the customer's present one where that was not kept.
    ///
    /// # Errors
    /// `RESOURCE_NOT_FOUND` for a draft.
    pub fn print(&self, tenant: &TenantId, present: Language) -> Result<Document, AppError> {
        let kept =
            self.buyer().map(|party| party.language.as_str()).filter(|text| !text.is_empty());
        let language = kept.map_or(present, Language::of);
        let issue = |invoice: &Invoice| invoice.issue.clone().ok_or_else(Refusal::not_found);
        let (name, number, sheet) = match self {
            Self::Invoice(this_invoice) => {
                let issue = issue(this_invoice)?;
                let name =
                    format!("{}/versions/{}", invoice_name(tenant, this_invoice), this_invoice.id);
                (name, issue.number.clone(), sheets::invoice(language, this_invoice, &issue)?)
            }
            Self::Version(both) => {
                let (invoice, version) = both.as_ref();
                let name = format!("{}/versions/{}", invoice_name(tenant, invoice), version.id);
                let number = format!(
                    "{}{}",
                    version.number,
                    if version.is_corrective(invoice) {
                        String::new()
                    } else {
                        format!("-v{}", version.version)
                    }
                );
                (name, number, sheets::version(language, invoice, &issue(invoice)?, version)?)
            }
            Self::CreditNote(invoice, note) => {
                let name = format!("{}/creditNotes/{}", invoice_name(tenant, invoice), note.id);
                (name, note.number.clone(), sheets::credit_note(language, &issue(invoice)?, note)?)
            }
            Self::Statement(statement_page) => {
                let statement = &statement_page.statement;
                let number =
                    format!("{}-{}", statement.month.format("%Y-%m"), statement.currency());
                (
                    statement_name(tenant, statement),
                    number,
                    statements::statement(language, statement_page)?,
                )
            }
            Self::Receipt(pair) => {
                let (receipt, version) = pair.as_ref();
                let name = receipt_version_name(tenant, receipt, version);
                let later = version.version > 1 && !version.is_corrective(receipt);
                let number = if later {
                    format!("{}-v{}", version.number, version.version)
                } else {
                    version.number.clone()
                };
                (name, number, receipts::receipt_version(language, receipt, version)?)
            }
            Self::ReceiptCreditNote(both) => {
                let (receipt, note) = both.as_ref();
                let name = format!(
                    "{}/receipts/{}/creditNotes/{}",
                    customer_name(tenant, note.customer),
                    note.receipt,
                    note.id
                );
                (name, note.number.clone(), receipts::receipt_credit_note(language, receipt, note)?)
            }
        };
        let content = paper::print(&sheet).map_err(|error| AppError::Fault(error.to_string()))?;
        let media_type = "application/pdf".to_owned();
        Ok(Document {
            name,
            file_name: format!("{number}.pdf"),
            media_type,
            content: content.into(),
        })
    }
}
