//! Tests a webhook endpoint: an event about it goes to it alone.

use crate::{app::App, commands::webhook_endpoints::EndpointRef, store::webhook_endpoints};
use payterms_chassis::{
    Answer, AppError, Call,
    webhooks::targets::{self, ENDPOINT},
};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::{TestWebhookEndpointResponse, WebhookEndpointTested};

/// Publishes the event that is delivered to the endpoint.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `WEBHOOK_ENDPOINT_DISABLED`.
pub async fn test_webhook_endpoint(
    app: &App,
    call: &Call,
    named: &EndpointRef,
) -> Result<Answer<TestWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let webhook_endpoint = webhook_endpoints::lock(tx.conn(), &named.tenant, named.endpoint)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    webhook_endpoint.must_be_enabled()?;
    let name = targets::name(&named.tenant, webhook_endpoint.id.uuid());
    tx.emit(ENDPOINT, &webhook_endpoint.id.to_string(), &WebhookEndpointTested { name }).await?;
    tx.commit(TestWebhookEndpointResponse {}).await
}
