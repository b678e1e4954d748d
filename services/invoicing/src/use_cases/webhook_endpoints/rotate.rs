//! Signs with another secret.

use super::{
    save::publish_webhook_endpoint,
    secret::{key, make},
};
use crate::{
    app::App, commands::webhook_endpoints::RotateSecret, messages, store::webhook_endpoints,
};
use chrono::TimeDelta;
use payterms_chassis::{Answer, AppError, Call};
use payterms_kernel::Refusal;
use payterms_proto::invoicing::v1::RotateWebhookSecretResponse;

/// Makes another secret. It is not in the answer yet.
///
/// # Errors
/// `RESOURCE_NOT_FOUND`, `WEBHOOKS_OFF`.
pub async fn rotate_webhook_secret(
    app: &App,
    call: &Call,
    RotateSecret { endpoint, old_valid_hours }: &RotateSecret,
) -> Result<Answer<RotateWebhookSecretResponse>, AppError> {
    let mut tx = app.db.begin(call).await?;
    let mut this_webhook_endpoint = webhook_endpoints::lock(tx.conn(), &call.tenant, *endpoint)
        .await?
        .ok_or_else(Refusal::not_found)?;
    if let Some(answer) = tx.replay().await? {
        return Ok(answer);
    }
    let sealed = make(key(app)?, this_webhook_endpoint.id)?;
    // By the machine's time, which receivers and deliveries have too.
    let real = tx.time().real;
    this_webhook_endpoint.rotate(
        sealed,
        call.request_id,
        real + TimeDelta::hours(i64::from(*old_valid_hours)),
        real,
        tx.now(),
    );
    publish_webhook_endpoint(&mut tx, &this_webhook_endpoint).await?;
    let webhook_endpoint = Some(messages::webhook_endpoints::webhook_endpoint(
        &call.tenant,
        &this_webhook_endpoint,
        real,
    ));
    tx.commit(RotateWebhookSecretResponse { webhook_endpoint, secret: String::new() }).await
}
