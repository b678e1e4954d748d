//! Reads of tenants.

use crate::{app::App, messages, store::tenants};
use payterms_chassis::{AppError, page::Page, tenants as states};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;

/// One tenant.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_tenant(app: &App, tenant: &TenantId) -> Result<pb::GetTenantResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let tenant = tenants::find(&conn, tenant).await?.ok_or_else(Refusal::not_found)?;
    Ok(pb::GetTenantResponse { tenant: Some(messages::tenants::tenant(&tenant)) })
}

/// A page of all tenants, by slug.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_tenants(app: &App, page: &Page) -> Result<pb::ListTenantsResponse, AppError> {
    let after = app.pages.read(&page.list, &page.token)?.unwrap_or_default();
    let mut slugs = states::list(&app.db, &after, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut slugs, Clone::clone);
    if slugs.is_empty() {
        return Ok(pb::ListTenantsResponse::default());
    }
    let conn = app.db.read_all(&slugs.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let found = tenants::find_many(&conn, &slugs).await?;
    Ok(pb::ListTenantsResponse {
        tenants: found.iter().map(messages::tenants::tenant).collect(),
        next_page_token,
    })
}
