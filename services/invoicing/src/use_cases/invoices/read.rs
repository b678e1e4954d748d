//! Reads of invoices, their versions and what is open of them.

use super::load::{are_invoices_hidden, bring_up_to_date, find_visible_invoice};
use crate::{
    app::App,
    commands::{
        customers::CustomerRef,
        invoices::{BatchGetInvoices, InvoiceRef, ListInvoices},
    },
    messages,
    store::{customers, invoice_lists, invoices, outstanding, versions},
};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::{Invoice, InvoiceState, InvoiceVersion};
use payterms_kernel::{Id, Refusal};
use payterms_proto::invoicing::{v1 as pb, v1::ListInvoiceVersionsResponse};
use uuid::Uuid;

/// One invoice.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_invoice(
    app: &App,
    named: &InvoiceRef,
) -> Result<pb::GetInvoiceResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let mut invoice = find_visible_invoice(&conn, named).await?;
    bring_up_to_date(&conn, &named.tenant, std::slice::from_mut(&mut invoice)).await?;
    drop(conn);
    let today = app.db.tenant_today(&named.tenant).await?;
    Ok(pb::GetInvoiceResponse {
        invoice: Some(messages::invoices::invoice(&named.tenant, &invoice, today)?),
    })
}

/// Several invoices of a customer.
///
/// # Errors
/// `RESOURCE_NOT_FOUND` where one is not there.
pub async fn batch_get_invoices(
    app: &App,
    batch: &BatchGetInvoices,
) -> Result<pb::BatchGetInvoicesResponse, AppError> {
    let today = app.db.tenant_today(&batch.tenant).await?;
    let conn = app.db.read(&batch.tenant).await?;
    let mut found = invoices::find_many(&conn, &batch.tenant, &batch.invoices).await?;
    // Another customer's are not there for the caller.
    found.retain(|invoice| invoice.customer == batch.customer);
    bring_up_to_date(&conn, &batch.tenant, &mut found).await?;
    let unseen = batch.as_customer && are_invoices_hidden(&conn, &batch.tenant).await?;
    let shown = |invoice: &&Invoice| {
        !unseen && (!batch.as_customer || invoice.state != InvoiceState::Draft)
    };
    let one = |id: &Id<Invoice>| {
        let this_invoice = found
            .iter()
            .find(|invoice| invoice.id == *id)
            .filter(shown)
            .ok_or_else(Refusal::not_found)?;
        messages::invoices::invoice(&batch.tenant, this_invoice, today)
    };
    let invoices = batch.invoices.iter().map(one).collect::<Result<_, AppError>>()?;
    Ok(pb::BatchGetInvoicesResponse { invoices })
}

/// A page of invoices.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_invoices(
    app: &App,
    list: &ListInvoices,
) -> Result<pb::ListInvoicesResponse, AppError> {
    let (tenant, listing) = (&list.tenant, &list.listing);
    let after = app.pages.cursor(&listing.page)?;
    // Before a connection is held: two at once by many callers would wait for each other.
    let today = app.db.tenant_today(tenant).await?;
    let conn = app.db.read(tenant).await?;
    if list.as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::ListInvoicesResponse::default());
    }
    let listed = invoice_lists::Listed {
        customer: list.customer,
        state: list.state,
        blocked_for: list.blocked_for,
        issued_only: list.as_customer,
        today,
    };
    let mut found = invoice_lists::list(&conn, tenant, &listed, listing, after).await?;
    // Before drafts are brought up to date: the next page begins where the stored figures end.
    let position = |invoice: &Invoice| invoice_lists::position(invoice, listing.order).to_string();
    let next_page_token = app.pages.cut(&listing.page, &mut found, position);
    bring_up_to_date(&conn, tenant, &mut found).await?;
    drop(conn);
    let invoices = found
        .iter()
        .map(|invoice| messages::invoices::invoice(tenant, invoice, today))
        .collect::<Result<_, _>>()?;
    Ok(pb::ListInvoicesResponse { invoices, next_page_token })
}

/// What is open of a customer's invoices, by currency.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_outstanding(
    app: &App,
    CustomerRef { tenant, customer, as_customer }: &CustomerRef,
) -> Result<pb::GetOutstandingResponse, AppError> {
    // Before a connection is held: two at once by many callers would wait for each other.
    let today = app.db.tenant_today(tenant).await?;
    let conn = app.db.read(tenant).await?;
    customers::find(&conn, tenant, *customer).await?.ok_or_else(Refusal::not_found)?;
    if *as_customer && are_invoices_hidden(&conn, tenant).await? {
        return Ok(pb::GetOutstandingResponse::default());
    }
    let found = outstanding::of_customer(&conn, tenant, *customer, today).await?;
    Ok(pb::GetOutstandingResponse {
        outstanding: found.iter().map(messages::outstanding::outstanding).collect(),
    })
}

/// A page of an invoice's versions, oldest first.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `PAGE_TOKEN_INVALID`.
pub async fn list_invoice_versions(
    app: &App,
    named: &InvoiceRef,
    page: &Page,
) -> Result<ListInvoiceVersionsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(&named.tenant).await?;
    let invoice = find_visible_invoice(&conn, named).await?;
    let mut found = versions::list(&conn, &named.tenant, invoice.id, after, page.reads()).await?;
    // The first has the invoice's id, which is before those of all others.
    if after.is_nil() {
        found.splice(..0, InvoiceVersion::first(&invoice));
        found.truncate(usize::try_from(page.reads()).unwrap_or(usize::MAX));
    }
    let next_page_token =
        app.pages.cut(page, &mut found, |invoice_version| invoice_version.id.to_string());
    let invoice_versions = found
        .iter()
        .map(|each| messages::invoice_versions::invoice_version(&named.tenant, &invoice, each))
        .collect();
    Ok(ListInvoiceVersionsResponse { invoice_versions, next_page_token })
}
