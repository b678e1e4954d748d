//! Prints documents: one, or all of a customer, a few at a time.

use super::{
    read_invoices::{hidden, visible},
    read_statements,
};
use crate::{
    App,
    commands::documents::{DocumentRef, DownloadDocuments},
    documents::{paper, sheets, wording::Language},
    messages::{customers::customer_name, invoices::invoice_name, statements::statement_name},
    store::{credit_notes, customers, invoice_lists, invoices, receipts, tenants, versions},
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{CreditNote, Customer, Invoice, InvoiceVersion, Party, Receipt, Statement};
use payterms_kernel::{Id, Refusal, TenantId, calendar::month_end};
use payterms_proto::invoicing::v1::{Document, DownloadDocumentsResponse, GetDocumentResponse};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Documents that are read at once.
const PAGE: u64 = 50;

/// Invoices that a statement and its mail list at most.
pub(super) const MOST_LISTED: u64 = 500;

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
        };
        let content = paper::print(&sheet).map_err(|error| AppError::Fault(error.to_string()))?;
        let media_type = "application/pdf".to_owned();
        Ok(Document { name, file_name: format!("{number}.pdf"), media_type, content: content.into() })
    }
}

async fn language<C: ConnectionTrait>(conn: &C, tenant: &TenantId, customer: Id<Customer>) -> Result<Language, AppError> {
    let found = customers::find(conn, tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    Ok(Language::of(&found.locale))
}

/// One document.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn one(app: &App, named: &DocumentRef) -> Result<GetDocumentResponse, AppError> {
    let (tenant, customer) = named.of();
    let conn = app.db.read(tenant).await?;
    let printable = match named {
        DocumentRef::Invoice(named) => {
            newest(&conn, tenant, vec![visible(&conn, named).await?]).await?.pop().ok_or_else(Refusal::not_found)?
        }
        DocumentRef::Version(named, version) => {
            let invoice = visible(&conn, named).await?;
            let version = versions::find(&conn, tenant, *version).await?.filter(|own| own.invoice == invoice.id);
            Printable::Version(Box::new((invoice, version.ok_or_else(Refusal::not_found)?)))
        }
        DocumentRef::CreditNote(named, note) => {
            let invoice = visible(&conn, named).await?;
            let note = credit_notes::find(&conn, tenant, *note).await?.filter(|note| note.invoice == invoice.id);
            Printable::CreditNote(Box::new(invoice), note.ok_or_else(Refusal::not_found)?)
        }
        DocumentRef::Statement(named) => {
            let statement = read_statements::visible(&conn, named).await?;
            of_statement(&conn, tenant, statement).await?
        }
        DocumentRef::Receipt { receipt, .. } => {
            let found = receipts::find(&conn, tenant, *receipt).await?.filter(|own| own.customer == customer);
            Printable::Receipt(Box::new(found.ok_or_else(Refusal::not_found)?))
        }
    };
    let language = language(&conn, tenant, customer).await?;
    drop(conn);
    Ok(GetDocumentResponse { document: Some(printable.print(tenant, language)?) })
}

/// A statement with what stands on it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn of_statement<C: ConnectionTrait>(conn: &C, tenant: &TenantId, statement: Statement) -> Result<Printable, AppError> {
    let seller = tenants::find(conn, tenant).await?.ok_or_else(Refusal::not_found)?.party();
    let buyer = customers::find(conn, tenant, statement.customer).await?.ok_or_else(Refusal::not_found)?.party();
    let last = month_end(statement.month);
    let mut issued = invoice_lists::issued(conn, tenant, statement.customer, (statement.month, last, Uuid::nil()), MOST_LISTED).await?;
    issued.retain(|own| own.currency == statement.currency());
    Ok(Printable::Statement(Box::new((statement, issued, seller, buyer))))
}

