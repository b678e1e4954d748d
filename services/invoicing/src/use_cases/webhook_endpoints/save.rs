//! Saves webhook endpoints.

use crate::{messages::webhook_endpoints::webhook_target, store::webhook_endpoints};
use payterms_chassis::{
    AppError, WriteTx,
    webhooks::targets::{self, ENDPOINT},
};
use payterms_invoicing_domain::WebhookEndpoint;

/// Saves an endpoint and tells who delivers: this service itself, and the others by an event that
/// stays within the suite.
pub async fn publish_webhook_endpoint(
    tx: &mut WriteTx,
    endpoint: &WebhookEndpoint,
) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    webhook_endpoints::save(tx.conn(), &tenant, endpoint).await?;
    let changed = webhook_target(&tenant, endpoint, tx.time().real);
    targets::store(tx, &changed).await?;
    tx.emit(ENDPOINT, &endpoint.id.to_string(), &changed).await
}
