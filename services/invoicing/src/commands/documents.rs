//! Documents that are asked for.

use super::{invoices::InvoiceRef, receipts::ReceiptRef, statements::StatementRef};
use chrono::NaiveDate;
use payterms_invoicing_domain::{
    CreditNote, Customer, InvoiceVersion, ReceiptCreditNote, ReceiptVersion,
};
use payterms_kernel::{Id, TenantId};

/// A document that is named.
#[derive(Debug, Clone)]
pub enum DocumentRef {
    /// An invoice.
    Invoice(InvoiceRef),
    /// A credit note of an invoice.
    CreditNote(InvoiceRef, Id<CreditNote>),
    /// A version of an invoice.
    Version(InvoiceRef, Id<InvoiceVersion>),
    /// A statement.
    Statement(StatementRef),
    /// A receipt.
    Receipt(ReceiptRef),
    /// A credit note of a receipt.
    ReceiptCreditNote(ReceiptRef, Id<ReceiptCreditNote>),
    /// A version of a receipt.
    ReceiptVersion(ReceiptRef, Id<ReceiptVersion>),
}

impl DocumentRef {
    /// The tenant and customer that it belongs to.
    #[must_use]
    pub fn of(&self) -> (&TenantId, Id<Customer>) {
        match self {
            Self::Invoice(named) | Self::CreditNote(named, _) | Self::Version(named, _) => {
                (&named.tenant, named.customer)
            }
            Self::Statement(named) => (&named.tenant, named.customer),
            Self::Receipt(named)
            | Self::ReceiptVersion(named, _)
            | Self::ReceiptCreditNote(named, _) => (&named.tenant, named.customer),
        }
    }
}

/// Asks for all documents of a customer.
#[derive(Debug, Clone)]
pub struct DownloadDocuments {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose they are.
    pub customer: Id<Customer>,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}
