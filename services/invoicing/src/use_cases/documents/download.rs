//! All documents of a customer, a few at a time.

use super::{load::document_language, print::Printable};
use crate::{
    app::App,
    commands::documents::DownloadDocuments,
    store::{
        credit_notes, invoice_lists, invoices, receipt_credit_notes, receipt_versions, receipts,
        versions,
    },
    use_cases::invoices::load::are_invoices_hidden,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    CreditNote, InvoiceVersion, Receipt, ReceiptCreditNote, ReceiptVersion,
};
use payterms_proto::invoicing::v1::DownloadDocumentsResponse;
use sea_orm::ConnectionTrait;
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
) -> Result<impl Stream<Item = Result<DownloadDocumentsResponse, AppError>> + Send + use<>, AppError>
{
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
                .map(|printable| {
                    printable
                        .print(&download.tenant, language)
                        .map(|document| DownloadDocumentsResponse { document: Some(document) })
                })
                .collect();
            Ok::<_, AppError>(Some((stream::iter(printed), next)))
        }
    });
    Ok(pages.try_flatten().boxed())
}

async fn read_page(
    app: &App,
    download: &DownloadDocuments,
    at: Cursor,
) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let conn = app.db.read(tenant).await?;
    Ok(match at {
        Cursor::Invoices(after) => {
            let found =
                invoice_lists::issued(&conn, tenant, *customer, *from, *to, after, PAGE).await?;
            let last =
                found.last().map(|invoice| invoice.id.uuid()).filter(|_| is_full(found.len()));
            let printable =
                found.into_iter().map(|invoice| Printable::Invoice(Box::new(invoice))).collect();
            (printable, last.map_or(Cursor::Versions(Uuid::nil()), Cursor::Invoices))
        }
        Cursor::Versions(after) => version_page(&conn, download, after).await?,
        Cursor::CreditNotes(after) => credit_note_page(&conn, download, after).await?,
        Cursor::Receipts(after) => {
            let found = receipts::issued(&conn, tenant, *customer, *from, *to, after, PAGE).await?;
            let last =
                found.last().map(|receipt| receipt.id.uuid()).filter(|_| is_full(found.len()));
            let first = |receipt: Receipt| {
                let version = ReceiptVersion::first(&receipt);
                Printable::Receipt(Box::new((receipt, version)))
            };
            (
                found.into_iter().map(first).collect(),
                last.map_or(Cursor::ReceiptVersions(Uuid::nil()), Cursor::Receipts),
            )
        }
        Cursor::ReceiptVersions(after) => receipt_version_page(&conn, download, after).await?,
        Cursor::ReceiptCreditNotes(after) => {
            receipt_credit_note_page(&conn, download, after).await?
        }
        Cursor::End => (Vec::new(), Cursor::End),
    })
}

/// A page of versions of invoices.
async fn version_page<C: ConnectionTrait>(
    conn: &C,
    download: &DownloadDocuments,
    after: Uuid,
) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let found = versions::issued(conn, tenant, *customer, *from, *to, after, PAGE).await?;
    let last = found
        .last()
        .map(|invoice_version| invoice_version.id.uuid())
        .filter(|_| is_full(found.len()));
    let ids: Vec<_> = found.iter().map(|invoice_version| invoice_version.invoice).collect();
    let invoices = invoices::find_many(conn, tenant, &ids).await?;
    let with = |version: InvoiceVersion| {
        let invoice = invoices.iter().find(|invoice| invoice.id == version.invoice)?.clone();
        Some(Printable::Version(Box::new((invoice, version))))
    };
    Ok((
        found.into_iter().filter_map(with).collect(),
        last.map_or(Cursor::CreditNotes(Uuid::nil()), Cursor::Versions),
    ))
}

/// A page of credit notes.
async fn credit_note_page<C: ConnectionTrait>(
    conn: &C,
    download: &DownloadDocuments,
    after: Uuid,
) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let notes = credit_notes::issued(conn, tenant, *customer, *from, *to, after, PAGE).await?;
    let last =
        notes.last().map(|credit_note| credit_note.id.uuid()).filter(|_| is_full(notes.len()));
    let ids: Vec<_> = notes.iter().map(|note| note.invoice).collect();
    let invoices = invoices::find_many(conn, tenant, &ids).await?;
    let with = |note: CreditNote| {
        let invoice = invoices.iter().find(|invoice| invoice.id == note.invoice)?.clone();
        Some(Printable::CreditNote(Box::new(invoice), note))
    };
    Ok((
        notes.into_iter().filter_map(with).collect(),
        last.map_or(Cursor::Receipts(Uuid::nil()), Cursor::CreditNotes),
    ))
}

/// A page of versions of receipts.
async fn receipt_version_page<C: ConnectionTrait>(
    conn: &C,
    download: &DownloadDocuments,
    after: Uuid,
) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let found = receipt_versions::issued(conn, tenant, *customer, *from, *to, after, PAGE).await?;
    let last = found
        .last()
        .map(|receipt_version| receipt_version.id.uuid())
        .filter(|_| is_full(found.len()));
    let ids: Vec<_> = found.iter().map(|receipt_version| receipt_version.receipt).collect();
    let receipts = receipts::find_many(conn, tenant, &ids).await?;
    let with = |version: ReceiptVersion| {
        let receipt = receipts.iter().find(|receipt| receipt.id == version.receipt)?.clone();
        Some(Printable::Receipt(Box::new((receipt, version))))
    };
    Ok((
        found.into_iter().filter_map(with).collect(),
        last.map_or(Cursor::ReceiptCreditNotes(Uuid::nil()), Cursor::ReceiptVersions),
    ))
}

/// A page of credit notes of receipts.
async fn receipt_credit_note_page<C: ConnectionTrait>(
    conn: &C,
    download: &DownloadDocuments,
    after: Uuid,
) -> Result<(Vec<Printable>, Cursor), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = download;
    let notes =
        receipt_credit_notes::issued(conn, tenant, *customer, *from, *to, after, PAGE).await?;
    let last = notes
        .last()
        .map(|receipt_credit_note| receipt_credit_note.id.uuid())
        .filter(|_| is_full(notes.len()));
    let ids: Vec<_> = notes.iter().map(|note| note.receipt).collect();
    let receipts = receipts::find_many(conn, tenant, &ids).await?;
    let with = |note: ReceiptCreditNote| {
        let receipt = receipts.iter().find(|receipt| receipt.id == note.receipt)?.clone();
        Some(Printable::ReceiptCreditNote(Box::new((receipt, note))))
    };
    Ok((
        notes.into_iter().filter_map(with).collect(),
        last.map_or(Cursor::End, Cursor::ReceiptCreditNotes),
    ))
}

/// Whether a page may not be the last of its kind.
fn is_full(count: usize) -> bool {
    count as u64 == PAGE
}
