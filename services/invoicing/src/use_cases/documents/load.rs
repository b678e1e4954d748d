//! Loads what is printed.

use super::print::Printable;
use crate::{
    documents::wording::Language,
    store::{customers, invoice_lists, tenants, versions},
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Invoice, Statement};
use payterms_kernel::{Id, Refusal, TenantId, calendar::month_end};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

/// Invoices that a statement and its mail list at most.
pub const MOST_LISTED: u64 = 500;

/// The language of a customer's documents.
pub async fn document_language<C: ConnectionTrait>(conn: &C, tenant: &TenantId, customer: Id<Customer>) -> Result<Language, AppError> {
    let found = customers::find(conn, tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    Ok(Language::of(&found.locale))
}

/// A statement with what stands on it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn printable_statement<C: ConnectionTrait>(conn: &C, tenant: &TenantId, statement: Statement) -> Result<Printable, AppError> {
    let seller = tenants::find(conn, tenant).await?.ok_or_else(Refusal::not_found)?.party();
    let buyer = customers::find(conn, tenant, statement.customer).await?.ok_or_else(Refusal::not_found)?.party();
    let last = month_end(statement.month);
    let mut issued = invoice_lists::issued(conn, tenant, statement.customer, (statement.month, last, Uuid::nil()), MOST_LISTED).await?;
    issued.retain(|own| own.currency == statement.currency());
    Ok(Printable::Statement(Box::new((statement, issued, seller, buyer))))
}

/// Invoices as the newest version of their own number shows them.
pub async fn newest_versions<C: ConnectionTrait>(conn: &C, tenant: &TenantId, invoices: Vec<Invoice>) -> Result<Vec<Printable>, AppError> {
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
