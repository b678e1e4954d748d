//! Reads of API keys.

use crate::{app::App, messages, store::api_keys};
use payterms_chassis::{AppError, page::Page};
use payterms_invoicing_domain::ApiKey;
use payterms_kernel::{Id, Refusal, TenantId};
use payterms_proto::invoicing::v1::{GetApiKeyResponse, ListApiKeysResponse};
use uuid::Uuid;

/// One key.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_api_key(
    app: &App,
    tenant: &TenantId,
    id: Id<ApiKey>,
) -> Result<GetApiKeyResponse, AppError> {
    let conn = app.db.read(tenant).await?;
    let this_api_key = api_keys::find(&conn, tenant, id).await?.ok_or_else(Refusal::not_found)?;
    Ok(GetApiKeyResponse {
        api_key: Some(messages::api_keys::api_key(tenant, &this_api_key, app.db.clock().now())),
    })
}

/// A page of keys, newest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_api_keys(
    app: &App,
    tenant: &TenantId,
    page: &Page,
) -> Result<ListApiKeysResponse, AppError> {
    let before = app.pages.cursor(page)?.unwrap_or(Uuid::max());
    let conn = app.db.read(tenant).await?;
    let mut found = api_keys::list(&conn, tenant, before, page.reads()).await?;
    let next_page_token = app.pages.cut(page, &mut found, |api_key| api_key.id.to_string());
    let now = app.db.clock().now();
    let api_keys =
        found.iter().map(|each| messages::api_keys::api_key(tenant, each, now)).collect();
    Ok(ListApiKeysResponse { api_keys, next_page_token })
}
