//! Changes and removes webhook endpoints.

use super::save::publish_webhook_endpoint;
use crate::{
    app::App,
    commands::webhook_endpoints::{EndpointRef, UpdateEndpoint},
    messages,
    store::webhook_endpoints,
};
use payterms_chassis::{
    Answer, AppError, Call, etag,
    webhooks::targets::{self, ENDPOINT},
};
use payterms_kernel::Refusal;
use payterms_proto::{
    common::peers::v1::WebhookTargetChanged,
    invoicing::v1::{DeleteWebhookEndpointResponse, UpdateWebhookEndpointResponse},
};

/// Changes the fields that the paths name.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `ETAG_MISMATCH`.
pub async fn update_webhook_endpoint(
    app: &App,
    call: &Call,
    UpdateEndpoint { endpoint, fields: new, paths, etag }: &UpdateEndpoint,
) -> Result<Answer<UpdateWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut this_webhook_endpoint = webhook_endpoints::lock(tx.conn(), &call.tenant, *endpoint)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    etag::check(etag, this_webhook_endpoint.version)?;
    let change = |fields: &mut payterms_invoicing_domain::webhook_endpoint::EndpointFields| {
        for path in paths {
            match path.as_str() {
                "url" => fields.url.clone_from(&new.url),
                "types" => fields.types.clone_from(&new.types),
                _ => fields.description.clone_from(&new.description),
            }
        }
    };
    this_webhook_endpoint.update(change, tx.now());
    publish_webhook_endpoint(&mut tx, &this_webhook_endpoint).await?;
    let webhook_endpoint = Some(messages::webhook_endpoints::webhook_endpoint(
        &call.tenant,
        &this_webhook_endpoint,
        tx.time().real,
    ));
    tx.commit(UpdateWebhookEndpointResponse { webhook_endpoint }).await
}

/// Removes an endpoint, with its secrets.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn delete_webhook_endpoint(
    app: &App,
    call: &Call,
    named: &EndpointRef,
) -> Result<Answer<DeleteWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let webhook_endpoint = webhook_endpoints::lock(tx.conn(), &named.tenant, named.endpoint)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    webhook_endpoints::delete(tx.conn(), &named.tenant, webhook_endpoint.id).await?;
    let endpoint = targets::name(&named.tenant, webhook_endpoint.id.uuid());
    let gone = WebhookTargetChanged { endpoint, deleted: true, ..WebhookTargetChanged::default() };
    targets::store(&tx, &gone).await?;
    tx.emit(ENDPOINT, &webhook_endpoint.id.to_string(), &gone).await?;
    tx.commit(DeleteWebhookEndpointResponse {}).await
}
