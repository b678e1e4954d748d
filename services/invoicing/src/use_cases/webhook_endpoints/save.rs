//! Saves webhook endpoints.

use crate::{messages::webhook_endpoints::webhook_target, store::webhook_endpoints};
use payterms_chassis::{
    AppError, WriteTx,
    webhooks::targets::{self, ENDPOINT},
};
use payterms_invoicing_domain::WebhookEndpoint;

/// Saves an endpoint and tells who delivers: this service itself, and the others by an event that stays within the suite.
pub async fn publish_webhook_endpoint(tx: &mut WriteTx, own: &WebhookEndpoint) -> Result<(), AppError> {
    let tenant = tx.call().tenant.clone();
    webhook_endpoints::save(tx.conn(), &tenant, own).await?;
    let changed = webhook_target(&tenant, own, tx.time().real);
    targets::store(tx, &changed).await?;
    tx.emit(ENDPOINT, &own.id.to_string(), &changed).await
}
