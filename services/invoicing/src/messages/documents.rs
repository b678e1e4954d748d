//! Requests about documents → references.

use super::{
    receipts::{RECEIPT, receipt_ref},
    refs::{INVOICE, invoice_ref},
    statements::{STATEMENT, statement_ref},
};
use crate::commands::documents::{DocumentRef, DownloadDocuments};
use chrono::NaiveDate;
use payterms_chassis::{AppError, Fields, call::Grant, names};
use payterms_kernel::Id;
use payterms_proto::invoicing::v1 as pb;
use tonic::Request;

const VERSION: &[&str] = &["customers", "invoices", "versions"];

const RECEIPT_CREDIT_NOTE: &[&str] = &["customers", "receipts", "creditNotes"];
const RECEIPT_VERSION: &[&str] = &["customers", "receipts", "versions"];

const CREDIT_NOTE: &[&str] = &["customers", "invoices", "creditNotes"];

/// Names a document.
pub fn get_document(request: Request<pb::GetDocumentRequest>) -> Result<DocumentRef, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let is = |collections: &[&str]| names::parse(&message.name, collections).is_some();
    let named = if is(RECEIPT) {
        let name = fields.name("name", &message.name, RECEIPT);
        DocumentRef::Receipt(receipt_ref(&name))
    } else if is(RECEIPT_CREDIT_NOTE) {
        let name = fields.name("name", &message.name, RECEIPT_CREDIT_NOTE);
        DocumentRef::ReceiptCreditNote(receipt_ref(&name), Id::from_uuid(name.id(2)))
    } else if is(RECEIPT_VERSION) {
        let name = fields.name("name", &message.name, RECEIPT_VERSION);
        DocumentRef::ReceiptVersion(receipt_ref(&name), Id::from_uuid(name.id(2)))
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
pub fn download_documents(
    request: Request<pb::DownloadDocumentsRequest>,
) -> Result<DownloadDocuments, AppError> {
    let (mut fields, message) = Fields::open(request)?;
    let name = fields.name("parent", &message.parent, &["customers"]);
    let from = fields.optional_date("from_date", message.from_date.as_ref());
    let to = fields.optional_date("to_date", message.to_date.as_ref());
    let as_customer = fields.scope().grant == Grant::OwnCustomer;
    fields.finish()?;
    let (least, most) =
        (NaiveDate::default(), NaiveDate::from_ymd_opt(9_999, 12, 31).unwrap_or_default());
    let (from, to) = (from.unwrap_or(least), to.unwrap_or(most));
    Ok(DownloadDocuments {
        tenant: name.tenant.clone(),
        customer: Id::from_uuid(name.id(0)),
        from,
        to,
        as_customer,
    })
}
