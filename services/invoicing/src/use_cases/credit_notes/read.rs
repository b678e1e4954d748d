//! Reads of credit notes.

use crate::{app::App, commands::invoices::InvoiceRef, messages, store::credit_notes, use_cases::invoices::load::find_visible_invoice};
use payterms_chassis::{AppError, page::Page};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// A page of an invoice's credit notes, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_credit_notes(app: &App, named: &InvoiceRef, page: &Page) -> Result<pb::ListCreditNotesResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let invoice = find_visible_invoice(&conn, named).await?;
    let mut found = credit_notes::list(&conn, &named.tenant, invoice.id, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |note| note.id.to_string());
    let credit_notes = found.iter().map(|note| messages::credit_notes::credit_note(&named.tenant, &invoice, note)).collect();
    Ok(pb::ListCreditNotesResponse { credit_notes, next_page_token })
}
