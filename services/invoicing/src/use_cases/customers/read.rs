//! Reads of customers.

use crate::{app::App, messages, store::customers};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One customer.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_customer(app: &App, tenant: &TenantId, id: Id<Customer>) -> Result<pb::GetCustomerResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let customer = customers::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetCustomerResponse { customer: Some(messages::customers::customer(tenant, &customer)) })
}

/// A page of a tenant's customers, oldest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_customers(app: &App, tenant: &TenantId, page: &Page) -> Result<pb::ListCustomersResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = customers::list(&conn, tenant, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |customer| customer.id.to_string());
    Ok(pb::ListCustomersResponse {
        customers: found.iter().map(|customer| messages::customers::customer(tenant, customer)).collect(),
        next_page_token,
    })
}
