//! Reads of webhook endpoints.

use crate::{
    app::App, commands::webhook_endpoints::EndpointRef, messages, store::webhook_endpoints,
};
use payterms_chassis::{AppError, page::Page};
use payterms_kernel::{Refusal, TenantId};
use payterms_proto::invoicing::v1::{GetWebhookEndpointResponse, ListWebhookEndpointsResponse};
use uuid::Uuid;

/// One endpoint.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn get_webhook_endpoint(
    app: &App,
    named: &EndpointRef,
) -> Result<GetWebhookEndpointResponse, AppError> {
    let conn = app.db.read(&named.tenant).await?;
    let this_webhook_endpoint = webhook_endpoints::find(&conn, &named.tenant, named.endpoint)
        .await?
        .ok_or_else(Refusal::not_found)?;
    let shown = messages::webhook_endpoints::webhook_endpoint(
        &named.tenant,
        &this_webhook_endpoint,
        app.db.clock().now(),
    );
    Ok(GetWebhookEndpointResponse { webhook_endpoint: Some(shown) })
}

/// A page of a tenant's endpoints, oldest first.
///
/// # Errors
/// `PAGE_TOKEN_INVALID`.
pub async fn list_webhook_endpoints(
    app: &App,
    tenant: &TenantId,
    page: &Page,
) -> Result<ListWebhookEndpointsResponse, AppError> {
    let after = app.pages.cursor(page)?.unwrap_or(Uuid::nil());
    let conn = app.db.read(tenant).await?;
    let mut found = webhook_endpoints::list(&conn, tenant, after, page.reads()).await?;
    let next_page_token =
        app.pages.cut(page, &mut found, |webhook_endpoint| webhook_endpoint.id.to_string());
    let real = app.db.clock().now();
    let webhook_endpoints = found
        .iter()
        .map(|each| messages::webhook_endpoints::webhook_endpoint(tenant, each, real))
        .collect();
    Ok(ListWebhookEndpointsResponse { webhook_endpoints, next_page_token })
}
