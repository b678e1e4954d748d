//! Secrets of webhook endpoints. They are stored sealed, and with their endpoint alone: the answer
//! of the request that made one is kept for a repeated request without it, and gets it from the
//! endpoint when it goes out. Once a secret signs no more it is nowhere.

use super::save::publish_webhook_endpoint;
use crate::{app::App, store::webhook_endpoints};
use futures::future::BoxFuture;
use payterms_chassis::{
    AppError, Call, WriteTx,
    seal::Seal,
    sealed::{SealedRow, SealedTable},
    transaction::Transaction,
    webhooks::{Secret, targets},
};
use payterms_invoicing_domain::WebhookEndpoint;
use payterms_kernel::{Id, Reason, Refusal, TenantId};
use payterms_proto::invoicing::v1 as pb;
use uuid::Uuid;

/// The key that secrets are sealed with.
///
/// # Errors
/// `WEBHOOKS_OFF` where the installation has none.
pub fn key(app: &App) -> Result<&Seal, AppError> {
    let message = "This installation sends no webhooks. Read events with EventService.";
    Ok(app
        .webhooks
        .seal
        .as_ref()
        .ok_or_else(|| Refusal::precondition(Reason::WEBHOOKS_OFF, message))?)
}

/// Makes a secret and seals it.
///
/// # Errors
/// `Fault` if it cannot be sealed.
pub fn make(seal: &Seal, endpoint: Id<WebhookEndpoint>) -> Result<Vec<u8>, AppError> {
    seal.seal(endpoint.uuid(), &Secret::make().shown()).map_err(AppError::Fault)
}

/// The secret that a request has made, for its answer; empty where it signs no more.
///
/// # Errors
/// `Fault` if it does not open.
pub async fn reveal(
    app: &App,
    call: &Call,
    of: Option<&pb::WebhookEndpoint>,
) -> Result<String, AppError> {
    let id = Id::from_uuid(targets::id_of(
        &call.tenant,
        of.map(|webhook_endpoint| webhook_endpoint.name.as_str()).unwrap_or_default(),
    )?);
    let found =
        webhook_endpoints::find(&app.db.read(&call.tenant).await?, &call.tenant, id).await?;
    let Some(secret) =
        found.as_ref().and_then(|webhook_endpoint| webhook_endpoint.secret_of(call.request_id))
    else {
        return Ok(String::new());
    };
    key(app)?
        .open(id.uuid(), &secret.sealed)
        .map_err(|error| AppError::Fault(format!("a secret of webhooks: {error}")))
}

/// The sealed secrets of endpoints.
#[must_use]
pub fn sealed(app: &App) -> SealedTable {
    SealedTable {
        name: "webhook_endpoints",
        seal: app.webhooks.seal.clone(),
        holds: "true",
        list: list_sealed,
        reseal: Some(reseal),
    }
}

fn list_sealed<'a>(
    conn: &'a Transaction,
    tenant: &'a TenantId,
    after: &'a str,
    limit: i64,
) -> BoxFuture<'a, Result<Vec<SealedRow>, AppError>> {
    Box::pin(async move {
        let after: Uuid = after.parse().unwrap_or_default();
        let found = webhook_endpoints::list(conn, tenant, after, limit.unsigned_abs()).await?;
        let row = |webhook_endpoint: WebhookEndpoint| SealedRow {
            key: webhook_endpoint.id.to_string(),
            values: webhook_endpoint.secrets.into_iter().map(|secret| secret.sealed).collect(),
        };
        Ok(found.into_iter().map(row).collect())
    })
}

/// Seals the secrets of an endpoint again, and tells the services that have copies. What tenants
/// see of it stays.
fn reseal<'a>(
    tx: &'a mut WriteTx,
    seal: &'a Seal,
    key: &'a str,
) -> BoxFuture<'a, Result<Result<(), String>, AppError>> {
    Box::pin(async move {
        let tenant = tx.call().tenant.clone();
        let id = Id::from_uuid(key.parse().unwrap_or_default());
        let Some(mut webhook_endpoint) = webhook_endpoints::lock(tx.conn(), &tenant, id).await?
        else {
            return Ok(Ok(()));
        };
        for secret in &mut webhook_endpoint.secrets {
            match seal.reseal(id.uuid().as_bytes(), &secret.sealed) {
                Ok(sealed) => secret.sealed = sealed,
                Err(why) => return Ok(Err(why)),
            }
        }
        publish_webhook_endpoint(tx, &webhook_endpoint).await.map(Ok)
    })
}
