//! Enables and disables webhook endpoints.

use super::save::publish_webhook_endpoint;
use crate::{
    app::App, commands::webhook_endpoints::EndpointRef, messages, store::webhook_endpoints,
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::webhook_endpoint::DisabledReason;
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{
    DisableWebhookEndpointResponse, EnableWebhookEndpointResponse,
};

/// Delivers again.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn enable_webhook_endpoint(
    app: &App,
    call: &Call,
    named: &EndpointRef,
) -> Result<Answer<EnableWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut this_webhook_endpoint =
        webhook_endpoints::lock(tx.conn(), &named.tenant, named.endpoint)
            .await?
            .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if this_webhook_endpoint.enable(tx.now()) {
        publish_webhook_endpoint(&mut tx, &this_webhook_endpoint).await?;
    }
    let webhook_endpoint = Some(messages::webhook_endpoints::webhook_endpoint(
        &call.tenant,
        &this_webhook_endpoint,
        tx.time().real,
    ));
    tx.commit(EnableWebhookEndpointResponse { webhook_endpoint }).await
}

/// Holds deliveries back.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`.
pub async fn disable_webhook_endpoint(
    app: &App,
    call: &Call,
    named: &EndpointRef,
) -> Result<Answer<DisableWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut this_webhook_endpoint =
        webhook_endpoints::lock(tx.conn(), &named.tenant, named.endpoint)
            .await?
            .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    if this_webhook_endpoint.disable(DisabledReason::ByPerson, tx.now()) {
        publish_webhook_endpoint(&mut tx, &this_webhook_endpoint).await?;
    }
    let webhook_endpoint = Some(messages::webhook_endpoints::webhook_endpoint(
        &call.tenant,
        &this_webhook_endpoint,
        tx.time().real,
    ));
    tx.commit(DisableWebhookEndpointResponse { webhook_endpoint }).await
}
