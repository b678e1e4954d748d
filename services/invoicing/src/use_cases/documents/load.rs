//! Loads what is printed.

use super::print::Printable;
use crate::{
    documents::wording::Language,
    store::{customers, versions},
    use_cases::statements::page::statement_page,
};
use payterms_chassis::AppError;
use payterms_invoicing_domain::{Customer, Invoice, Statement};
use payterms_kernel::{Id, Refusal, TenantId};
use sea_orm::ConnectionTrait;

/// The language of a customer's documents.
pub async fn document_language<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    customer: Id<Customer>,
) -> Result<Language, AppError> {
    let found = customers::find(conn, tenant, customer).await?.ok_or_else(Refusal::not_found)?;
    Ok(Language::of(&found.locale))
}

/// A statement with what stands on it.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn printable_statement<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    statement: Statement,
) -> Result<Printable, AppError> {
    Ok(Printable::Statement(Box::new(statement_page(conn, tenant, statement).await?)))
}

/// Invoices as the newest version of their own number shows them.
pub async fn newest_versions<C: ConnectionTrait>(
    conn: &C,
    tenant: &TenantId,
    invoices: Vec<Invoice>,
) -> Result<Vec<Printable>, AppError> {
    let ids: Vec<_> = invoices.iter().map(|invoice| invoice.id).collect();
    let mut last = versions::last_of(conn, tenant, &ids).await?;
    let printable = |invoice: Invoice| {
        let place = last.iter().position(|invoice_version| {
            invoice_version.invoice == invoice.id && !invoice_version.is_corrective(&invoice)
        });
        match place.map(|place| last.swap_remove(place)) {
            Some(version) => Printable::Version(Box::new((invoice, version))),
            None => Printable::Invoice(Box::new(invoice)),
        }
    };
    Ok(invoices.into_iter().map(printable).collect())
}
