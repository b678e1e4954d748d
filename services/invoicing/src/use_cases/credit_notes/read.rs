//! Reads of credit notes.

use crate::{
    app::App,
    commands::{invoices::InvoiceRef, lists::ListOfInvoices},
    messages::{credit_notes::credit_note_of, customers::customer_name},
    store::{
        credit_notes::{self, Listed},
        invoice_lists,
    },
    use_cases::invoices::load::{are_invoices_hidden, find_visible_invoice},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::CreditNote;
use payterms_proto::invoicing::v1 as pb;

/// A page of credit notes: of an invoice, or of all.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_credit_notes(
    app: &App,
    list: &ListOfInvoices,
) -> Result<pb::ListCreditNotesResponse, AppError> {
    let ListOfInvoices { of, invoice } = list;
    let (tenant, listing) = (&of.tenant, &of.listing);
    let after = app.pages.cursor(&listing.page)?;
    let conn = app.db.read(tenant).await?;
    if let Some((customer, invoice)) = of.customer.zip(*invoice) {
        let named =
            InvoiceRef { tenant: tenant.clone(), customer, invoice, as_customer: of.as_customer };
        find_visible_invoice(&conn, &named).await?;
    } else if of.as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::ListCreditNotesResponse::default());
    }
    let listed = Listed { customer: of.customer, invoice: *invoice };
    let mut found = credit_notes::list(&conn, tenant, listed, listing, after).await?;
    let position = |note: &CreditNote| credit_notes::position(note, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut found, position);
    let ids: Vec<_> = found.iter().map(|note| note.invoice).collect();
    let invoices = invoice_lists::numbers(&conn, tenant, &ids).await?;
    let rendered = found.iter().filter_map(|note| {
        let (customer, number) = invoices.get(&note.invoice)?;
        let invoice = format!("{}/invoices/{}", customer_name(tenant, *customer), note.invoice);
        Some(credit_note_of(&invoice, number.clone(), note))
    });
    Ok(pb::ListCreditNotesResponse { credit_notes: rendered.collect(), next_page_token })
}
