//! All documents of a customer, a few at a time.

use super::{load::document_language, print::Printable};
use crate::{
    app::App,
    commands::documents::DownloadDocuments,
    store::{credit_notes, invoice_lists, invoices, receipt_credit_notes, receipt_versions, receipts, versions},
    use_cases::invoices::load::are_invoices_hidden,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{CreditNote, InvoiceVersion, Receipt, ReceiptCreditNote, ReceiptVersion};
use payterms_proto::invoicing::v1::DownloadDocumentsResponse;
use uuid::Uuid;

/// Documents that are read at once.
const PAGE: u64 = 50;

/// Which kind of document is read, and after which id.
#[derive(Debug, Clone, Copy)]
enum Cursor {
    Invoices(Uuid),
    Versions(Uuid),
    CreditNotes(Uuid),
    Receipts(Uuid),
    ReceiptCreditNotes(Uuid),
    ReceiptVersions(Uuid),
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
            let printable = found.into_iter().map(|own| Printable::Invoice(Box::new(own))).collect();
            (printable, last.map_or(Cursor::Versions(Uuid::nil()), Cursor::Invoices))
        }
        Cursor::Versions(after) => {
            let found = versions::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            let ids: Vec<_> = found.iter().map(|own| own.invoice).collect();
            let own = invoices::find_many(&conn, tenant, &ids).await?;
            let with = |version: InvoiceVersion| {
                let invoice = own.iter().find(|own| own.id == version.invoice)?.clone();
                Some(Printable::Version(Box::new((invoice, version))))
            };
            (found.into_iter().filter_map(with).collect(), last.map_or(Cursor::CreditNotes(Uuid::nil()), Cursor::Versions))
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
            let first = |own: Receipt| {
                let version = ReceiptVersion::first(&own);
                Printable::Receipt(Box::new((own, version)))
            };
            (found.into_iter().map(first).collect(), last.map_or(Cursor::ReceiptVersions(Uuid::nil()), Cursor::Receipts))
        }
        Cursor::ReceiptVersions(after) => {
            let found = receipt_versions::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            let ids: Vec<_> = found.iter().map(|own| own.receipt).collect();
            let own = receipts::find_many(&conn, tenant, &ids).await?;
            let with = |version: ReceiptVersion| {
                let receipt = own.iter().find(|own| own.id == version.receipt)?.clone();
                Some(Printable::Receipt(Box::new((receipt, version))))
            };
            (found.into_iter().filter_map(with).collect(), last.map_or(Cursor::ReceiptCreditNotes(Uuid::nil()), Cursor::ReceiptVersions))
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