/// Invoices as the newest version of their own number shows them.
///
/// # Errors
/// The database's.
pub(super) async fn newest<C: ConnectionTrait>(conn: &C, tenant: &TenantId, invoices: Vec<Invoice>) -> Result<Vec<Printable>, AppError> {
    let ids: Vec<_> = invoices.iter().map(|own| own.id).collect();
    let mut last = versions::last_of(conn, tenant, &ids).await?;
    let printable = |invoice: Invoice| {
        let place = last.iter().position(|own| own.invoice == invoice.id && !own.is_corrective(&invoice));
        match place.map(|place| last.swap_remove(place)) {
            Some(version) => Printable::Version(Box::new((invoice, version))),
            None => Printable::Invoice(Box::new(invoice)),
        }
    };
    Ok(invoices.into_iter().map(printable).collect())
}

/// Which kind of document is read, and after which id.
#[derive(Debug, Clone, Copy)]
enum At {
    Invoices(Uuid),
    Corrections(Uuid),
    CreditNotes(Uuid),
    Receipts(Uuid),
    End,
}

/// All documents, one after the other; no more than a page of them is held.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn all(
    app: &App,
    asked: DownloadDocuments,
) -> Result<impl Stream<Item = Result<DownloadDocumentsResponse, AppError>> + Send + use<>, AppError> {
    let conn = app.db.read(&asked.tenant).await?;
    let language = language(&conn, &asked.tenant, asked.customer).await?;
    let begin =
        if asked.as_customer && hidden(&conn, &asked.tenant).await? { At::Receipts(Uuid::nil()) } else { At::Invoices(Uuid::nil()) };
    drop(conn);
    let app = app.clone();
    let pages = stream::try_unfold(begin, move |at| {
        let (app, asked) = (app.clone(), asked.clone());
        async move {
            if matches!(at, At::End) {
                return Ok(None);
            }
            let (found, next) = page(&app, &asked, at).await?;
            let printed: Vec<_> = found
                .iter()
                .map(|own| own.print(&asked.tenant, language).map(|document| DownloadDocumentsResponse { document: Some(document) }))
                .collect();
            Ok::<_, AppError>(Some((stream::iter(printed), next)))
        }
    });
    Ok(pages.try_flatten().boxed())
}

async fn page(app: &App, asked: &DownloadDocuments, at: At) -> Result<(Vec<Printable>, At), AppError> {
    let DownloadDocuments { tenant, customer, from, to, .. } = asked;
    let conn = app.db.read(tenant).await?;
    let is_full = |count: usize| count as u64 == PAGE;
    Ok(match at {
        At::Invoices(after) => {
            let found = invoice_lists::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            (newest(&conn, tenant, found).await?, last.map_or(At::Corrections(Uuid::nil()), At::Invoices))
        }
        At::Corrections(after) => {
            let found = versions::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            let ids: Vec<_> = found.iter().map(|own| own.invoice).collect();
            let own = invoices::find_many(&conn, tenant, &ids).await?;
            let with = |version: InvoiceVersion| {
                let invoice = own.iter().find(|own| own.id == version.invoice).filter(|own| version.is_corrective(own))?.clone();
                Some(Printable::Version(Box::new((invoice, version))))
            };
            (found.into_iter().filter_map(with).collect(), last.map_or(At::CreditNotes(Uuid::nil()), At::Corrections))
        }
        At::CreditNotes(after) => {
            let notes = credit_notes::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = notes.last().map(|own| own.id.uuid()).filter(|_| is_full(notes.len()));
            let ids: Vec<_> = notes.iter().map(|note| note.invoice).collect();
            let own = invoices::find_many(&conn, tenant, &ids).await?;
            let with = |note: CreditNote| {
                let invoice = own.iter().find(|own| own.id == note.invoice)?.clone();
                Some(Printable::CreditNote(Box::new(invoice), note))
            };
            (notes.into_iter().filter_map(with).collect(), last.map_or(At::Receipts(Uuid::nil()), At::CreditNotes))
        }
        At::Receipts(after) => {
            let found = receipts::issued(&conn, tenant, *customer, (*from, *to, after), PAGE).await?;
            let last = found.last().map(|own| own.id.uuid()).filter(|_| is_full(found.len()));
            (found.into_iter().map(|own| Printable::Receipt(Box::new(own))).collect(), last.map_or(At::End, At::Receipts))
        }
        At::End => (Vec::new(), At::End),
    })
}
