//! All documents of a customer, a few at a time.

use super::{
    load::{document_language, newest_versions},
    print::Printable,
};
use crate::{
    app::App,
    commands::documents::DownloadDocuments,
    store::{credit_notes, invoice_lists, invoices, receipt_credit_notes, receipts, versions},
    use_cases::invoices::load::are_invoices_hidden,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{CreditNote, InvoiceVersion, ReceiptCreditNote};
use payterms_proto::invoicing::v1::DownloadDocumentsResponse;
use uuid::Uuid;

/// Documents that are read at once.
const PAGE: u64 = 50;

/// Which kind of document is read, and after which id.
#[derive(Debug, Clone, Copy)]
enum Cursor {
    Invoices(Uuid),
    Corrections(Uuid),
    CreditNotes(Uuid),
    Receipts(Uuid),
    ReceiptCreditNotes(Uuid),
    End,
}

/// All documents, one after the other; no more than a page of them is held.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn download_documents(
    app: &App,
    download: DownloadDocuments,
) -> Result<impl Stream<Item = Result<DownloadDocumentsResponse, AppError>> + Send + use<>, AppError> {
    let conn = app.db.read(&download.tenant).await?;
    let language = document_language(&conn, &download.tenant, download.customer).await?;
    let begin = if download.as_customer && are_invoices_hidden(&conn, &download.tenant).await? {
        Cursor::Receipts(Uuid::nil())
    } else {
        Cursor::Invoices(Uuid::nil())
    };
    drop(conn);
    let app = app.clone();
    let pages = stream::try_unfold(begin, move |at| {
        let (app, download) = (app.clone(), download.clone());
        async move {
            if matches!(at, Cursor::End) {
                return Ok(None);
            }
            let (found, next) = read_page(&app, &download, at).await?;
            let printed: Vec<_> = found
                .iter()
                .map(|own| own.print(&download.tenant, language).map(|document| DownloadDocumentsResponse { document: Some(document) }))
                .collect();
            Ok::<_, AppError>(Some((stream::iter(printed), next)))
        }
    });
    Ok(pages.try_flatten().boxed())
}

async fn read_page(app: &App, download: &DownloadDocuments, at: Cursor) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let conn = app.db.read(tenant).await?;
    let is_full = |count: usize| count as u64 == PAGE;
    Ok(match at {
        Cursor::Invoices(after) => {
            let found = invoice_lists::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            (newest_versions(&conn, tenant, found).await?, last.map_or(Cursor::Corrections(Uuid::nil()), Cursor::Invoices))
        }
        Cursor::Corrections(after) => {
            let found = versions::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            let ids: Vec<_> = found.iter().map(|own| own.invoice).collect();
            let own = invoices::find_many(&conn, tenant, &ids).await?;
            let with = |version: InvoiceVersion| {
                let invoice = own.iter().find(|own| own.id == version.invoice).filter(|own| version.is_corrective(own))?.clone();
                Some(Printable::Version(Box::new((invoice, version))))
            };
            (found.into_iter().filter_map(with).collect(), last.map_or(Cursor::CreditNotes(Uuid::nil()), Cursor::Corrections))
        }
        Cursor::CreditNotes(after) => {
            let notes = credit_notes::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = notes.last().map(|own| own.id.uuid()).filter(|_| is_full(notes.len()));
            let ids: Vec<_> = notes.iter().map(|note| note.invoice).collect();
            let own = invoices::find_many(&conn, tenant, &ids).await?;
            let with = |note: CreditNote| {
                let invoice = own.iter().find(|own| own.id == note.invoice)?.clone();
                Some(Printable::CreditNote(Box::new(invoice), note))
            };
            (notes.into_iter().filter_map(with).collect(), last.map_or(Cursor::Receipts(Uuid::nil()), Cursor::CreditNotes))
        }
        Cursor::Receipts(after) => {
            let found = receipts::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            (
                found.into_iter().map(|own| Printable::Receipt(Box::new(own))).collect(),
                last.map_or(Cursor::ReceiptCreditNotes(Uuid::nil()), Cursor::Receipts),
            )
        }
        Cursor::ReceiptCreditNotes(after) => {
            let notes = receipt_credit_notes::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = notes.last().map(|own| own.id.uuid()).filter(|_| is_full(notes.len()));
            let ids: Vec<_> = notes.iter().map(|note| note.receipt).collect();
            let own = receipts::find_many(&conn, tenant, &ids).await?;
            let with = |note: ReceiptCreditNote| {
                let receipt = own.iter().find(|own| own.id == note.receipt)?.clone();
                Some(Printable::ReceiptCreditNote(Box::new((receipt, note))))
            };
            (notes.into_iter().filter_map(with).collect(), last.map_or(Cursor::End, Cursor::ReceiptCreditNotes))
        }
        Cursor::End => (Vec::new(), Cursor::End),
    })
}
