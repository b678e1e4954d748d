//! The reads: no locks, no writes, one read transaction each.

use crate::{
    App, messages,
    store::{customers, tenants, test_clocks},
};
use payterms_chassis::{AppError, page::Page, tenants as states};
use payterms_invoicing_domain::Customer;
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// One tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn tenant(app: &App, tenant: &TenantId) -> Result<pb::GetTenantResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let tenant = tenants::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) })
}

/// A page of all tenants, by slug.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn tenants(app: &App, page: &Page) -> Result<pb::ListTenantsResponse, AppError> {
    let after = app.pages.read(&page.list, &page.token)?.unwrap_or_default();
    let mut slugs = states::list(&app.db, &after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut slugs, Clone::clone);
    if slugs.is_empty() {
        return Ok(pb::ListTenantsResponse::default());
    }
    let conn = app.db.read_all(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let found = tenants::find_many(&conn, &slugs).await?;
    Ok(pb::ListTenantsResponse { tenants: found.iter().map(messages::tenants::tenant).collect(), next_page_token })
}

/// One customer.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn customer(app: &App, tenant: &TenantId, id: Id<Customer>) -> Result<pb::GetCustomerResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let customer = customers::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetCustomerResponse { customer: Some(messages::customers::customer(tenant, &customer)) })
}

/// A page of a tenant's customers, oldest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn customers(app: &App, tenant: &TenantId, page: &Page) -> Result<pb::ListCustomersResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = customers::list(&conn, tenant, after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |customer| customer.id.to_string());
    Ok(pb::ListCustomersResponse {
        customers: found.iter().map(|customer| messages::customers::customer(tenant, customer)).collect(),
        next_page_token,
    })
}

/// The clock of a tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn test_clock(app: &App, tenant: &TenantId) -> Result<pb::GetTestClockResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let clock = test_clocks::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTestClockResponse { test_clock: Some(messages::test_clocks::test_clock(tenant, &clock)) })
}
