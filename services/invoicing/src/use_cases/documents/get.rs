//! One document.

use super::{
    load::{document_language, newest_versions, printable_statement},
    print::Printable,
};
use crate::{
    app::App,
    commands::documents::DocumentRef,
    store::{credit_notes, receipt_credit_notes, receipt_versions, receipts, versions},
    use_cases::{
        invoices::load::find_visible_invoice, receipts::read::find_receipt,
        statements::read::find_visible_statement,
    },
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Receipt, ReceiptVersion};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::GetDocumentResponse;

/// One document.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_document(app: &App, named: &DocumentRef) -> Result<GetDocumentResponse, AppError> {
    let (tenant, customer) = named.of();
    let conn = app.db.read(tenant).await?;
    let printable = match named {
        DocumentRef::Invoice(named) => {
            newest_versions(&conn, tenant, vec![find_visible_invoice(&conn, named).await?])
                .await?
                .pop()
                .ok_or_else(Refusal::not_found)?
        }
        DocumentRef::Version(named, version) => {
            let invoice = find_visible_invoice(&conn, named).await?;
            if version.uuid() == invoice.id.uuid() {
                Printable::Invoice(Box::new(invoice))
            } else {
                let version = versions::find(&conn, tenant, *version)
                    .await?
                    .filter(|invoice_version| invoice_version.invoice == invoice.id);
                Printable::Version(Box::new((invoice, version.ok_or_else(Refusal::not_found)?)))
            }
        }
        DocumentRef::CreditNote(named, note) => {
            let invoice = find_visible_invoice(&conn, named).await?;
            let note = credit_notes::find(&conn, tenant, *note)
                .await?
                .filter(|note| note.invoice == invoice.id);
            Printable::CreditNote(Box::new(invoice), note.ok_or_else(Refusal::not_found)?)
        }
        DocumentRef::Statement(named) => {
            let statement = find_visible_statement(&conn, named).await?;
            printable_statement(&conn, tenant, statement).await?
        }
        DocumentRef::Receipt(named) => {
            let receipt = find_receipt(&conn, named).await?;
            let last = receipt_versions::last_of(&conn, tenant, &[receipt.id]).await?.pop();
            let newest = last
                .filter(|receipt_version| !receipt_version.is_corrective(&receipt))
                .unwrap_or_else(|| ReceiptVersion::first(&receipt));
            Printable::Receipt(Box::new((receipt, newest)))
        }
        DocumentRef::ReceiptVersion(named, version) => {
            let receipt = find_receipt(&conn, named).await?;
            let first = Some(ReceiptVersion::first(&receipt))
                .filter(|receipt_version| receipt_version.id == *version);
            let found = match first {
                Some(first) => Some(first),
                None => receipt_versions::find(&conn, tenant, *version)
                    .await?
                    .filter(|receipt_version| receipt_version.receipt == receipt.id),
            };
            Printable::Receipt(Box::new((receipt, found.ok_or_else(Refusal::not_found)?)))
        }
        DocumentRef::ReceiptCreditNote(named, note) => {
            let note = receipt_credit_notes::find(&conn, tenant, *note)
                .await?
                .ok_or_else(Refusal::not_found)?;
            let of = |receipt: &Receipt| {
                receipt.customer == customer
                    && receipt.id == named.receipt
                    && receipt.id == note.receipt
            };
            let receipt = receipts::find(&conn, tenant, named.receipt)
                .await?
                .filter(of)
                .ok_or_else(Refusal::not_found)?;
            Printable::ReceiptCreditNote(Box::new((receipt, note)))
        }
    };
    let language = document_language(&conn, tenant, customer).await?;
    drop(conn);
    Ok(GetDocumentResponse { document: Some(printable.print(tenant, language)?) })
}
