//! Adds a webhook endpoint.

use super::{
    save::publish_webhook_endpoint,
    secret::{key, make},
};
use crate::{
    app::App,
    messages,
    store::{tenants, webhook_endpoints},
};
use payterms_chassis::{Answer, AppError, Call};
use payterms_invoicing_domain::{
    WebhookEndpoint,
    webhook_endpoint::{EndpointFields, must_have_room},
};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::CreateWebhookEndpointResponse;

/// Adds an endpoint. The answer's secret is not in it yet.
///
/// # Errors
/// `WEBHOOKS_OFF`, `TOO_MANY_WEBHOOK_ENDPOINTS`.
pub async fn create_webhook_endpoint(
    app: &App,
    call: &Call,
    fields: &EndpointFields,
) -> Result<Answer<CreateWebhookEndpointResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    // The tenant's row, so that two at once count each other.
    tenants::lock(tx.conn(), &call.tenant).await?.ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let seal = key(app)?;
    must_have_room(webhook_endpoints::count(tx.conn(), &call.tenant).await?)?;
    let (id, now, real) = (tx.id(), tx.now(), tx.time().real);
    let sealed = make(seal, id)?;
    let this_webhook_endpoint =
        WebhookEndpoint::create(id, fields.clone(), sealed, call.request_id, now);
    publish_webhook_endpoint(&mut tx, &this_webhook_endpoint).await?;
    let webhook_endpoint = Some(messages::webhook_endpoints::webhook_endpoint(
        &call.tenant,
        &this_webhook_endpoint,
        real,
    ));
    tx.commit(CreateWebhookEndpointResponse { webhook_endpoint, secret: String::new() }).await
}
