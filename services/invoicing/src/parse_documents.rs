//! Requests about documents and receipts → what is asked for.
#![expect(clippy::missing_errors_doc, reason = "every function here refuses with all violations at once")]

use crate::parse_invoices::{INVOICE, InvoiceRef, invoice_ref};
use chrono::NaiveDate;
use payterms_chassis::{AppError, Fields, access::Grant, names, page::Page};
use payterms_invoicing_domain::{CreditNote, Customer, InvoiceVersion, Receipt, Statement};
use payterms_kernel::{Id, TenantId};
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

const VERSION: &[&str] = &["customers", "invoices", "versions"];
const CREDIT_NOTE: &[&str] = &["customers", "invoices", "creditNotes"];
const STATEMENT: &[&str] = &["customers", "statements"];
const RECEIPT: &[&str] = &["customers", "receipts"];

/// A document that is named.
#[derive(Debug, Clone)]
pub enum DocumentRef {
    /// An invoice.
    Invoice(InvoiceRef),
    /// A credit note of an invoice.
    CreditNote(InvoiceRef, Id<CreditNote>),
    /// A later version of an invoice.
    Version(InvoiceRef, Id<InvoiceVersion>),
    /// A statement.
    Statement(StatementRef),
    /// A receipt.
    Receipt {
        /// The tenant.
        tenant: TenantId,
        /// Whose it is.
        customer: Id<Customer>,
        /// The receipt.
        receipt: Id<Receipt>,
    },
}

impl DocumentRef {
    /// The tenant and customer that it belongs to.
    #[must_use]
    pub fn of(&self) -> (&TenantId, Id<Customer>) {
        match self {
            Self::Invoice(named) | Self::CreditNote(named, _) | Self::Version(named, _) => (&named.tenant, named.customer),
            Self::Statement(named) => (&named.tenant, named.customer),
            Self::Receipt { tenant, customer, .. } => (tenant, *customer),
        }
    }
}

/// Names a statement.
#[derive(Debug, Clone)]
pub struct StatementRef {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose it is.
    pub customer: Id<Customer>,
    /// The statement.
    pub statement: Id<Statement>,
    /// Whether a member of the customer asks.
    pub as_customer: bool,
}

fn statement_ref(fields: &Fields, name: &names::Name) -> StatementRef {
    StatementRef {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        statement: Id::from_uuid(name.id(1)),
        as_customer: fields.scope().grant == Grant::OwnCustomer,
    }
}

/// Names a statement to read.
pub fn get_statement(request: Request<pb::GetStatementRequest>) -> Result<StatementRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, STATEMENT);
    let named = statement_ref(&fields, &name);
    fields.finish()?;
    Ok(named)
}

/// Asks for statements; true where a member of the customer asks.
pub fn list_statements(request: Request<pb::ListStatementsRequest>) -> Result<(TenantId, Id<Customer>, bool, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), as_customer, page))
}

/// Names a document.
pub fn get_document(request: Request<pb::GetDocumentRequest>) -> Result<DocumentRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let is = |collections: &[&str]| names::parse(&message.name, collections).is_some();
    let named = if is(RECEIPT) {
        let name = fields.name("name", &message.name, RECEIPT);
        DocumentRef::Receipt { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), receipt: Id::from_uuid(name.id(1)) }
    } else if is(STATEMENT) {
        let name = fields.name("name", &message.name, STATEMENT);
        DocumentRef::Statement(statement_ref(&fields, &name))
    } else if is(VERSION) {
        let name = fields.name("name", &message.name, VERSION);
        DocumentRef::Version(invoice_ref(&fields, &name), Id::from_uuid(name.id(2)))
    } else if is(CREDIT_NOTE) {
        let name = fields.name("name", &message.name, CREDIT_NOTE);
        DocumentRef::CreditNote(invoice_ref(&fields, &name), Id::from_uuid(name.id(2)))
    } else {
        let name = fields.name("name", &message.name, INVOICE);
        DocumentRef::Invoice(invoice_ref(&fields, &name))
    };
    fields.finish()?;
    Ok(named)
}

/// Asks for all documents of a customer.
#[derive(Debug, Clone)]
pub struct Download {
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

/// Asks for all documents of a customer.
pub fn download(request: Request<pb::DownloadDocumentsRequest>) -> Result<Download, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let from = fields.optional_date("from_date", message.from_date.as_ref());
    let to = fields.optional_date("to_date", message.to_date.as_ref());
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let (least, most) = (NaiveDate::default(), NaiveDate::from_ymd_opt(9_999, 12, 31).unwrap_or_default());
    let (from, to) = (from.unwrap_or(least), to.unwrap_or(most));
    Ok(Download { tenant: name.tenant.clone(), customer: Id::from_uuid(name.id(0)), from, to, as_customer })
}

/// Names a receipt to read.
pub fn get_receipt(request: Request<pb::GetReceiptRequest>) -> Result<(TenantId, Id<Customer>, Id<Receipt>), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("name", &message.name, RECEIPT);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), Id::from_uuid(name.id(1))))
}

/// Asks for receipts.
pub fn list_receipts(request: Request<pb::ListReceiptsRequest>) -> Result<(TenantId, Id<Customer>, Page), AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let page = Page::parse(&mut fields, &message.parent, message.page_size, &message.page_token);
    fields.finish()?;
    Ok((name.tenant.clone(), Id::from_uuid(name.id(0)), page))
}
