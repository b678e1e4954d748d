//! Finds and locks invoices as far as the caller may see them: customers see what is issued, unless
//! the tenant hides it.

use crate::{
    commands::invoices::InvoiceRef,
    messages,
    store::{customers, invoices, tenants},
};
use payterms_chassis::{AppError, WriteTx, etag};
use payterms_invoicing_domain::{Customer, Invoice, InvoiceState, Tenant};
use payterms_kernel::{Id, Refusal, TenantId};
use sea_orm::ConnectionTrait;

/// The invoice that a request names, as far as the caller may see it.
pub async fn find_visible_invoice<C: ConnectionTrait>(
    conn: &C,
    named: &InvoiceRef,
) -> Result<Invoice, AppError> {
    let found = invoices::find_many(conn, &named.tenant, &[named.invoice]).await?.pop();
    let invoice = found
        .filter(|invoice| invoice.customer == named.customer)
        .ok_or_else(Refusal::not_found)?;
    if named.as_customer
        && (invoice.state == InvoiceState::Draft
            || are_invoices_hidden(conn, &named.tenant).await?)
    {
        return Err(Refusal::not_found().into());
    }
    Ok(invoice)
}

/// Whether the tenant hides its invoices from customers.
pub async fn are_invoices_hidden<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
) -> Result<bool, AppError> {
    Ok(tenants::find(conn, tenant).await?.is_some_and(|tenant| tenant.invoices_hidden))
}

/// Seller and buyer, as they are now.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn find_sides(
    tx: &WriteTx,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<(Tenant, Customer), AppError> {
    let customer =
        customers::find(tx.conn(), tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    let tenant = tenants::find(tx.conn(), tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok((tenant, customer))
}

/// Refuses where an invoice shows something else than the etag was given for; a draft shows what it
/// would be now.
///
/// # Errors
/// `ETAG_MISMATCH`.
pub fn must_show(
    tx: &WriteTx,
    invoice: &mut Invoice,
    tenant: &Tenant,
    customer: &Customer,
    etag: &str,
) -> Result<(), AppError> {
    invoice.bring_up_to_date(tenant, customer);
    let shown = messages::invoices::invoice(&tx.call().tenant, invoice, tx.today())?;
    etag::check_shown(etag, &shown.etag)
}

/// Brings the drafts among invoices up to date: what they show is what they would be now.
pub async fn bring_up_to_date<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: &mut [Invoice],
) -> Result<(), AppError> {
    let mut buyers: Vec<_> = invoices
        .iter()
        .filter(|invoice| invoice.state == InvoiceState::Draft)
        .map(|invoice| invoice.customer)
        .collect();
    if buyers.is_empty() {
        return Ok(());
    }
    buyers.sort_unstable();
    buyers.dedup();
    let buyers = customers::find_many(conn, tenant, &buyers).await?;
    let seller = tenants::find(conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    for invoice in invoices {
        if let Some(buyer) = buyers.iter().find(|buyer| buyer.id == invoice.customer) {
            invoice.bring_up_to_date(&seller, buyer);
        }
    }
    Ok(())
}

/// Locks the invoice that a request names, if the caller may see it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn lock_invoice(tx: &WriteTx, named: &InvoiceRef) -> Result<Invoice, AppError> {
    let found = invoices::lock(tx.conn(), &named.tenant, named.customer, named.invoice).await?;
    let invoice = found.ok_or_else(Refusal::not_found)?;
    if named.as_customer
        && (invoice.state == InvoiceState::Draft
            || are_invoices_hidden(tx.conn(), &named.tenant).await?)
    {
        return Err(Refusal::not_found().into());
    }
    Ok(invoice)
}
